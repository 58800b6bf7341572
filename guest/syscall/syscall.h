/* SPDX-License-Identifier: MIT
 *
 * System calls: Linux's numbers and registers (x86-64 psABI A.2.1). Each is a row of a .def file of this
 * folder and a function sys_NAME(), whose parameters are the call's, pointers being uint64_t NAME_gva.
 */
#ifndef GUEST_SYSCALL_SYSCALL_H
#define GUEST_SYSCALL_SYSCALL_H

#include <stdint.h>

struct trap_frame;

/* Their parameters are integers and pointers' addresses, one register each, so all may be called alike
 * (x86-64 psABI 3.2.3). */
typedef int64_t (*syscall_function)(uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t);

/* From the entry: calls what frame->rax names, and puts the result there. Interrupts on. */
void syscall_dispatch(struct trap_frame *frame);

#define SYSCALL_COUNT 462

/* For /proc: calls served, and calls of numbers that this kernel doesn't have. */
extern uint64_t syscall_counts[SYSCALL_COUNT];
extern uint64_t syscall_unknown_count;
const char *syscall_name(unsigned number); /* NULL: none of ours */

#endif

/* SPDX-License-Identifier: MIT
 *
 * How system calls arrive: by syscall into ring 0; or, on a deprivileged host, where syscall jumps to LSTAR
 * but stays in ring 3, by the exception that the stub there raises (trap_entry.S).
 */
#ifndef GUEST_ARCH_SYSCALL_ENTRY_H
#define GUEST_ARCH_SYSCALL_ENTRY_H

#include <stdbool.h>

struct trap_frame;

/* Whether this exception of user code is a system call; if so, frame looks like one afterwards. The first
 * one of all tells what kind of host this is. Interrupts off, CR2 not yet overwritten. */
bool syscall_entry_is(struct trap_frame *frame);

/* Serves the system call in frame. Interrupts off before and after. */
void syscall_entry(struct trap_frame *frame);

/* Whether syscall has been seen to stay in ring 3. */
bool syscall_stays_in_user(void);

#endif

/* SPDX-License-Identifier: MIT
 *
 * A user program: its address space, its way into ring 3 and back. One per CPU at a time, no
 * scheduling yet.
 */
#ifndef GUEST_PROC_USER_PROGRAM_H
#define GUEST_PROC_USER_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct trap_frame;

struct user_program {
	uint64_t *pml4;
	uint32_t pid;
	uint64_t fault_gva; /* CR2 of the page fault that ended it */
};

/* Results of process_run() that aren't exit statuses. */
enum { PROCESS_NO_MEMORY = -1000, PROCESS_BAD_IMAGE = -1001 };

/* Runs the embedded user program with argument in its first register until it exits. Returns its exit
 * status (0 to 255), -vector if an exception ended it (so #PF is -14), or PROCESS_*. Call with
 * interrupts on. */
int64_t process_run(uint64_t argument);

/* Whether syscall has been seen to stay in ring 3 (a deprivileged host). */
bool process_syscall_stays_in_user(void);

/* From trap_dispatch(): a system call or an exception of the running process. */
void process_syscall(struct trap_frame *frame);
void process_exception(struct trap_frame *frame);

/* Copies from a process. false: not all of it is mapped for user code. */
bool process_copy_in(const struct user_program *process, void *to, uint64_t user_gva, size_t bytes);

/* Ends the running process with a result for process_run(). */
_Noreturn void process_end(int64_t result);

#endif

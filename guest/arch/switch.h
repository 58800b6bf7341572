/* SPDX-License-Identifier: MIT
 *
 * From one task to another, and what belongs to user mode: FPU state and segment bases.
 */
#ifndef GUEST_ARCH_SWITCH_H
#define GUEST_ARCH_SWITCH_H

#include <stdint.h>

struct fpu_state;
struct task;

/* Prepares a new task's stack so that the first switch to it calls start(previous), on its own stack and
 * with interrupts off, previous being the task that ran before. It must never return. */
void switch_prepare(struct task *task, void (*start)(struct task *previous));

/* Makes next the running task of this CPU: its stack, address space, kernel entry stack, segment bases
 * and FPU state. Returns when somebody switches back, with the task that ran before. Interrupts off. */
struct task *switch_to(struct task *previous, struct task *next);

/* Goes to user mode with the registers of the running task's frame, whose place is where stack_frame()
 * says. Interrupts off. */
_Noreturn void switch_to_user(void);

/* Where a task's frame of user mode lies: at the top of its stack, as the entry from there leaves it. */
struct trap_frame *stack_frame(uint64_t stack);

/* The FPU registers of the running task, which has user mode. Loading clears MXCSR's reserved bits in state. */
void fpu_save(struct fpu_state *state);
void fpu_load(struct fpu_state *state);
/* As after exec. */
void fpu_reset(void);

/* Makes task->fs_base and gs_base of the running task effective. */
void switch_load_segment_bases(void);

#endif

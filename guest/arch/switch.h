/* SPDX-License-Identifier: MIT
 *
 * From one task to another.
 */
#ifndef GUEST_ARCH_SWITCH_H
#define GUEST_ARCH_SWITCH_H

#include <stdint.h>

struct task;
struct trap_frame;

/* Prepares a new task's stack so that the first switch to it calls start(task) with interrupts off; it
 * must never return. */
void switch_prepare(struct task *task, void (*start)(struct task *task));

/* Makes next the running task of this CPU: its stack, address space, kernel entry stack, FS base and FPU
 * state. Returns when somebody switches back, with the task that ran before then. Interrupts off. */
struct task *switch_to(struct task *previous, struct task *next);

/* Goes to user mode with the registers of task->frame. Interrupts off; the stack starts anew. */
_Noreturn void switch_to_user(struct task *task);

#endif

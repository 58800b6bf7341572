/* SPDX-License-Identifier: MIT
 *
 * Kernel stacks of tasks. Each is aligned to its size, with a page that isn't mapped below it; its lowest
 * bytes say whose it is, so that the running CPU and task are found by rounding the stack pointer down.
 */
#ifndef GUEST_ARCH_STACK_H
#define GUEST_ARCH_STACK_H

#include <stdint.h>

struct cpu;
struct task;

/* At the lowest address of every kernel stack, and at the start of every CPU's area. */
struct stack_base {
	struct cpu *cpu;   /* that runs on it now; set by each switch */
	struct task *task; /* whose stack it is */
};

/* A stack for task: its lowest address, or 0: no memory. Keeps a few old ones at hand. */
uint64_t stack_create(struct task *task);
void stack_free(uint64_t stack);

uint64_t stack_top(uint64_t stack);

/* The stack that this CPU came up on becomes task's, its idle task. */
void stack_adopt(struct task *task);

#endif

/* SPDX-License-Identifier: MIT
 *
 * Kernel stacks of tasks. Each is aligned to its size, with memory that isn't mapped below it; its lowest
 * bytes say whose it is, so that the running CPU and task are found by rounding the stack pointer down.
 */
#ifndef GUEST_ARCH_STACK_H
#define GUEST_ARCH_STACK_H

#include <stdint.h>

#include "guest/mm/layout.h"

struct cpu;
struct task;

/* At the lowest address of every kernel stack, and at the start of every CPU's area. */
struct stack_base {
	struct cpu *cpu;   /* that runs on it now; set by each switch */
	struct task *task; /* whose stack it is; NULL: before there were tasks */
};

static inline struct stack_base *stack_base_this(void)
{
	uint64_t rsp;

	asm volatile("mov %%rsp, %0" : "=r"(rsp)); /* volatile: differs after a stack switch */
	return (struct stack_base *)(rsp & ~(uint64_t)(STACK_BYTES - 1));
}

/* The running task. */
static inline struct task *task_this(void)
{
	return stack_base_this()->task;
}

static inline uint64_t stack_top(uint64_t stack)
{
	return stack + STACK_BYTES;
}

/* A stack for task: its lowest address, or 0: no memory. */
uint64_t stack_create(struct task *task);

/* Not the one that the caller stands on. */
void stack_free(uint64_t stack);

/* Frames that stacks take, those kept at hand for the next task included. */
uint64_t stack_frame_count(void);

/* The stack that this CPU came up on becomes task's, its idle task. */
void stack_adopt(struct task *task);

#endif

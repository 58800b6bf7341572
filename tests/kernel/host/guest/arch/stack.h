/* SPDX-License-Identifier: MIT
 *
 * On the host: the running task is whom the test says. Shadows guest/arch/stack.h.
 */
#ifndef GUEST_ARCH_STACK_H
#define GUEST_ARCH_STACK_H

#include <stdint.h>

#include "guest/mm/layout.h"

struct cpu;
struct task;

struct stack_base {
	struct cpu *cpu;
	struct task *task;
};

extern struct task *host_task;

static inline struct task *task_this(void)
{
	return host_task;
}

uint64_t stack_create(struct task *task);
void stack_free(uint64_t stack);
void stack_adopt(struct task *task);
uint64_t stack_frame_count(void);

#endif

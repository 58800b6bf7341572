/* SPDX-License-Identifier: MIT
 *
 * On the host: the one processor. Shadows guest/arch/cpu.h.
 */
#ifndef GUEST_ARCH_CPU_H
#define GUEST_ARCH_CPU_H

#include <stdbool.h>
#include <stdint.h>

#include "guest/arch/segments.h"
#include "guest/arch/stack.h"
#include "guest/arch/tlb.h"
#include "guest/hyper/steal.h"
#include "guest/mm/layout.h"

struct run_queue;

struct cpu {
	struct stack_base base;
	uint32_t index, apic_id;
	bool online, reschedule;
	struct run_queue *queue;
	uint64_t tick_count, trap_count;
};

struct cpu_features {
	bool large_gib_pages, x2apic, tsc_deadline, smep, smap, umip;
};
extern struct cpu_features cpu_features;
extern struct cpu host_cpu;

static inline struct cpu *cpu_this(void)
{
	return &host_cpu;
}

static inline struct cpu *cpu_at(unsigned index)
{
	(void)index;
	return &host_cpu;
}

#endif

/* SPDX-License-Identifier: MIT
 *
 * On the host: the one processor. Shadows guest/arch/cpu.h.
 */
#ifndef GUEST_ARCH_CPU_H
#define GUEST_ARCH_CPU_H

#include <stdbool.h>
#include <stdint.h>

#include "guest/mm/layout.h"

struct task;

struct cpu {
	struct task *task;
	uint32_t index, apic_id;
	bool online;
	uint64_t tick_count;
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
	return index ? 0 : &host_cpu;
}

#endif

/* SPDX-License-Identifier: MIT
 *
 * Help with interrupts and TLBs: ends of interrupts without an exit, several interrupts with one, flushes that a
 * CPU makes up for when it runs again (Linux, Documentation/virt/kvm/x86/msr.rst, cpuid.rst, hypercalls.rst).
 */
#ifndef GUEST_HYPER_PARAVIRT_H
#define GUEST_HYPER_PARAVIRT_H

#include <stdbool.h>
#include <stdint.h>

#include "guest/arch/cpu.h"

/* Starts what the hypervisor has on the running CPU. */
void paravirt_start(struct cpu *cpu);

/* Whether this end of interrupt needs no telling. One instruction: the hypervisor may take the bit back between
 * any two. */
static inline bool paravirt_eoi(struct cpu *cpu)
{
	bool done;

	asm volatile("btrl $0, %0" : "+m"(cpu->eoi_done), "=@ccc"(done) : : "memory");
	return done;
}

/* Whether cpu isn't running and will forget all translations before it does. */
bool paravirt_flush_later(struct cpu *cpu);

/* The vector to all CPUs of mask with one exit. false: it wasn't sent. */
bool paravirt_send(uint64_t mask, unsigned vector);

/* Somebody who waits for a lock gives the CPU away: whoever has it may be waiting for that. */
void paravirt_lock_yield(void);

#endif

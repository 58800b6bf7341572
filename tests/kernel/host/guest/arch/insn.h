/* SPDX-License-Identifier: MIT
 *
 * On the host: single instructions of ring 0 as a model of one processor. Shadows guest/arch/insn.h.
 */
#ifndef GUEST_ARCH_INSN_H
#define GUEST_ARCH_INSN_H

#include <stdbool.h>
#include <stdint.h>

_Noreturn void abort(void); /* <stdlib.h> has names that the kernel has too */

#define RFLAGS_IF (1ull << 9)

/* Of the one processor; fakes/cpu.c. */
extern uint64_t host_rflags, host_cr2, host_cr3;
extern unsigned host_spinlocks_held, host_tlb_page_flushes, host_cr3_loads;

static inline uint64_t rflags_read(void)
{
	return host_rflags;
}

static inline void irq_disable(void)
{
	host_rflags &= ~RFLAGS_IF;
}

static inline void irq_enable(void)
{
	if (host_spinlocks_held)
		abort(); /* interrupts stay off while a spinlock is held */
	host_rflags |= RFLAGS_IF;
}

static inline uint64_t irq_save(void)
{
	const uint64_t flags = rflags_read();

	irq_disable();
	return flags;
}

static inline void irq_restore(uint64_t flags)
{
	if (flags & RFLAGS_IF)
		irq_enable();
}

/* There is no other processor, nor an interrupt. */
static inline void cpu_sleep(void)
{
	abort();
}

static inline void cpu_relax(void)
{
}

static inline void memory_fence(void)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

static inline void memory_order(void)
{
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
}

static inline uint64_t cr2_read(void)
{
	return host_cr2;
}

static inline uint64_t cr3_read(void)
{
	return host_cr3;
}

static inline void cr3_write(uint64_t value)
{
	host_cr3 = value;
	host_cr3_loads++;
}

static inline void tlb_flush_page(uint64_t gva)
{
	(void)gva;
	host_tlb_page_flushes++;
}

struct cpuid {
	uint32_t eax, ebx, ecx, edx;
};

static inline struct cpuid cpuid_read(uint32_t leaf, uint32_t subleaf)
{
	(void)leaf, (void)subleaf;
	return (struct cpuid){0};
}

static inline uint64_t tsc_read(void)
{
	static uint64_t ticks;

	return ticks += 100;
}

#endif

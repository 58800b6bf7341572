/* SPDX-License-Identifier: MIT
 *
 * Single instructions as functions, nothing else. Only baseline x86-64: what is here must also be
 * known to KVM's instruction emulator, which runs ring 0 on deprivileged hosts (so no mfence,
 * rdtscp, popcnt, cmpxchg16b, clac).
 */
#ifndef GUEST_ARCH_INSN_H
#define GUEST_ARCH_INSN_H

#include <stdbool.h>
#include <stdint.h>

static inline void io_write8(uint16_t port, uint8_t value)
{
	asm volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static inline void io_write16(uint16_t port, uint16_t value)
{
	asm volatile("outw %0, %1" : : "a"(value), "Nd"(port));
}

static inline void io_write32(uint16_t port, uint32_t value)
{
	asm volatile("outl %0, %1" : : "a"(value), "Nd"(port));
}

static inline uint8_t io_read8(uint16_t port)
{
	uint8_t value;

	asm volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

static inline uint16_t io_read16(uint16_t port)
{
	uint16_t value;

	asm volatile("inw %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

static inline uint32_t io_read32(uint16_t port)
{
	uint32_t value;

	asm volatile("inl %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

/* count words in a row from or to one port; one exit for many of them where the host can. */
static inline void io_read16_row(uint16_t port, void *to, uint32_t count)
{
	uint64_t left = count;

	asm volatile("rep insw" : "+D"(to), "+c"(left) : "d"(port) : "memory");
}

static inline void io_write16_row(uint16_t port, const void *from, uint32_t count)
{
	uint64_t left = count;

	asm volatile("rep outsw" : "+S"(from), "+c"(left) : "d"(port) : "memory");
}

#define DEFINE_MMIO(bits, suffix, constraint)                                                    \
	static inline uint##bits##_t mmio_read##bits(const volatile void *at)                    \
	{                                                                                        \
		uint##bits##_t value;                                                            \
		asm volatile("mov" suffix " (%1), %0" : constraint(value) : "r"(at) : "memory"); \
		return value;                                                                    \
	}                                                                                        \
	static inline void mmio_write##bits(volatile void *at, uint##bits##_t value)             \
	{                                                                                        \
		asm volatile("mov" suffix " %0, (%1)" : : "r"(value), "r"(at) : "memory");       \
	}

/* Device registers, each access exactly one plain move of that width. */
DEFINE_MMIO(8, "b", "=q")
DEFINE_MMIO(16, "w", "=r")
DEFINE_MMIO(32, "l", "=r")
#undef DEFINE_MMIO

static inline uint64_t msr_read(uint32_t msr)
{
	uint32_t low, high;

	asm volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
	return (uint64_t)high << 32 | low;
}

static inline void msr_write(uint32_t msr, uint64_t value)
{
	asm volatile("wrmsr"
		     :
		     : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32))
		     : "memory");
}

static inline uint64_t tsc_read(void)
{
	uint32_t low, high;

	asm volatile("rdtsc" : "=a"(low), "=d"(high) : : "memory");
	return (uint64_t)high << 32 | low;
}

struct cpuid {
	uint32_t eax, ebx, ecx, edx;
};

static inline struct cpuid cpuid_read(uint32_t leaf, uint32_t subleaf)
{
	struct cpuid r;

	asm volatile("cpuid"
		     : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx)
		     : "a"(leaf), "c"(subleaf));
	return r;
}

#define DEFINE_CONTROL_REGISTER(name)                                       \
	static inline uint64_t name##_read(void)                            \
	{                                                                   \
		uint64_t value;                                             \
		asm volatile("mov %%" #name ", %0" : "=r"(value));          \
		return value;                                               \
	}                                                                   \
	static inline void name##_write(uint64_t value)                     \
	{                                                                   \
		asm volatile("mov %0, %%" #name : : "r"(value) : "memory"); \
	}

DEFINE_CONTROL_REGISTER(cr0)
DEFINE_CONTROL_REGISTER(cr2)
DEFINE_CONTROL_REGISTER(cr3)
DEFINE_CONTROL_REGISTER(cr4)
#undef DEFINE_CONTROL_REGISTER

#define RFLAGS_IF (1ull << 9)

static inline uint64_t rflags_read(void)
{
	uint64_t flags;

	asm volatile("pushfq; popq %0" : "=r"(flags) : : "memory");
	return flags;
}

static inline void irq_disable(void)
{
	asm volatile("cli" : : : "memory");
}

static inline void irq_enable(void)
{
	asm volatile("sti" : : : "memory");
}

/* Off, and back to what they were. */
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

/* Sleeps until an interrupt; called with interrupts off, returns with them off. The shadow of sti
 * covers hlt, so an interrupt that is already pending ends the sleep instead of preceding it. */
static inline void cpu_sleep(void)
{
	asm volatile("sti; hlt; cli" : : : "memory");
}

static inline void cpu_relax(void)
{
	asm volatile("pause" : : : "memory");
}

/* Orders an earlier store before a later load, which x86 does not by itself. */
static inline void memory_fence(void)
{
	asm volatile("lock orl $0, (%%rsp)" : : : "memory", "cc");
}

/* The compiler's order of loads and stores, which is all that x86 needs for the other three pairs. */
static inline void memory_order(void)
{
	asm volatile("" : : : "memory");
}

static inline void tlb_flush_page(uint64_t gva)
{
	asm volatile("invlpg (%0)" : : "r"(gva) : "memory");
}

#endif

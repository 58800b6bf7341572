/* SPDX-License-Identifier: MIT
 *
 * TLB shootdown (Intel SDM vol. 3 §4.10.5): one request at a time; everybody who is asked says done.
 * A CPU that spins for a lock with interrupts off doesn't take the IPI, so spinning serves requests too
 * (spinlock.h); this is why asking with a lock held can't end in a circle.
 */
#include "guest/arch/tlb.h"

#include <stdbool.h>
#include <stddef.h>

#include "guest/arch/cpu.h"
#include "guest/arch/insn.h"
#include "guest/arch/lapic.h"
#include "guest/arch/smp.h"
#include "guest/arch/spinlock.h"
#include "guest/arch/trap.h"
#include "guest/hyper/paravirt.h"
#include "guest/mm/paging.h"
#include "guest/mm/space.h"

#define SINGLE_PAGES_MAX 32 /* more: CR3 is loaded anew */

static struct {
	uint32_t busy; /* one request at a time */
	uint64_t start_gva, end_gva;
	uint32_t to_do; /* CPUs that haven't done so yet */
} request;

/* No page is global, so loading CR3 forgets the kernel's half too. */
static void flush_here(uint64_t start_gva, uint64_t end_gva)
{
	if (end_gva - start_gva > SINGLE_PAGES_MAX * PAGE_BYTES) {
		cr3_write(cr3_read());
		return;
	}
	for (uint64_t gva = start_gva; gva < end_gva; gva += PAGE_BYTES)
		tlb_flush_page(gva);
}

void tlb_serve(void)
{
	struct cpu *cpu = cpu_this();

	if (!__atomic_load_n(&cpu->tlb_asked, __ATOMIC_RELAXED)) {
		cpu_relax(); /* whom the caller waits for may need this CPU's time */
		return;
	}
	if (!__atomic_exchange_n(&cpu->tlb_asked, false, __ATOMIC_ACQUIRE))
		return; /* acquire: pairs with ask() */
	flush_here(request.start_gva, request.end_gva);
	__atomic_fetch_sub(&request.to_do, 1,
			   __ATOMIC_RELEASE); /* pairs with the wait in flush() */
}

/* A CPU that has looked so often looks on for a CPU that the host doesn't run now, most likely. */
#define LOOKS_MAX 2000

void spin_wait(const uint32_t *held)
{
	for (unsigned looks = 0; __atomic_load_n(held, __ATOMIC_RELAXED); looks++) {
		tlb_serve();
		if (looks % LOOKS_MAX == LOOKS_MAX - 1)
			paravirt_lock_yield();
	}
}

static void on_request(unsigned vector)
{
	(void)vector;
	tlb_serve();
}

void tlb_init(void)
{
	trap_set_handler(VECTOR_TLB, on_request);
}

static void ask(struct cpu *cpu)
{
	__atomic_fetch_add(&request.to_do, 1, __ATOMIC_RELAXED);
	__atomic_store_n(&cpu->tlb_asked, true, __ATOMIC_RELEASE); /* pairs with tlb_serve() */
}

/* Those of mask that don't run now do it later, by themselves: all others. */
static uint64_t without_sleepers(uint64_t mask)
{
	uint64_t running = mask;

	for (; mask; mask &= mask - 1)
		if (paravirt_flush_later(cpu_at(__builtin_ctzll(mask))))
			running &= ~(mask & -mask);
	return running;
}

static void interrupt(uint64_t mask)
{
	if (mask & (mask - 1) && paravirt_send(mask, VECTOR_TLB))
		return;
	for (; mask; mask &= mask - 1)
		lapic_send(cpu_at(__builtin_ctzll(mask))->apic_id, VECTOR_TLB);
}

/* On this CPU and those of mask. Interrupts off. */
static void flush(uint64_t mask, uint64_t start_gva, uint64_t end_gva)
{
	const unsigned self = cpu_this()->index;

	flush_here(start_gva, end_gva);
	mask = without_sleepers(mask & ~(1ull << self));
	if (!mask)
		return;
	while (__atomic_exchange_n(&request.busy, 1, __ATOMIC_ACQUIRE))
		tlb_serve();
	request.start_gva = start_gva;
	request.end_gva = end_gva;
	for (uint64_t left = mask; left; left &= left - 1)
		ask(cpu_at(__builtin_ctzll(left)));
	interrupt(mask);
	spin_wait(&request.to_do); /* nobody else can ask us meanwhile */
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	__atomic_store_n(&request.busy, 0, __ATOMIC_RELEASE);
}

void tlb_flush_range(struct space *space, uint64_t start_gva, uint64_t end_gva)
{
	const uint64_t irq = rflags_read();
	uint64_t mask;

	irq_disable();
	memory_fence(); /* the entries' change before who uses them is read; pairs with space_switch() */
	mask = __atomic_load_n(&space->running_on, __ATOMIC_RELAXED);
	if (mask)
		flush(mask, start_gva, end_gva);
	if (irq & RFLAGS_IF)
		irq_enable();
}

void tlb_flush_kernel(uint64_t start_gva, uint64_t end_gva)
{
	const uint64_t irq = rflags_read();

	irq_disable();
	flush(smp_online_mask(), start_gva, end_gva);
	if (irq & RFLAGS_IF)
		irq_enable();
}

/* SPDX-License-Identifier: MIT
 *
 * LAPIC access. Register numbers are xAPIC offsets; x2APIC has the same register at MSR 0x800 +
 * offset / 16 (§10.12.1.2), except that the two halves of ICR are one MSR.
 */
#include "guest/arch/lapic.h"

#include "guest/arch/cpu.h"
#include "guest/arch/insn.h"
#include "guest/board/machine.h"
#include "guest/hyper/features.h"
#include "guest/hyper/paravirt.h"
#include "guest/mm/paging.h"

#define MSR_APIC_BASE 0x1b
#define APIC_BASE_ENABLE (1u << 11)
#define APIC_BASE_X2APIC (1u << 10)
#define MSR_X2APIC 0x800
#define MSR_TSC_DEADLINE 0x6e0

enum lapic_register {
	LAPIC_ID = 0x20,
	LAPIC_EOI = 0xb0,
	LAPIC_SPURIOUS = 0xf0,
	LAPIC_ICR = 0x300,
	LAPIC_ICR_HIGH = 0x310,
	LAPIC_LVT_TIMER = 0x320,
	LAPIC_LVT_LINT0 = 0x350,
	LAPIC_LVT_LINT1 = 0x360,
	LAPIC_LVT_ERROR = 0x370,
	LAPIC_TIMER_INITIAL = 0x380,
	LAPIC_TIMER_CURRENT = 0x390,
	LAPIC_TIMER_DIVIDE = 0x3e0
};
#define SPURIOUS_ENABLE 0x100
#define LVT_MASKED 0x10000
#define LVT_PERIODIC 0x20000
#define LVT_DEADLINE 0x40000
#define DIVIDE_BY_1 0xb
#define ICR_NMI 0x400
#define ICR_INIT 0x500
#define ICR_STARTUP 0x600
#define ICR_BUSY 0x1000
#define ICR_ASSERT 0x4000
#define ICR_OTHERS 0xc0000

static bool ready, x2apic;

static volatile uint32_t *mmio(enum lapic_register reg)
{
	return (volatile uint32_t *)(WINDOW_LAPIC + reg);
}

static uint32_t read(enum lapic_register reg)
{
	return x2apic ? (uint32_t)msr_read(MSR_X2APIC + reg / 16) : *mmio(reg);
}

static void write(enum lapic_register reg, uint32_t value)
{
	if (x2apic)
		msr_write(MSR_X2APIC + reg / 16, value);
	else
		*mmio(reg) = value;
}

void lapic_init(void)
{
	const uint64_t base = msr_read(MSR_APIC_BASE);

	x2apic = (base & APIC_BASE_X2APIC) || (cpu_features.x2apic && !machine_has_word("xapic"));
	if (!x2apic)
		paging_map(kernel_pml4, WINDOW_LAPIC, base & 0xffffff000ull,
			   PTE_WRITE | PTE_NX | PTE_UNCACHED);
	ready = true;
}

void lapic_start(void)
{
	const uint64_t base = msr_read(MSR_APIC_BASE);
	const uint64_t wanted = base | APIC_BASE_ENABLE | (x2apic ? APIC_BASE_X2APIC : 0);

	if (wanted != base)
		msr_write(MSR_APIC_BASE, wanted);
	write(LAPIC_LVT_TIMER, LVT_MASKED);
	write(LAPIC_LVT_LINT0, LVT_MASKED);
	write(LAPIC_SPURIOUS, SPURIOUS_ENABLE | VECTOR_SPURIOUS);
}

uint32_t lapic_id(void)
{
	return x2apic ? read(LAPIC_ID) : read(LAPIC_ID) >> 24;
}

bool lapic_is_x2apic(void)
{
	return x2apic;
}

void lapic_end_of_interrupt(void)
{
	if (paravirt_eoi(cpu_this()))
		pv_counted(PV_EOI);
	else
		write(LAPIC_EOI, 0);
}

void lapic_timer_periodic(unsigned vector, uint32_t count)
{
	write(LAPIC_TIMER_DIVIDE, DIVIDE_BY_1);
	write(LAPIC_LVT_TIMER, LVT_PERIODIC | (vector ? vector : LVT_MASKED));
	write(LAPIC_TIMER_INITIAL, count);
}

void lapic_timer_use_count(unsigned vector)
{
	write(LAPIC_TIMER_DIVIDE, DIVIDE_BY_1);
	write(LAPIC_LVT_TIMER, vector);
}

void lapic_timer_once(uint32_t count)
{
	write(LAPIC_TIMER_INITIAL, count);
}

void lapic_timer_use_deadline(unsigned vector)
{
	write(LAPIC_LVT_TIMER, LVT_DEADLINE | vector);
}

void lapic_timer_deadline(uint64_t tsc)
{
	msr_write(MSR_TSC_DEADLINE, tsc);
}

uint32_t lapic_timer_left(void)
{
	return read(LAPIC_TIMER_CURRENT);
}

static void send(uint32_t apic_id, uint32_t command)
{
	if (x2apic) {
		msr_write(MSR_X2APIC + LAPIC_ICR / 16, (uint64_t)apic_id << 32 | command);
		return;
	}
	*mmio(LAPIC_ICR_HIGH) = apic_id << 24;
	*mmio(LAPIC_ICR) = command;
	for (unsigned i = 0; i < 1000 && (*mmio(LAPIC_ICR) & ICR_BUSY); i++)
		cpu_relax();
}

void lapic_send(uint32_t apic_id, unsigned vector)
{
	send(apic_id, ICR_ASSERT | vector);
}

void lapic_stop_others(void)
{
	if (ready)
		send(0, ICR_ASSERT | ICR_NMI | ICR_OTHERS);
}

void lapic_send_init(uint32_t apic_id)
{
	send(apic_id, ICR_ASSERT | ICR_INIT);
}

void lapic_send_startup(uint32_t apic_id, uint32_t page_gpa)
{
	send(apic_id, ICR_ASSERT | ICR_STARTUP | page_gpa / PAGE_BYTES);
}

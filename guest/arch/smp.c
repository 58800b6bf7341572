/* SPDX-License-Identifier: MIT
 *
 * Multiprocessor start (Intel SDM vol. 3 §8.4.4): INIT and startup IPIs to each LAPIC of the table.
 * The areas of all CPUs are made first, so they may all wake at once, each finding its own by its
 * APIC ID in trampoline.S.
 */
#include "guest/arch/smp.h"

#include "guest/arch/cpu.h"
#include "guest/arch/insn.h"
#include "guest/arch/lapic.h"
#include "guest/board/machine.h"
#include "guest/hyper/paravirt.h"
#include "guest/lib/print.h"
#include "guest/lib/string.h"
#include "guest/mm/paging.h"
#include "guest/sched/schedule.h"
#include "guest/sched/timer.h"
#include "guest/time/clock.h"

extern const char trampoline_start[], trampoline_end[];

uint8_t smp_index_of_apic_id[256]; /* read by trampoline.S */
static unsigned online_count = 1;
static uint64_t online_mask = 1;

_Noreturn void smp_cpu_main(struct cpu *cpu);

void smp_init(uint32_t boot_apic_id)
{
	unsigned boot = 0;

	while (boot < machine.cpu_count && machine.apic_id[boot] != boot_apic_id)
		boot++;
	if (boot == machine.cpu_count) { /* not in the table, or no table */
		if (machine.cpu_count < CPU_MAX)
			machine.cpu_count++;
		boot = machine.cpu_count - 1;
	}
	machine.apic_id[boot] = machine.apic_id[0];
	machine.apic_id[0] = boot_apic_id;
	for (unsigned i = 0; i < machine.cpu_count; i++)
		smp_index_of_apic_id[machine.apic_id[i]] = i;
}

void smp_start(void)
{
	memcpy(direct(TRAMPOLINE_GPA), trampoline_start, trampoline_end - trampoline_start);
	for (unsigned i = 1; i < machine.cpu_count; i++)
		if (!cpu_create(i, machine.apic_id[i])) {
			print("no memory for CPUs %u to %u\n", i, machine.cpu_count - 1);
			machine.cpu_count = i;
		}
	for (unsigned i = 1; i < machine.cpu_count; i++)
		lapic_send_init(machine.apic_id[i]);
	for (unsigned i = 1; i < machine.cpu_count; i++)
		lapic_send_startup(machine.apic_id[i], TRAMPOLINE_GPA);
}

/* First C code of an application processor, on its own stack, with interrupts off. */
void smp_cpu_main(struct cpu *cpu)
{
	cr3_write(image_gpa(kernel_pml4));
	cpu_load(cpu);
	lapic_start();
	clock_start_cpu(cpu);
	paravirt_start(cpu);
	timer_start_cpu();
	sched_start_cpu();
	cpu->online = true;
	if (cpu->index < 64)
		__atomic_fetch_or(&online_mask, 1ull << cpu->index, __ATOMIC_RELEASE);
	if (__atomic_add_fetch(&online_count, 1, __ATOMIC_RELEASE) == machine.cpu_count)
		lapic_send(machine.apic_id[0], VECTOR_WAKE); /* the boot CPU waits in smp_wait() */
	sched_idle();
}

uint64_t smp_online_mask(void)
{
	return __atomic_load_n(&online_mask, __ATOMIC_ACQUIRE);
}

unsigned smp_online_count(void)
{
	return __atomic_load_n(&online_count, __ATOMIC_ACQUIRE);
}

unsigned smp_wait(uint64_t limit_ns)
{
	const uint64_t end = clock_ns() + limit_ns;

	irq_disable();
	while (smp_online_count() < machine.cpu_count && clock_ns() < end)
		cpu_sleep(); /* the tick ends it, or the last CPU's VECTOR_WAKE */
	irq_enable();
	return smp_online_count();
}

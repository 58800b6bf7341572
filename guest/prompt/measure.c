/* SPDX-License-Identifier: MIT
 *
 * Round trips and privileged instructions, timed with the TSC; the minimum of some rounds is what the path
 * costs. On a deprivileged host they show what a switch and a trap are made of there.
 */
#include "guest/prompt/measure.h"

#include <stddef.h>

#include "guest/arch/cpu.h"
#include "guest/arch/insn.h"
#include "guest/arch/lapic.h"
#include "guest/arch/switch.h"
#include "guest/arch/trap.h"
#include "guest/hyper/hypercall.h"
#include "guest/lib/print.h"
#include "guest/sched/task.h"
#include "guest/time/clock.h"

#define MSR_FS_BASE 0xc0000100
#define SOON_NS 1000000
#define PORT_POST 0x80 /* where PCs show their progress; harmless */

static void nothing(void)
{
}

static void call_vmm(void)
{
	hypercall(HYPERCALL_FEATURES, 0, 0);
}

static void ring(void)
{
	hypercall_doorbell(0);
}

static void call_kvm(void)
{
	hypercall_kvm(KVM_HC_VAPIC_POLL_IRQ, 0, 0, 0, 0);
}

static void write_port(void)
{
	io_write8(PORT_POST, 0);
}

static void read_lapic(void)
{
	lapic_id();
}

static void read_cpuid(void)
{
	cpuid_read(0, 0);
}

static void end_of_interrupt(void)
{
	lapic_end_of_interrupt();
}

/* A moment later, in case that was the next tick's. */
static void arm_timer(void)
{
	if (cpu_features.tsc_deadline)
		lapic_timer_deadline(tsc_read() + clock_ns_to_tsc(SOON_NS));
	else
		lapic_timer_once(clock_ns_to_lapic(SOON_NS));
}

static void read_clock(void)
{
	clock_ns();
}

static void switch_interrupts(void)
{
	irq_restore(irq_save());
}

static void write_fs_base(void)
{
	msr_write(MSR_FS_BASE, 0);
}

static void flush_page(void)
{
	tlb_flush_page((uint64_t)&cpu_features);
}

static void load_cr3(void)
{
	cr3_write(cr3_read());
}

static void read_cr2(void)
{
	cr2_read();
}

static void save_and_load_fpu(void)
{
	struct fpu_state state;

	fpu_save(&state);
	fpu_load(&state);
}

static void return_from_interrupt(void)
{
	asm volatile("mov %%rsp, %%rax\n\tpush %0\n\tpush %%rax\n\tpushfq\n\tpush %1\n\t"
		     "lea 1f(%%rip), %%rax\n\tpush %%rax\n\tiretq\n1:"
		     :
		     : "i"(KERNEL_DS), "i"(KERNEL_CS)
		     : "rax", "memory");
}

static void raise(void *unused)
{
	(void)unused;
	asm volatile("ud2");
}

static void fault(void)
{
	trap_catch(raise, NULL, NULL);
}

static void store_in_a_loop(void)
{
	uint64_t word, left = 100;

	asm volatile("1: mov %1, %0\n\tdec %1\n\tjnz 1b" : "=m"(word), "+r"(left));
}

static void measure(void (*function)(void), unsigned rounds, struct measure_result *result)
{
	uint64_t best = UINT64_MAX, sum = 0;

	for (unsigned i = 0; i < rounds; i++) {
		const uint64_t start = tsc_read();
		uint64_t took;

		function();
		took = tsc_read() - start;
		sum += took;
		if (took < best)
			best = took;
	}
	result->min_ns = clock_tsc_to_ns(best);
	result->mean_ns = clock_tsc_to_ns(sum / rounds);
}

void measure_hypercall(unsigned rounds, struct measure_result *result)
{
	measure(call_vmm, rounds, result);
}

bool measure_doorbell(unsigned rounds, struct measure_result *result)
{
	if (!(hypercall_features() & HYPERCALL_FEATURE_DOORBELL))
		return false;
	measure(ring, rounds, result);
	return true;
}

bool measure_kvm_hypercall(unsigned rounds, struct measure_result *result)
{
	if (!(hypercall_features() & HYPERCALL_FEATURE_KVM_ENTRY))
		return false;
	measure(call_kvm, rounds, result);
	return true;
}

static void print_row(const char *name, void (*function)(void), unsigned rounds)
{
	struct measure_result result;

	measure(function, rounds, &result);
	print("  %-24s %8lu %8lu\n", name, result.min_ns, result.mean_ns);
}

static void print_instructions(unsigned rounds)
{
	print_row("EOI", end_of_interrupt, rounds);
	print_row("arming the timer", arm_timer, rounds);
	print_row("reading the clock", read_clock, rounds);
	print_row("pushfq, cli, sti", switch_interrupts, rounds);
	print_row("WRMSR FS_BASE", write_fs_base, rounds);
	print_row("INVLPG", flush_page, rounds);
	print_row("loading CR3", load_cr3, rounds);
	print_row("reading CR2", read_cr2, rounds);
	print_row("fxsave, fxrstor, a copy", save_and_load_fpu, rounds);
	print_row("iretq", return_from_interrupt, rounds);
	print_row("#UD", fault, rounds);
	print_row("a loop of 3 * 100", store_in_a_loop, rounds);
}

void measure_print_all(unsigned rounds)
{
	print("  %-24s %8s %8s   ns, %u rounds\n", "", "min", "mean", rounds);
	print_row("an empty function", nothing, rounds);
	print_row("CPUID", read_cpuid, rounds);
	print_row("port 0x80 write", write_port, rounds);
	print_row("LAPIC ID read", read_lapic, rounds);
	print_instructions(rounds);
	if (!hypercall_available()) {
		print("  hypercalls: not available, this is not Vitrine\n");
		return;
	}
	print_row("hypercall to the VMM", call_vmm, rounds);
	if (hypercall_features() & HYPERCALL_FEATURE_DOORBELL)
		print_row("doorbell", ring, rounds);
	if (hypercall_features() & HYPERCALL_FEATURE_KVM_ENTRY)
		print_row("hypercall to KVM", call_kvm, rounds);
	else
		print("  hypercall to KVM: not on this host\n");
}

/* SPDX-License-Identifier: MIT
 *
 * Round trips, timed with the TSC; the minimum of some rounds is what the path costs.
 */
#include "guest/prompt/measure.h"

#include "guest/arch/insn.h"
#include "guest/arch/lapic.h"
#include "guest/hyper/hypercall.h"
#include "guest/lib/print.h"
#include "guest/time/clock.h"

#define PORT_POST 0x80		/* where PCs show their progress; harmless */
#define KVM_HC_VAPIC_POLL_IRQ 1 /* does nothing: a round trip and no more */

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
	hypercall_kvm(KVM_HC_VAPIC_POLL_IRQ);
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

void measure_print_all(unsigned rounds)
{
	print("  %-24s %8s %8s   ns, %u rounds\n", "", "min", "mean", rounds);
	print_row("an empty function", nothing, rounds);
	print_row("CPUID", read_cpuid, rounds);
	print_row("port 0x80 write", write_port, rounds);
	print_row("LAPIC ID read", read_lapic, rounds);
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

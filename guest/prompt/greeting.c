/* SPDX-License-Identifier: MIT
 *
 * The greeting: one line for each thing a person wants to know about the machine.
 */
#include "guest/prompt/greeting.h"

#include "guest/arch/cpu.h"
#include "guest/arch/lapic.h"
#include "guest/arch/smp.h"
#include "guest/arch/syscall_entry.h"
#include "guest/board/machine.h"
#include "guest/drivers/console.h"
#include "guest/hyper/hypercall.h"
#include "guest/hyper/hypervisor.h"
#include "guest/lib/print.h"
#include "guest/mm/page.h"
#include "guest/prompt/measure.h"
#include "guest/sched/schedule.h"
#include "guest/time/clock.h"

#define HYPERCALL_ROUNDS 32

static void greet_memory(void)
{
	struct page_stats stats;

	page_stats_read(&stats);
	print("  memory      %lu MiB, %lu MiB free\n", machine.ram_bytes >> 20,
	      stats.free * PAGE_BYTES >> 20);
}

static void greet_clock(void)
{
	print("  clock       %s, TSC %lu.%03lu MHz (%s), %u ticks/s by %s\n",
	      clock_info.kvmclock ? "kvmclock" : "TSC", clock_info.tsc_hz / 1000000,
	      clock_info.tsc_hz / 1000 % 1000, clock_source_name(clock_info.tsc_source),
	      SCHED_TICK_HZ, cpu_features.tsc_deadline ? "TSC deadline" : "LAPIC timer");
}

static void greet_hypercalls(void)
{
	struct measure_result result;

	if (!hypercall_available()) {
		print("  hypercalls  not available: this is not Vitrine\n");
		return;
	}
	measure_hypercall(HYPERCALL_ROUNDS, &result);
	print("  hypercalls  %lu ns round trip to the VMM", result.min_ns);
	if (measure_doorbell(HYPERCALL_ROUNDS, &result))
		print(", doorbell %lu ns", result.min_ns);
	if (measure_kvm_hypercall(HYPERCALL_ROUNDS, &result))
		print(", to KVM %lu ns", result.min_ns);
	print("\n");
}

void greet(void)
{
	print("\nVitrine guest " VITRINE_VERSION "\n");
	print("  entry       %s, machine from %s, console by %s\n",
	      machine.entry_bits == 64 ? "64-bit, by Vitrine's note" : "32-bit PVH",
	      machine.fdt	 ? "device tree"
	      : machine.rsdp_gpa ? "ACPI"
				 : "memory map alone",
	      console_name());
	print("  hypervisor  %s%s\n", hypervisor_name(),
	      syscall_stays_in_user() ? ", deprivileged (syscall stays in ring 3)" : "");
	print("  processors  %u of %u CPUs online, %s\n", smp_online_count(), machine.cpu_count,
	      lapic_is_x2apic() ? "x2APIC" : "xAPIC");
	greet_memory();
	print("  protection  W^X, NX, WP%s%s%s\n", cpu_features.smep ? ", SMEP" : "",
	      cpu_features.smap ? ", SMAP" : "", cpu_features.umip ? ", UMIP" : "");
	greet_clock();
	greet_hypercalls();
	print("\n");
}

/* SPDX-License-Identifier: MIT
 *
 * Frequencies in order of trust: published by CPUID, implied by kvmclock, measured with the PIT.
 */
#include "guest/time/clock.h"

#include "guest/arch/cpu.h"
#include "guest/arch/insn.h"
#include "guest/hyper/features.h"
#include "guest/hyper/hypervisor.h"
#include "guest/hyper/pvclock.h"
#include "guest/time/pit.h"

#define NS_PER_SECOND 1000000000ull
#define KVM_LAPIC_HZ 1000000000ull /* KVM's bus clock unless it says otherwise */

struct clock_info clock_info;
static uint64_t ns_multiplier;			  /* ns = ticks * this >> 32 */
static uint64_t tsc_multiplier, lapic_multiplier; /* ticks = ns * this >> 24 */
static uint64_t tsc_at_boot;

static void set_tsc(uint64_t hz, enum clock_source source)
{
	clock_info.tsc_hz = hz;
	clock_info.tsc_source = source;
}

static void measure(void)
{
	uint64_t tsc_hz = 0, lapic_hz = 0;

	if (pit_measure(&tsc_hz, &lapic_hz))
		set_tsc(tsc_hz, CLOCK_PIT);
	else
		set_tsc(NS_PER_SECOND, CLOCK_ASSUMED);
	if (!clock_info.lapic_hz)
		clock_info.lapic_hz = lapic_hz ? lapic_hz : KVM_LAPIC_HZ;
}

void clock_init(struct cpu *cpu)
{
	uint32_t tsc_khz, lapic_khz;

	hypervisor_frequencies(&tsc_khz, &lapic_khz);
	clock_info.lapic_hz = lapic_khz * 1000ull;
	if (tsc_khz)
		set_tsc(tsc_khz * 1000ull, CLOCK_CPUID);
	clock_info.kvmclock = pv_use(PV_CLOCK, pvclock_offered());
	clock_start_cpu(cpu);
	if (clock_info.kvmclock) {
		if (!clock_info.tsc_hz)
			set_tsc(pvclock_tsc_khz(&cpu->pvclock) * 1000, CLOCK_KVMCLOCK);
		if (!clock_info.lapic_hz)
			clock_info.lapic_hz = KVM_LAPIC_HZ;
	}
	if (!clock_info.tsc_hz || (!clock_info.lapic_hz && !cpu_features.tsc_deadline))
		measure();
	ns_multiplier = (NS_PER_SECOND << 32) / clock_info.tsc_hz;
	tsc_multiplier = (clock_info.tsc_hz << 24) / NS_PER_SECOND;
	lapic_multiplier = (clock_info.lapic_hz << 24) / NS_PER_SECOND;
	tsc_at_boot = tsc_read();
}

void clock_start_cpu(struct cpu *cpu)
{
	if (!clock_info.kvmclock)
		return;
	pvclock_start(cpu);
	pv_counted(PV_CLOCK);
}

uint64_t clock_tsc_to_ns(uint64_t ticks)
{
	return (uint64_t)((unsigned __int128)ticks * ns_multiplier >> 32);
}

uint64_t clock_ns_to_tsc(uint64_t ns)
{
	return (uint64_t)((unsigned __int128)ns * tsc_multiplier >> 24);
}

uint32_t clock_ns_to_lapic(uint64_t ns)
{
	const unsigned __int128 ticks = (unsigned __int128)ns * lapic_multiplier >> 24;

	return ticks > UINT32_MAX ? UINT32_MAX : ticks ? (uint32_t)ticks : 1;
}

/* Never earlier than what anybody has read before: a host that is late in bringing kvmclock and TSC together
 * sets the clock back by a little, and who waits for so many nanoseconds would see them all gone at once. */
static uint64_t monotonic(uint64_t now)
{
	static uint64_t last;
	uint64_t seen = __atomic_load_n(&last, __ATOMIC_RELAXED);

	while (seen < now)
		if (__atomic_compare_exchange_n(&last, &seen, now, false, __ATOMIC_RELAXED,
						__ATOMIC_RELAXED))
			return now;
	return seen;
}

uint64_t clock_ns(void)
{
	if (clock_info.kvmclock)
		return monotonic(pvclock_ns(&cpu_this()->pvclock));
	return clock_tsc_to_ns(tsc_read() - tsc_at_boot);
}

const char *clock_source_name(enum clock_source source)
{
	static const char *const name[] = {"CPUID", "kvmclock", "PIT", "assumed"};

	return name[source];
}

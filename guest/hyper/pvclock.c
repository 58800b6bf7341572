/* SPDX-License-Identifier: MIT
 *
 * kvmclock's reading side: read under the version, scale, add.
 */
#include "guest/hyper/pvclock.h"

#include "guest/arch/insn.h"
#include "guest/hyper/hypervisor.h"
#include "guest/mm/paging.h"

#define MSR_KVM_SYSTEM_TIME_NEW 0x4b564d01
#define MSR_KVM_WALL_CLOCK_NEW 0x4b564d00
#define SYSTEM_TIME_ENABLE 1

bool pvclock_offered(void)
{
	return hypervisor_kvm_features() & KVM_FEATURE_CLOCKSOURCE2;
}

void pvclock_start(uint64_t gpa)
{
	msr_write(MSR_KVM_SYSTEM_TIME_NEW, gpa | SYSTEM_TIME_ENABLE);
}

static uint64_t scale(uint64_t ticks, const struct pvclock *clock)
{
	if (clock->tsc_shift < 0)
		ticks >>= -clock->tsc_shift;
	else
		ticks <<= clock->tsc_shift;
	return (uint64_t)((unsigned __int128)ticks * clock->tsc_to_ns_multiplier >> 32);
}

uint64_t pvclock_ns(const struct pvclock *clock)
{
	const volatile uint32_t *version = &clock->version;
	struct pvclock copy;
	uint64_t tsc;
	uint32_t before;

	do {
		before = *version;
		asm volatile("" : : : "memory");
		copy = *clock;
		tsc = tsc_read();
		asm volatile("" : : : "memory"); /* x86 keeps loads in order */
	} while ((before & 1) || *version != before);
	/* The TSC of another core may lag by a few cycles behind the timestamp. */
	if (tsc < copy.tsc_timestamp)
		tsc = copy.tsc_timestamp;
	return copy.system_time_ns + scale(tsc - copy.tsc_timestamp, &copy);
}

uint64_t pvclock_tsc_khz(const struct pvclock *clock)
{
	uint64_t khz;

	if (!clock->tsc_to_ns_multiplier)
		return 0;
	khz = (1000000ull << 32) / clock->tsc_to_ns_multiplier;
	return clock->tsc_shift < 0 ? khz << -clock->tsc_shift : khz >> clock->tsc_shift;
}

uint64_t pvclock_wall_ns(void)
{
	/* KVM fills it in when the MSR is written; it must not straddle pages. */
	static struct {
		uint32_t version, seconds, nanoseconds, pad;
	} wall __attribute__((aligned(16)));

	msr_write(MSR_KVM_WALL_CLOCK_NEW, image_gpa(&wall));
	return wall.seconds * 1000000000ull + wall.nanoseconds;
}

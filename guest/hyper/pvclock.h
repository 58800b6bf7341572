/* SPDX-License-Identifier: MIT
 *
 * kvmclock: nanoseconds since boot from the TSC and a structure that KVM keeps current for each
 * CPU (Linux, Documentation/virt/kvm/x86/msr.rst, MSR_KVM_SYSTEM_TIME_NEW).
 */
#ifndef GUEST_HYPER_PVCLOCK_H
#define GUEST_HYPER_PVCLOCK_H

#include <stdbool.h>
#include <stdint.h>

struct pvclock {
	uint32_t version; /* odd while KVM writes */
	uint32_t pad0;
	uint64_t tsc_timestamp;
	uint64_t system_time_ns;
	uint32_t tsc_to_ns_multiplier;
	int8_t tsc_shift;
	uint8_t flags; /* PVCLOCK_STABLE: the same on all CPUs */
	uint8_t pad[2];
} __attribute__((aligned(32)));
_Static_assert(sizeof(struct pvclock) == 32, "pvclock");

/* Whether the hypervisor offers it (CPUID 0x40000001). */
bool pvclock_offered(void);

/* Has the hypervisor keep the structure at gpa current for the running CPU. */
void pvclock_start(uint64_t gpa);

#define PVCLOCK_STABLE 1 /* in flags */

/* Time in ns; needs pvclock_start() on the running CPU. Interrupts may be on. */
uint64_t pvclock_ns(const struct pvclock *clock);

/* Real time in ns since 1970 at which pvclock_ns() was 0. Needs pvclock_offered(). */
uint64_t pvclock_wall_ns(void);

/* TSC frequency as it follows from the structure. */
uint64_t pvclock_tsc_khz(const struct pvclock *clock);

#endif

/* SPDX-License-Identifier: MIT
 *
 * Steal time: how long a CPU wanted to run while the host ran something else (Linux,
 * Documentation/virt/kvm/x86/msr.rst, MSR_KVM_STEAL_TIME).
 */
#ifndef GUEST_HYPER_STEAL_H
#define GUEST_HYPER_STEAL_H

#include <stdint.h>

struct steal_time { /* KVM writes it */
	uint64_t steal_ns;
	uint32_t version; /* odd while KVM writes */
	uint32_t flags;
	uint8_t preempted;
	uint8_t pad[47];
} __attribute__((aligned(64)));
_Static_assert(sizeof(struct steal_time) == 64, "steal_time");

/* In preempted, when the hypervisor keeps it current (KVM_FEATURE_PV_TLB_FLUSH): the CPU isn't running; and
 * forget all translations before it runs again, which is the guest's wish. */
#define STEAL_PREEMPTED 1
#define STEAL_FLUSH_TLB 2

struct cpu;

/* Asks for it on the running CPU, if the hypervisor has it. */
void steal_start(struct cpu *cpu);

/* ns stolen from that CPU since it started; 0 where nobody counts. */
uint64_t steal_read(const struct cpu *cpu);

#endif

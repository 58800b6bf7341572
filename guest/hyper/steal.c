/* SPDX-License-Identifier: MIT
 *
 * One 64-bit field is all that is read, and KVM writes it with one store, so its version doesn't matter.
 */
#include "guest/hyper/steal.h"

#include <stddef.h>

#include "guest/arch/cpu.h"
#include "guest/arch/insn.h"
#include "guest/hyper/features.h"
#include "guest/hyper/hypervisor.h"

#define MSR_KVM_STEAL_TIME 0x4b564d03
#define STEAL_TIME_ENABLE 1

void steal_start(struct cpu *cpu)
{
	if (!pv_use(PV_STEAL, hypervisor_kvm_features() & KVM_FEATURE_STEAL_TIME))
		return;
	msr_write(MSR_KVM_STEAL_TIME, (cpu->gpa + offsetof(struct cpu, steal)) | STEAL_TIME_ENABLE);
	pv_counted(PV_STEAL);
}

uint64_t steal_read(const struct cpu *cpu)
{
	return __atomic_load_n(&cpu->steal.steal_ns, __ATOMIC_RELAXED);
}

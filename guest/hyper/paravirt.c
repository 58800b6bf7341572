/* SPDX-License-Identifier: MIT
 *
 * See paravirt.h. Locks: who waits gives the host CPU away by a hypercall to the VMM instead of halting until
 * it is kicked. So a lock can be given back by a plain store, as without a hypervisor, and who waits goes on
 * serving TLB requests.
 */
#include "guest/hyper/paravirt.h"

#include <stddef.h>

#include "guest/arch/insn.h"
#include "guest/hyper/features.h"
#include "guest/hyper/hypercall.h"
#include "guest/hyper/hypervisor.h"

#define MSR_KVM_PV_EOI_EN 0x4b564d04
#define PV_EOI_ENABLE 1
#define APIC_IDS_AT_ONCE 64

void paravirt_start(struct cpu *cpu)
{
	const uint32_t features = hypervisor_kvm_features();

	if (pv_use(PV_EOI, features & KVM_FEATURE_PV_EOI))
		msr_write(MSR_KVM_PV_EOI_EN,
			  (cpu->gpa + offsetof(struct cpu, eoi_done)) | PV_EOI_ENABLE);
	pv_use(PV_TLB, (features & KVM_FEATURE_PV_TLB_FLUSH) &&
			       (features & KVM_FEATURE_STEAL_TIME) && pv_state[PV_STEAL] != PV_OFF);
	pv_use(PV_KICK, (features & KVM_FEATURE_PV_SEND_IPI) &&
				(hypercall_features() & HYPERCALL_FEATURE_KVM_ENTRY));
	pv_use(PV_SPINLOCK, hypercall_features() & HYPERCALL_FEATURE_YIELD);
	async_pf_start(cpu, features);
}

bool paravirt_flush_later(struct cpu *cpu)
{
	uint8_t state = STEAL_PREEMPTED;

	if (!pv_is_on(PV_TLB) ||
	    !__atomic_compare_exchange_n(&cpu->steal.preempted, &state,
					 STEAL_PREEMPTED | STEAL_FLUSH_TLB, false, __ATOMIC_SEQ_CST,
					 __ATOMIC_RELAXED))
		return state == (STEAL_PREEMPTED | STEAL_FLUSH_TLB) && pv_is_on(PV_TLB);
	pv_counted(PV_TLB);
	return true;
}

bool paravirt_send(uint64_t mask, unsigned vector)
{
	uint64_t apic_ids = 0;

	if (!pv_is_on(PV_KICK))
		return false;
	for (; mask; mask &= mask - 1) {
		const uint32_t id = cpu_at(__builtin_ctzll(mask))->apic_id;

		if (id >= APIC_IDS_AT_ONCE)
			return false;
		apic_ids |= 1ull << id;
	}
	if (hypercall_kvm(KVM_HC_SEND_IPI, apic_ids, 0, 0, vector) < 0)
		return false;
	pv_counted(PV_KICK);
	return true;
}

void paravirt_lock_yield(void)
{
	if (!pv_is_on(PV_SPINLOCK))
		return;
	pv_counted(PV_SPINLOCK);
	hypercall(HYPERCALL_YIELD, 0, 0);
}

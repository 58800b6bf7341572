/* SPDX-License-Identifier: MIT
 *
 * What lies beneath: the hypervisor's own CPUID leaves, from 0x40000000 on.
 */
#ifndef GUEST_HYPER_HYPERVISOR_H
#define GUEST_HYPER_HYPERVISOR_H

#include <stdint.h>

#define KVM_FEATURE_CLOCKSOURCE2 (1u << 3)
#define KVM_FEATURE_ASYNC_PF (1u << 4)
#define KVM_FEATURE_STEAL_TIME (1u << 5)
#define KVM_FEATURE_PV_EOI (1u << 6)
#define KVM_FEATURE_PV_TLB_FLUSH (1u << 9)
#define KVM_FEATURE_PV_SEND_IPI (1u << 11)
#define KVM_FEATURE_ASYNC_PF_INT (1u << 14)

/* "KVM", "TCG", …, for people. */
const char *hypervisor_name(void);

/* CPUID 0x40000001 eax, 0 if it isn't KVM. */
uint32_t hypervisor_kvm_features(void);

/* CPUID 0x40000010: TSC and LAPIC bus frequency in kHz; 0 where not published. */
void hypervisor_frequencies(uint32_t *tsc_khz, uint32_t *lapic_khz);

#endif

/* SPDX-License-Identifier: MIT
 *
 * CPUID's view of the XSAVE area: only what the features left over need, and sizes to match. Intel SDM
 * vol. 1 §13.2. Used by cpuid.c only.
 */
#ifndef VITRINE_KVM_CPUID_XSAVE_H
#define VITRINE_KVM_CPUID_XSAVE_H

#include <stdbool.h>

#include "kvm/cpuid_features.h"

struct kvm_cpuid2;
struct kvm_cpuid_entry2;

/* Makes an entry of leaf 0xD, as the host has it, true for a guest with these features. False: a
 * guest does not see it. */
bool cpuid_xsave_shape(struct kvm_cpuid_entry2 *e, const struct cpuid_features *features,
		       const struct kvm_cpuid2 *supported);

#endif

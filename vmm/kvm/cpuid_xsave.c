/* SPDX-License-Identifier: MIT
 *
 * Leaf 0xD. See cpuid_xsave.h.
 */
#include "kvm/cpuid_xsave.h"

#include <linux/kvm.h>

#include "kvm/cpuid.h"

#define XSAVE_LEGACY_BYTES 576u /* x87, SSE and the header */
#define XSTATE_CET (3u << 11)	/* supervisor state: in IA32_XSS, not in XCR0 */

/* Parts of the XSAVE area that the features left over need (SDM vol. 1 §13.1). */
static uint64_t xstate_allowed(const struct cpuid_features *f)
{
	uint64_t mask = 3; /* x87, SSE */

	if (cpuid_has(f, CPUID_AVX))
		mask |= 1u << 2;
	if (cpuid_has(f, CPUID_AVX512F))
		mask |= 7u << 5;
	if (cpuid_has(f, CPUID_PKU))
		mask |= 1u << 9;
	if (cpuid_has(f, CPUID_SHSTK) || cpuid_has(f, CPUID_IBT))
		mask |= XSTATE_CET;
	return mask;
}

/* Size of the area with all of these parts in their standard places. */
static uint32_t xsave_bytes(const struct kvm_cpuid2 *supported, uint64_t parts)
{
	uint32_t size = XSAVE_LEGACY_BYTES;

	for (unsigned i = 2; i < 63; i++) {
		const struct kvm_cpuid_entry2 *e = cpuid_find(supported, 0xd, i);

		if (parts >> i & 1 && e && e->ebx + e->eax > size)
			size = e->ebx + e->eax;
	}
	return size;
}

bool cpuid_xsave_shape(struct kvm_cpuid_entry2 *e, const struct cpuid_features *features,
		       const struct kvm_cpuid2 *supported)
{
	uint64_t allowed = xstate_allowed(features);

	if (!cpuid_has(features, CPUID_XSAVE))
		return false;
	if (e->index == 0) {
		e->eax &= (uint32_t)allowed & ~XSTATE_CET;
		e->edx &= (uint32_t)(allowed >> 32);
		e->ebx = XSAVE_LEGACY_BYTES; /* XCR0 = 1 at reset; KVM follows the guest's XCR0 */
		e->ecx = xsave_bytes(supported, (uint64_t)e->edx << 32 | e->eax);
		return true;
	}
	if (e->index == 1) {
		bool xss = cpuid_has(features, CPUID_XSAVES);

		e->ebx = XSAVE_LEGACY_BYTES;
		e->ecx = xss ? e->ecx & (uint32_t)allowed & XSTATE_CET : 0;
		e->edx = 0;
		return true;
	}
	return e->index < 63 && allowed >> e->index & 1 && e->eax;
}

/* SPDX-License-Identifier: MIT
 *
 * Topology leaves. See cpuid_topology.h.
 */
#include <linux/kvm.h>

#include "kvm/cpuid_topology.h"

#define FIRST_SHARED_LEVEL 3u /* L1 and L2 belong to a core, L3 to the socket */

unsigned cpuid_topology_shift(unsigned cpu_count)
{
	unsigned shift = 0;

	while (shift < 31 && 1u << shift < cpu_count)
		shift++;
	return shift;
}

static unsigned at_most(unsigned value, unsigned limit)
{
	return value < limit ? value : limit;
}

void cpuid_topology_leaf1(struct kvm_cpuid_entry2 *e, unsigned cpu_count, unsigned apic_id,
			  bool amd)
{
	/* Intel counts APIC ids that could be there (a power of two), AMD those that are. */
	unsigned ids = amd ? cpu_count : 1u << cpuid_topology_shift(cpu_count);
	unsigned clflush_line = e->ebx >> 8 & 0xff;

	if (!clflush_line)
		clflush_line = 8; /* in units of 8 bytes */
	e->ebx = (apic_id & 0xff) << 24 | at_most(ids, 0xff) << 16 | clflush_line << 8;
}

bool cpuid_topology_cache(struct kvm_cpuid_entry2 *e, unsigned cpu_count)
{
	unsigned type = e->eax & 0x1f;
	unsigned level = e->eax >> 5 & 7;
	unsigned ids = 1u << cpuid_topology_shift(cpu_count);
	unsigned sharing = level >= FIRST_SHARED_LEVEL ? ids : 1;

	if (!type)
		return false;
	e->eax = (e->eax & 0x3fff) | at_most(sharing - 1, 0xfff) << 14;
	if (e->function == 4)
		e->eax |= at_most(ids - 1, 0x3f) << 26;
	return true;
}

struct kvm_cpuid_entry2 cpuid_topology_level(uint32_t function, uint32_t index, unsigned cpu_count,
					     unsigned apic_id)
{
	enum { LEVEL_END, LEVEL_THREAD, LEVEL_CORE };
	struct kvm_cpuid_entry2 e = {
		.function = function,
		.index = index,
		.flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX,
		.ecx = index,
		.edx = apic_id,
	};

	if (index == 0) {
		e.eax = 0; /* no bits of the id: a core has one thread */
		e.ebx = 1;
		e.ecx |= LEVEL_THREAD << 8;
	} else if (index == 1) {
		e.eax = cpuid_topology_shift(cpu_count);
		e.ebx = cpu_count;
		e.ecx |= LEVEL_CORE << 8;
	}
	return e;
}

uint32_t cpuid_topology_core_count(unsigned cpu_count)
{
	return cpuid_topology_shift(cpu_count) << 12 | at_most(cpu_count - 1, 0xff);
}

struct kvm_cpuid_entry2 cpuid_topology_amd_ids(unsigned apic_id)
{
	return (struct kvm_cpuid_entry2){
		.function = 0x8000001e,
		.eax = apic_id,
		.ebx = apic_id & 0xff, /* core id; 0 in bits 15:8: one thread per core */
		.ecx = 0,	       /* node 0 of one */
	};
}

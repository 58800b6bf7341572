/* SPDX-License-Identifier: MIT
 *
 * CPUID's view of the machine's shape: one socket, cpu_count cores, one thread each, APIC ids 0 to
 * cpu_count - 1. Intel SDM vol. 3A §9.9; AMD APM vol. 3 appendix E.4. Used by cpuid.c only.
 */
#ifndef VITRINE_KVM_CPUID_TOPOLOGY_H
#define VITRINE_KVM_CPUID_TOPOLOGY_H

#include <stdbool.h>
#include <stdint.h>

struct kvm_cpuid_entry2;

/* Smallest shift with 1 << shift >= cpu_count. */
unsigned cpuid_topology_shift(unsigned cpu_count);

/* Leaf 1: EBX from APIC id and count, the CLFLUSH line is kept. */
void cpuid_topology_leaf1(struct kvm_cpuid_entry2 *e, unsigned cpu_count, unsigned apic_id,
			  bool amd);

/* Leaf 4 (Intel) and 0x8000001D (AMD): who shares a cache. False: no cache here. */
bool cpuid_topology_cache(struct kvm_cpuid_entry2 *e, unsigned cpu_count);

/* A new entry of leaf 0xB or 0x1F: index 0 the thread, 1 the core, 2 the end of the list. */
struct kvm_cpuid_entry2 cpuid_topology_level(uint32_t function, uint32_t index, unsigned cpu_count,
					     unsigned apic_id);

/* AMD: ECX of 0x80000008, and a new 0x8000001E. */
uint32_t cpuid_topology_core_count(unsigned cpu_count);
struct kvm_cpuid_entry2 cpuid_topology_amd_ids(unsigned apic_id);

#endif

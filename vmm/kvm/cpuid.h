/* SPDX-License-Identifier: MIT
 *
 * What CPUID tells a guest: the user's CPU model, each vCPU's leaves made from what this host's KVM
 * supports, and a dump for people. Intel SDM vol. 2A "CPUID", AMD APM vol. 3 appendix E, and Linux
 * Documentation/virt/kvm/x86/cpuid.rst. docs/cpuid.md argues what is filtered.
 *
 * All but cpuid_query_supported() and cpuid_dump() are pure functions on arrays.
 */
#ifndef VITRINE_KVM_CPUID_H
#define VITRINE_KVM_CPUID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "kvm/cpuid_features.h"

struct kvm_cpuid2;
struct kvm_cpuid_entry2;

#define CPUID_ENTRY_MAX 256u	   /* what KVM itself accepts */
#define CPUID_LAPIC_HZ 1000000000u /* KVM's LAPIC timer counts nanoseconds */

/* --cpu: which features a guest may see. */
struct cpuid_model {
	bool baseline;		  /* the fixed set; else everything the host offers, filtered */
	struct cpuid_features on; /* named with '+': must be there */
	struct cpuid_features off;
};

/* What of the machine shows in CPUID. One socket, cpu_count cores, one thread each. */
struct cpuid_machine {
	unsigned cpu_count;
	uint64_t tsc_hz;   /* 0: unknown, no leaf speaks of frequencies */
	uint32_t lapic_hz; /* CPUID_LAPIC_HZ, or 0: unknown */
	bool tsc_deadline; /* KVM_CAP_TSC_DEADLINE_TIMER, and the LAPIC is in the kernel */
	bool deprivileged; /* vmcall never returns there: no features that need it */
};

/* "host" or "baseline", then ",+feature" and ",-feature" with the names of /proc/cpuinfo. 0, or
 * -EINVAL with one line for the user in err. */
int cpuid_parse_model(const char *spec, struct cpuid_model *out, char *err, size_t err_size);

/* A zeroed array with room for CPUID_ENTRY_MAX entries, nent set to that; NULL: no memory. free() it. */
struct kvm_cpuid2 *cpuid_new(void);

/* KVM_GET_SUPPORTED_CPUID into a new array that the caller frees. 0 or -errno. */
int cpuid_query_supported(int kvm_fd, struct kvm_cpuid2 **out);

/* Which features a guest sees: what the model wants, the host has and nothing misses. 0, or -ENOTSUP
 * with one line in err. cpuid_build() does this itself. */
int cpuid_settle(const struct cpuid_model *model, const struct cpuid_machine *machine,
		 const struct kvm_cpuid2 *supported, struct cpuid_features *out, char *err,
		 size_t err_size);

/* The leaves of the vCPU with this APIC id into out (from cpuid_new()), ascending, ready for
 * KVM_SET_CPUID2. 0; -EINVAL: supported makes no sense; -ENOTSUP: the model asks for what the host
 * lacks; -E2BIG. Then err holds one line for the user. */
int cpuid_build(const struct cpuid_model *model, const struct cpuid_machine *machine,
		unsigned apic_id, const struct kvm_cpuid2 *supported, struct kvm_cpuid2 *out,
		char *err, size_t err_size);

/* The leaf's entry, or NULL. */
const struct kvm_cpuid_entry2 *cpuid_find(const struct kvm_cpuid2 *cpuid, uint32_t function,
					  uint32_t index);

/* Leaf by leaf for people, features by name. */
void cpuid_print(FILE *out, const struct kvm_cpuid2 *cpuid);

/* "vitrine dump --cpuid": opens /dev/kvm, builds the leaves of vCPU 0 and prints them. tsc_hz of 0 in
 * machine is asked from KVM. 0, or -errno with one line in err. */
int cpuid_dump(FILE *out, const struct cpuid_model *model, const struct cpuid_machine *machine,
	       bool json, char *err, size_t err_size);

#endif

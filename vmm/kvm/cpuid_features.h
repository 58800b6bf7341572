/* SPDX-License-Identifier: MIT
 *
 * CPUID feature bits by the names of /proc/cpuinfo: where each stands, what it needs, whether a guest
 * sees it by default. A feature's id is word * 32 + bit.
 */
#ifndef VITRINE_KVM_CPUID_FEATURES_H
#define VITRINE_KVM_CPUID_FEATURES_H

#include <stdbool.h>
#include <stdint.h>

struct kvm_cpuid_entry2;

/* The registers that hold feature bits. */
enum cpuid_word {
	CPUID_1_ECX,
	CPUID_1_EDX,
	CPUID_6_EAX,
	CPUID_7_EBX,
	CPUID_7_ECX,
	CPUID_7_EDX,
	CPUID_7_1_EAX,
	CPUID_7_1_EDX,
	CPUID_7_2_EDX,
	CPUID_D_1_EAX,
	CPUID_KVM_EAX, /* 0x40000001 */
	CPUID_E1_ECX,  /* 0x80000001 */
	CPUID_E1_EDX,
	CPUID_E7_EDX,  /* 0x80000007 */
	CPUID_E8_EBX,  /* 0x80000008 */
	CPUID_E21_EAX, /* 0x80000021 */
	CPUID_WORD_COUNT
};

/* Bits of CPUID_E1_EDX that repeat CPUID_1_EDX on AMD and are 0 elsewhere. */
#define CPUID_E1_EDX_REPEATED 0x0183f3ffu

struct cpuid_features {
	uint32_t word[CPUID_WORD_COUNT];
};

enum cpuid_register { CPUID_EAX, CPUID_EBX, CPUID_ECX, CPUID_EDX };

struct cpuid_place {
	uint32_t function;
	uint32_t index;
	enum cpuid_register reg;
};

/* Indexed by enum cpuid_word. */
extern const struct cpuid_place cpuid_place[CPUID_WORD_COUNT];

enum cpuid_policy {
	CPUID_SHOW,	/* with "host" */
	CPUID_BASELINE, /* with "host" and "baseline" */
	CPUID_HIDE,	/* only with '+' on the command line */
	CPUID_NEVER	/* the VMM does not do its part of it */
};

struct cpuid_feature {
	const char *name; /* several lines may share it: they go together */
	uint16_t id;
	uint8_t policy;
};

extern const struct cpuid_feature cpuid_feature[];
extern const unsigned cpuid_feature_count;

/* "feature needs other", ordered so that one pass from the start settles what is taken away. */
struct cpuid_need {
	uint16_t feature;
	uint16_t needs;
};
extern const struct cpuid_need cpuid_need[];
extern const unsigned cpuid_need_count;

static inline bool cpuid_has(const struct cpuid_features *set, unsigned id)
{
	return set->word[id / 32] >> id % 32 & 1;
}

static inline void cpuid_add(struct cpuid_features *set, unsigned id)
{
	set->word[id / 32] |= UINT32_C(1) << id % 32;
}

static inline void cpuid_remove(struct cpuid_features *set, unsigned id)
{
	set->word[id / 32] &= ~(UINT32_C(1) << id % 32);
}

/* The first name of a feature, or NULL. */
const char *cpuid_feature_name(unsigned id);

/* The register of an entry, by number. */
uint32_t *cpuid_register(struct kvm_cpuid_entry2 *entry, enum cpuid_register reg);

/* Ids that code outside the table speaks of. */
enum {
	CPUID_X2APIC = CPUID_1_ECX * 32 + 21,
	CPUID_TSC_DEADLINE = CPUID_1_ECX * 32 + 24,
	CPUID_XSAVE = CPUID_1_ECX * 32 + 26,
	CPUID_OSXSAVE = CPUID_1_ECX * 32 + 27,
	CPUID_AVX = CPUID_1_ECX * 32 + 28,
	CPUID_HYPERVISOR = CPUID_1_ECX * 32 + 31,
	CPUID_HT = CPUID_1_EDX * 32 + 28,
	CPUID_AVX512F = CPUID_7_EBX * 32 + 16,
	CPUID_PKU = CPUID_7_ECX * 32 + 3,
	CPUID_OSPKE = CPUID_7_ECX * 32 + 4,
	CPUID_SHSTK = CPUID_7_ECX * 32 + 7,
	CPUID_IBT = CPUID_7_EDX * 32 + 20,
	CPUID_XSAVES = CPUID_D_1_EAX * 32 + 3,
	CPUID_AVX10 = CPUID_7_1_EDX * 32 + 19,
	CPUID_KVM_PV_UNHALT = CPUID_KVM_EAX * 32 + 7,
	CPUID_KVM_PV_IPI = CPUID_KVM_EAX * 32 + 11,
	CPUID_KVM_PV_SCHED_YIELD = CPUID_KVM_EAX * 32 + 13,
	CPUID_SVM = CPUID_E1_ECX * 32 + 2,
	CPUID_CMP_LEGACY = CPUID_E1_ECX * 32 + 1,
	CPUID_TOPOEXT = CPUID_E1_ECX * 32 + 22,
};

#endif

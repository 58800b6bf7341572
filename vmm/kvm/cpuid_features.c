/* SPDX-License-Identifier: MIT
 *
 * The feature table: one line per bit, in the order of the registers. Names are those of Linux's
 * /proc/cpuinfo; KVM's own features (which stand in no /proc/cpuinfo) are called kvm_*. Longer than
 * most files because it is a table.
 */
#include "kvm/cpuid_features.h"

#include <linux/kvm.h>
#include <stddef.h>

#define AT(word, bit) ((word)*32 + (bit))

const struct cpuid_place cpuid_place[CPUID_WORD_COUNT] = {
	[CPUID_1_ECX] = {1, 0, CPUID_ECX},
	[CPUID_1_EDX] = {1, 0, CPUID_EDX},
	[CPUID_6_EAX] = {6, 0, CPUID_EAX},
	[CPUID_7_EBX] = {7, 0, CPUID_EBX},
	[CPUID_7_ECX] = {7, 0, CPUID_ECX},
	[CPUID_7_EDX] = {7, 0, CPUID_EDX},
	[CPUID_7_1_EAX] = {7, 1, CPUID_EAX},
	[CPUID_7_1_EDX] = {7, 1, CPUID_EDX},
	[CPUID_7_2_EDX] = {7, 2, CPUID_EDX},
	[CPUID_D_1_EAX] = {0xd, 1, CPUID_EAX},
	[CPUID_KVM_EAX] = {0x40000001, 0, CPUID_EAX},
	[CPUID_E1_ECX] = {0x80000001, 0, CPUID_ECX},
	[CPUID_E1_EDX] = {0x80000001, 0, CPUID_EDX},
	[CPUID_E7_EDX] = {0x80000007, 0, CPUID_EDX},
	[CPUID_E8_EBX] = {0x80000008, 0, CPUID_EBX},
	[CPUID_E21_EAX] = {0x80000021, 0, CPUID_EAX},
};

/* clang-format off */
#define S CPUID_SHOW
#define B CPUID_BASELINE
#define H CPUID_HIDE
#define N CPUID_NEVER
const struct cpuid_feature cpuid_feature[] = {
#define F(name, bit, policy) {name, AT(CPUID_1_ECX, bit), policy}
	F("pni", 0, B), F("pclmulqdq", 1, S), F("dtes64", 2, N), F("monitor", 3, N),
	F("ds_cpl", 4, N),
	F("vmx", 5, H), F("smx", 6, N), F("est", 7, N), F("tm2", 8, N), F("ssse3", 9, B),
	F("cid", 10, N),
	F("sdbg", 11, N), F("fma", 12, S), F("cx16", 13, B), F("xtpr", 14, N), F("pdcm", 15, N),
	F("pcid", 17, S), F("dca", 18, N), F("sse4_1", 19, B), F("sse4_2", 20, B),
	F("x2apic", 21, B),
	F("movbe", 22, S), F("popcnt", 23, B), F("tsc_deadline_timer", 24, B), F("aes", 25, S),
	F("xsave", 26, S), F("avx", 28, S), F("f16c", 29, S), F("rdrand", 30, S),
	F("hypervisor", 31, B),
#undef F
#define F(name, bit, policy) {name, AT(CPUID_1_EDX, bit), policy}
	F("fpu", 0, B), F("vme", 1, B), F("de", 2, B), F("pse", 3, B), F("tsc", 4, B),
	F("msr", 5, B),
	F("pae", 6, B), F("mce", 7, B), F("cx8", 8, B), F("apic", 9, B), F("sep", 11, B),
	F("mtrr", 12, B),
	F("pge", 13, B), F("mca", 14, B), F("cmov", 15, B), F("pat", 16, B), F("pse36", 17, B),
	F("pn", 18, N),
	F("clflush", 19, B), F("dts", 21, N), F("acpi", 22, N), F("mmx", 23, B), F("fxsr", 24, B),
	F("sse", 25, B), F("sse2", 26, B), F("ss", 27, S), F("ht", 28, S), F("tm", 29, N),
	F("ia64", 30, N),
	F("pbe", 31, N),
#undef F
#define F(name, bit, policy) {name, AT(CPUID_6_EAX, bit), policy}
	F("arat", 2, B),
#undef F
#define F(name, bit, policy) {name, AT(CPUID_7_EBX, bit), policy}
	F("fsgsbase", 0, S), F("tsc_adjust", 1, S), F("sgx", 2, N), F("bmi1", 3, S), F("hle", 4, S),
	F("avx2", 5, S), F("fdp_excptn_only", 6, S), F("smep", 7, S), F("bmi2", 8, S),
	F("erms", 9, S),
	F("invpcid", 10, S), F("rtm", 11, S), F("cqm", 12, N), F("zero_fcs_fds", 13, S),
	F("mpx", 14, N),
	F("rdt_a", 15, N), F("avx512f", 16, S), F("avx512dq", 17, S), F("rdseed", 18, S),
	F("adx", 19, S),
	F("smap", 20, S), F("avx512ifma", 21, S), F("clflushopt", 23, S), F("clwb", 24, S),
	F("intel_pt", 25, N), F("avx512pf", 26, S), F("avx512er", 27, S), F("avx512cd", 28, S),
	F("sha_ni", 29, S), F("avx512bw", 30, S), F("avx512vl", 31, S),
#undef F
#define F(name, bit, policy) {name, AT(CPUID_7_ECX, bit), policy}
	F("prefetchwt1", 0, S), F("avx512vbmi", 1, S), F("umip", 2, S), F("pku", 3, S),
	F("waitpkg", 5, S),
	F("avx512_vbmi2", 6, S), F("shstk", 7, S), F("gfni", 8, S), F("vaes", 9, S),
	F("vpclmulqdq", 10, S),
	F("avx512_vnni", 11, S), F("avx512_bitalg", 12, S), F("tme", 13, N),
	F("avx512_vpopcntdq", 14, S),
	F("la57", 16, S), F("rdpid", 22, S), F("keylocker", 23, N), F("bus_lock_detect", 24, S),
	F("cldemote", 25, S), F("movdiri", 27, S), F("movdir64b", 28, S), F("enqcmd", 29, N),
	F("sgx_lc", 30, N), F("pks", 31, S),
#undef F
#define F(name, bit, policy) {name, AT(CPUID_7_EDX, bit), policy}
	F("avx512_4vnniw", 2, S), F("avx512_4fmaps", 3, S), F("fsrm", 4, S), F("uintr", 5, N),
	F("avx512_vp2intersect", 8, S), F("md_clear", 10, S), F("serialize", 14, S),
	F("hybrid", 15, N),
	F("tsxldtrk", 16, S), F("pconfig", 18, N), F("arch_lbr", 19, N), F("ibt", 20, S),
	F("amx_bf16", 22, N),
	F("avx512_fp16", 23, S), F("amx_tile", 24, N), F("amx_int8", 25, N), F("spec_ctrl", 26, S),
	F("intel_stibp", 27, S), F("flush_l1d", 28, S), F("arch_capabilities", 29, S),
	F("core_capabilities", 30, N), F("spec_ctrl_ssbd", 31, S),
#undef F
#define F(name, bit, policy) {name, AT(CPUID_7_1_EAX, bit), policy}
	F("sha512", 0, S), F("sm3", 1, S), F("sm4", 2, S), F("avx_vnni", 4, S),
	F("avx512_bf16", 5, S),
	F("cmpccxadd", 7, S), F("fzrm", 10, S), F("fsrs", 11, S), F("fsrc", 12, S),
	F("fred", 17, S),
	F("lkgs", 18, S), F("wrmsrns", 19, S), F("amx_fp16", 21, N), F("hreset", 22, N),
	F("avx_ifma", 23, S),
	F("lam", 26, S),
#undef F
#define F(name, bit, policy) {name, AT(CPUID_7_1_EDX, bit), policy}
	F("avx_vnni_int8", 4, S), F("avx_ne_convert", 5, S), F("amx_complex", 8, N),
	F("avx_vnni_int16", 10, S),
	F("prefetchiti", 14, S), F("avx10", 19, N),
#undef F
#define F(name, bit, policy) {name, AT(CPUID_7_2_EDX, bit), policy}
	F("intel_psfd", 0, S), F("ipred_ctrl", 1, S), F("rrsba_ctrl", 2, S), F("ddpd_u", 3, S),
	F("bhi_ctrl", 4, S), F("mcdt_no", 5, S),
#undef F
#define F(name, bit, policy) {name, AT(CPUID_D_1_EAX, bit), policy}
	F("xsaveopt", 0, S), F("xsavec", 1, S), F("xgetbv1", 2, S), F("xsaves", 3, S),
	F("xfd", 4, N),
#undef F
#define F(name, bit, policy) {name, AT(CPUID_KVM_EAX, bit), policy}
	F("kvmclock", 0, B), F("kvm_nopiodelay", 1, B), F("kvm_mmu", 2, N), F("kvmclock", 3, B),
	F("kvm_asyncpf", 4, B), F("kvm_steal_time", 5, B), F("kvm_pv_eoi", 6, B),
	F("kvm_pv_unhalt", 7, H),
	F("kvm_pv_tlb_flush", 9, B), F("kvm_asyncpf_vmexit", 10, N), F("kvm_pv_ipi", 11, B),
	F("kvm_poll_control", 12, B), F("kvm_pv_sched_yield", 13, B), F("kvm_asyncpf_int", 14, B),
	F("kvm_msi_ext_dest_id", 15, N), F("kvm_hc_map_gpa_range", 16, N),
	F("kvm_migration_control", 17, N), F("kvmclock", 24, B),
#undef F
#define F(name, bit, policy) {name, AT(CPUID_E1_ECX, bit), policy}
	F("lahf_lm", 0, B), F("cmp_legacy", 1, S), F("svm", 2, H), F("extapic", 3, N),
	F("cr8_legacy", 4, S),
	F("abm", 5, S), F("sse4a", 6, S), F("misalignsse", 7, S), F("3dnowprefetch", 8, S),
	F("osvw", 9, S),
	F("ibs", 10, N), F("xop", 11, S), F("skinit", 12, N), F("wdt", 13, N), F("lwp", 15, N),
	F("fma4", 16, S), F("tce", 17, N), F("nodeid_msr", 19, N), F("tbm", 21, S),
	F("topoext", 22, B),
	F("perfctr_core", 23, S), F("perfctr_nb", 24, N), F("bpext", 26, N), F("ptsc", 27, N),
	F("perfctr_llc", 28, N), F("mwaitx", 29, N),
#undef F
#define F(name, bit, policy) {name, AT(CPUID_E1_EDX, bit), policy}
	F("syscall", 11, B), F("nx", 20, B), F("mmxext", 22, S), F("fxsr_opt", 25, S),
	F("pdpe1gb", 26, S),
	F("rdtscp", 27, S), F("lm", 29, B), F("3dnowext", 30, S), F("3dnow", 31, S),
#undef F
#define F(name, bit, policy) {name, AT(CPUID_E7_EDX, bit), policy}
	F("constant_tsc", 8, B), F("nonstop_tsc", 8, B),
#undef F
#define F(name, bit, policy) {name, AT(CPUID_E8_EBX, bit), policy}
	F("clzero", 0, S), F("irperf", 1, N), F("xsaveerptr", 2, S), F("rdpru", 4, N),
	F("mba", 6, N),
	F("wbnoinvd", 9, S), F("ibpb", 12, S), F("amd_ibrs", 14, S), F("amd_stibp", 15, S),
	F("amd_ibrs_always_on", 16, S), F("amd_stibp_always_on", 17, S), F("amd_ppin", 23, N),
	F("amd_ssbd", 24, S), F("virt_ssbd", 25, S), F("amd_ssb_no", 26, S), F("cppc", 27, N),
	F("amd_psfd", 28, S), F("btc_no", 29, S), F("amd_ibpb_ret", 30, S), F("brs", 31, N),
#undef F
#define F(name, bit, policy) {name, AT(CPUID_E21_EAX, bit), policy}
	F("no_nested_data_bp", 0, S), F("lfence_rdtsc", 2, S), F("null_sel_clr_base", 6, S),
	F("autoibrs", 8, S),
	F("no_smm_ctl_msr", 9, S), F("prefetchi", 20, S), F("sbpb", 27, S), F("ibpb_brtype", 28, S),
	F("srso_no", 29, S),
#undef F
};
#undef S
#undef B
#undef H
#undef N

const struct cpuid_need cpuid_need[] = {
	{CPUID_AVX, CPUID_XSAVE},
	{CPUID_PKU, CPUID_XSAVE},
	{AT(CPUID_D_1_EAX, 0), CPUID_XSAVE},
	{AT(CPUID_D_1_EAX, 1), CPUID_XSAVE},
	{AT(CPUID_D_1_EAX, 2), CPUID_XSAVE},
	{CPUID_XSAVES, CPUID_XSAVE},
	{CPUID_XSAVES, AT(CPUID_D_1_EAX, 1)},
	{CPUID_SHSTK, CPUID_XSAVES},
	{CPUID_IBT, CPUID_XSAVES},
	{AT(CPUID_1_ECX, 12), CPUID_AVX},	/* fma */
	{AT(CPUID_1_ECX, 29), CPUID_AVX},	/* f16c */
	{AT(CPUID_7_EBX, 5), CPUID_AVX},	/* avx2 */
	{AT(CPUID_7_ECX, 9), CPUID_AVX},	/* vaes */
	{AT(CPUID_7_ECX, 10), CPUID_AVX},	/* vpclmulqdq */
	{AT(CPUID_E1_ECX, 11), CPUID_AVX},	/* xop */
	{AT(CPUID_E1_ECX, 16), CPUID_AVX},	/* fma4 */
	{AT(CPUID_7_1_EAX, 0), AT(CPUID_7_EBX, 5)},  /* sha512 */
	{AT(CPUID_7_1_EAX, 1), AT(CPUID_7_EBX, 5)},  /* sm3 */
	{AT(CPUID_7_1_EAX, 2), AT(CPUID_7_EBX, 5)},  /* sm4 */
	{AT(CPUID_7_1_EAX, 4), AT(CPUID_7_EBX, 5)},  /* avx_vnni */
	{AT(CPUID_7_1_EAX, 23), AT(CPUID_7_EBX, 5)}, /* avx_ifma */
	{AT(CPUID_7_1_EDX, 4), AT(CPUID_7_EBX, 5)},  /* avx_vnni_int8 */
	{AT(CPUID_7_1_EDX, 5), AT(CPUID_7_EBX, 5)},  /* avx_ne_convert */
	{AT(CPUID_7_1_EDX, 10), AT(CPUID_7_EBX, 5)}, /* avx_vnni_int16 */
	{CPUID_AVX512F, AT(CPUID_7_EBX, 5)},
	{AT(CPUID_7_EBX, 17), CPUID_AVX512F},	/* avx512dq */
	{AT(CPUID_7_EBX, 21), CPUID_AVX512F},	/* avx512ifma */
	{AT(CPUID_7_EBX, 26), CPUID_AVX512F},	/* avx512pf */
	{AT(CPUID_7_EBX, 27), CPUID_AVX512F},	/* avx512er */
	{AT(CPUID_7_EBX, 28), CPUID_AVX512F},	/* avx512cd */
	{AT(CPUID_7_EBX, 30), CPUID_AVX512F},	/* avx512bw */
	{AT(CPUID_7_EBX, 31), CPUID_AVX512F},	/* avx512vl */
	{AT(CPUID_7_ECX, 11), CPUID_AVX512F},	/* avx512_vnni */
	{AT(CPUID_7_ECX, 14), CPUID_AVX512F},	/* avx512_vpopcntdq */
	{AT(CPUID_7_EDX, 2), CPUID_AVX512F},	/* avx512_4vnniw */
	{AT(CPUID_7_EDX, 3), CPUID_AVX512F},	/* avx512_4fmaps */
	{AT(CPUID_7_EDX, 8), CPUID_AVX512F},	/* avx512_vp2intersect */
	{AT(CPUID_7_ECX, 1), AT(CPUID_7_EBX, 30)},	/* avx512vbmi: avx512bw */
	{AT(CPUID_7_ECX, 6), AT(CPUID_7_EBX, 30)},	/* avx512_vbmi2 */
	{AT(CPUID_7_ECX, 12), AT(CPUID_7_EBX, 30)},	/* avx512_bitalg */
	{AT(CPUID_7_EDX, 23), AT(CPUID_7_EBX, 30)},	/* avx512_fp16 */
	{AT(CPUID_7_1_EAX, 5), AT(CPUID_7_EBX, 30)},	/* avx512_bf16 */
	{AT(CPUID_7_1_EDX, 19), AT(CPUID_7_EBX, 31)},	/* avx10: avx512vl */
	{AT(CPUID_7_EDX, 25), AT(CPUID_7_EDX, 24)},	/* amx_int8: amx_tile */
	{AT(CPUID_7_EDX, 22), AT(CPUID_7_EDX, 24)},	/* amx_bf16 */
	{AT(CPUID_7_1_EAX, 21), AT(CPUID_7_EDX, 24)},	/* amx_fp16 */
	{AT(CPUID_7_1_EDX, 8), AT(CPUID_7_EDX, 24)},	/* amx_complex */
	{AT(CPUID_7_EBX, 10), AT(CPUID_1_ECX, 17)},	/* invpcid: pcid */
	{AT(CPUID_7_ECX, 22), AT(CPUID_E1_EDX, 27)},	/* rdpid: rdtscp, both read TSC_AUX */
	{AT(CPUID_E1_ECX, 2), AT(CPUID_E1_EDX, 29)},	/* svm: lm */
	{AT(CPUID_KVM_EAX, 9), AT(CPUID_KVM_EAX, 5)},	/* kvm_pv_tlb_flush: kvm_steal_time */
	{AT(CPUID_KVM_EAX, 14), AT(CPUID_KVM_EAX, 4)},	/* kvm_asyncpf_int: kvm_asyncpf */
	{AT(CPUID_KVM_EAX, 10), AT(CPUID_KVM_EAX, 4)},	/* kvm_asyncpf_vmexit */
};
/* clang-format on */

const unsigned cpuid_feature_count = sizeof(cpuid_feature) / sizeof(*cpuid_feature);
const unsigned cpuid_need_count = sizeof(cpuid_need) / sizeof(*cpuid_need);

const char *cpuid_feature_name(unsigned id)
{
	for (unsigned i = 0; i < cpuid_feature_count; i++)
		if (cpuid_feature[i].id == id)
			return cpuid_feature[i].name;
	return NULL;
}

uint32_t *cpuid_register(struct kvm_cpuid_entry2 *entry, enum cpuid_register reg)
{
	switch (reg) {
	case CPUID_EAX: return &entry->eax;
	case CPUID_EBX: return &entry->ebx;
	case CPUID_ECX: return &entry->ecx;
	default: return &entry->edx;
	}
}

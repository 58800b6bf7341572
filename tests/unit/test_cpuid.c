/* SPDX-License-Identifier: MIT
 *
 * CPUID: the --cpu option, and the leaves made from what KVM reported on real hosts (cpuid_tables.h).
 */
#include "kvm/cpuid.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cpuid_tables.h"

#define COUNT(a) (sizeof(a) / sizeof(*(a)))
#define BIT(id) (UINT32_C(1) << (id) % 32)

struct host {
	const char *name;
	const struct kvm_cpuid_entry2 *entry;
	unsigned count;
};

static const struct host hosts[] = {
	{"intel", host_intel, COUNT(host_intel)},
	{"amd", host_amd, COUNT(host_amd)},
	{"deprivileged", host_deprivileged, COUNT(host_deprivileged)},
	{"minimal", host_minimal, COUNT(host_minimal)},
};

static const struct cpuid_machine four = {
	.cpu_count = 4, .tsc_hz = 2596122000, .lapic_hz = CPUID_LAPIC_HZ, .tsc_deadline = true};

static struct kvm_cpuid2 *load(const struct kvm_cpuid_entry2 *entry, unsigned count)
{
	struct kvm_cpuid2 *cpuid = cpuid_new();

	assert_non_null(cpuid);
	assert_true(count <= CPUID_ENTRY_MAX);
	memcpy(cpuid->entries, entry, count * sizeof(*entry));
	cpuid->nent = count;
	return cpuid;
}

/* Builds and returns the result, or NULL with the error text in err (256 bytes). */
static struct kvm_cpuid2 *build(const struct host *host, const char *spec,
				const struct cpuid_machine *machine, unsigned apic_id, char *err)
{
	struct kvm_cpuid2 *supported = load(host->entry, host->count), *out = cpuid_new();
	struct cpuid_model model;

	assert_int_equal(cpuid_parse_model(spec, &model, err, 256), 0);
	int ret = cpuid_build(&model, machine, apic_id, supported, out, err, 256);
	free(supported);
	if (!ret)
		return out;
	free(out);
	return NULL;
}

static struct kvm_cpuid2 *must_build(const struct host *host, const char *spec,
				     const struct cpuid_machine *machine, unsigned apic_id)
{
	char err[256] = "";
	struct kvm_cpuid2 *out = build(host, spec, machine, apic_id, err);

	if (!out)
		fail_msg("%s %s: %s", host->name, spec, err);
	return out;
}

static uint32_t word(const struct kvm_cpuid2 *cpuid, enum cpuid_word w)
{
	const struct kvm_cpuid_entry2 *e = cpuid_find(cpuid, cpuid_place[w].function,
						      cpuid_place[w].index);
	struct kvm_cpuid_entry2 copy;

	if (!e)
		return 0;
	copy = *e;
	return *cpuid_register(&copy, cpuid_place[w].reg);
}

static bool shows(const struct kvm_cpuid2 *cpuid, const char *name)
{
	for (unsigned i = 0; i < cpuid_feature_count; i++)
		if (!strcmp(cpuid_feature[i].name, name))
			return word(cpuid, cpuid_feature[i].id / 32) & BIT(cpuid_feature[i].id);
	fail_msg("no feature '%s'", name);
	return false;
}

static const struct kvm_cpuid_entry2 *at(const struct kvm_cpuid2 *cpuid, uint32_t function,
					 uint32_t index)
{
	const struct kvm_cpuid_entry2 *e = cpuid_find(cpuid, function, index);

	if (!e)
		fail_msg("no leaf %x.%x", function, index);
	return e;
}

/* --- the option --- */

static void accepts_models(void **state)
{
	static const char *const good[] = {"host",	     "baseline",
					   "host,-avx2",     "baseline,+avx2,-x2apic",
					   "host,+vmx,+svm", "host,-kvmclock"};

	(void)state;
	for (unsigned i = 0; i < COUNT(good); i++) {
		struct cpuid_model model;
		char err[256];

		assert_int_equal(cpuid_parse_model(good[i], &model, err, sizeof(err)), 0);
		assert_int_equal(model.baseline, good[i][0] == 'b');
	}
}

static void later_word_wins(void **state)
{
	struct cpuid_model model;
	char err[256];

	(void)state;
	assert_int_equal(cpuid_parse_model("host,+avx,-avx", &model, err, sizeof(err)), 0);
	assert_false(cpuid_has(&model.on, CPUID_AVX));
	assert_true(cpuid_has(&model.off, CPUID_AVX));
	assert_int_equal(cpuid_parse_model("host,-avx,+avx", &model, err, sizeof(err)), 0);
	assert_true(cpuid_has(&model.on, CPUID_AVX));
	assert_false(cpuid_has(&model.off, CPUID_AVX));
}

static void rejects_nonsense(void **state)
{
	static const struct {
		const char *spec, *says;
	} bad[] = {
		{"", "use host or baseline"},
		{"hos", "use host or baseline"},
		{"hostx", "use host or baseline"},
		{"Host", "use host or baseline"},
		{"max", "use host or baseline"},
		{",", "use host or baseline"},
		{"host,", "+feature or -feature"},
		{"host,avx", "+feature or -feature"},
		{"host,+", "+feature or -feature"},
		{"host,,", "+feature or -feature"},
		{"host,+avx3", "did you mean 'avx'"},
		{"host,-sse4.2", "did you mean 'sse4_2'"},
		{"host,+x2apci", "did you mean 'x2apic'"},
		{"host,+zzzzzzzzzz", "/proc/cpuinfo"},
		{"host,+zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz",
		 "unknown"},
		{"host,+zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz", "unknown"},  /* 31 characters */
		{"host,+zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz", "unknown"}, /* 32 */
		{"host,+avx,\xff", "+feature or -feature"},
	};

	(void)state;
	for (unsigned i = 0; i < COUNT(bad); i++) {
		struct cpuid_model model;
		char err[256] = "";

		assert_int_equal(cpuid_parse_model(bad[i].spec, &model, err, sizeof(err)), -EINVAL);
		if (!strstr(err, bad[i].says) || strchr(err, '\n'))
			fail_msg("'%s': %s", bad[i].spec, err);
	}
}

/* --- what must hold for every host, model, count and vCPU --- */

static void check_order(const struct kvm_cpuid2 *cpuid)
{
	for (unsigned i = 1; i < cpuid->nent; i++) {
		const struct kvm_cpuid_entry2 *a = &cpuid->entries[i - 1], *b = a + 1;

		assert_true(a->function < b->function ||
			    (a->function == b->function && a->index < b->index));
	}
	for (unsigned i = 0; i < cpuid->nent; i++) {
		uint32_t function = cpuid->entries[i].function;
		uint32_t head = function & 0xf0000000;

		assert_true(function <= at(cpuid, head, 0)->eax);
		assert_true(cpuid_find(cpuid, at(cpuid, head, 0)->eax, 0) ||
			    cpuid_find(cpuid, at(cpuid, head, 0)->eax, 1));
	}
}

static void check_features(const struct kvm_cpuid2 *cpuid, const struct host *host)
{
	struct kvm_cpuid2 *supported = load(host->entry, host->count);

	for (unsigned i = 0; i < cpuid_feature_count; i++) {
		const struct cpuid_feature *f = &cpuid_feature[i];

		if (word(cpuid, f->id / 32) & BIT(f->id) && f->policy == CPUID_NEVER)
			fail_msg("%s: %s is shown", host->name, f->name);
	}
	for (unsigned w = 0; w < CPUID_WORD_COUNT; w++) {
		uint32_t may = word(supported, w);

		if (w == CPUID_1_ECX)
			may |= BIT(CPUID_HYPERVISOR) | BIT(CPUID_X2APIC) | BIT(CPUID_TSC_DEADLINE);
		if (w == CPUID_1_EDX)
			may |= BIT(CPUID_HT);
		if (w == CPUID_E1_ECX)
			may |= BIT(CPUID_CMP_LEGACY);
		assert_int_equal(word(cpuid, w) & ~may, 0);
	}
	for (unsigned i = 0; i < cpuid_need_count; i++)
		if (word(cpuid, cpuid_need[i].feature / 32) & BIT(cpuid_need[i].feature))
			assert_true(word(cpuid, cpuid_need[i].needs / 32) &
				    BIT(cpuid_need[i].needs));
	assert_int_equal(word(cpuid, CPUID_1_ECX) & BIT(CPUID_OSXSAVE), 0);
	assert_int_equal(word(cpuid, CPUID_7_ECX) & BIT(CPUID_OSPKE), 0);
	assert_true(shows(cpuid, "hypervisor"));
	free(supported);
}

static void check_topology(const struct kvm_cpuid2 *cpuid, unsigned cpus, unsigned id)
{
	const struct kvm_cpuid_entry2 *one = at(cpuid, 1, 0);

	assert_int_equal(one->ebx >> 24, id);
	assert_true((one->ebx >> 16 & 0xff) >= cpus);
	assert_int_equal(one->ebx >> 8 & 0xff, 8);
	assert_int_equal(!!(one->edx & BIT(CPUID_HT)), cpus > 1);
	assert_int_equal(at(cpuid, 0xb, 0)->ebx, 1);
	assert_int_equal(at(cpuid, 0xb, 0)->ecx, 0x100);
	assert_int_equal(at(cpuid, 0xb, 1)->ebx, cpus);
	assert_int_equal(at(cpuid, 0xb, 1)->ecx, 0x201);
	assert_true(1u << at(cpuid, 0xb, 1)->eax >= cpus);
	assert_int_equal(at(cpuid, 0xb, 2)->ebx, 0);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(at(cpuid, 0xb, i)->edx, id);
	for (unsigned i = 0; i < cpuid->nent; i++) {
		const struct kvm_cpuid_entry2 *e = &cpuid->entries[i];
		unsigned level = e->eax >> 5 & 7, sharing = (e->eax >> 14 & 0xfff) + 1;

		if (e->function != 4 && e->function != 0x8000001d)
			continue;
		assert_true(level < 3 ? sharing == 1 : sharing >= cpus);
		if (e->function == 4)
			assert_true((e->eax >> 26) + 1 >= (cpus < 64 ? cpus : 64));
	}
}

static void check_xsave(const struct kvm_cpuid2 *cpuid)
{
	const struct kvm_cpuid_entry2 *e = cpuid_find(cpuid, 0xd, 0);

	assert_int_equal(!!e, shows(cpuid, "xsave"));
	if (!e)
		return;
	assert_int_equal(e->eax & 3, 3);
	assert_int_equal(!!(e->eax & 4), shows(cpuid, "avx"));
	assert_int_equal(!!(e->eax & 0xe0), shows(cpuid, "avx512f"));
	assert_int_equal(!!(e->eax & 0x200), shows(cpuid, "pku"));
	assert_int_equal(e->eax & ~0x2e7u, 0);
	for (unsigned i = 2; i < 32; i++) {
		const struct kvm_cpuid_entry2 *part = cpuid_find(cpuid, 0xd, i);

		if (e->eax >> i & 1)
			assert_true(part && e->ecx >= part->eax + part->ebx);
	}
	assert_true(e->ecx >= 576);
}

static void holds_everywhere(void **state)
{
	static const char *const specs[] = {"host",	   "baseline",	 "host,-xsave",
					    "host,-avx",   "host,-avx2", "host,-sse4_2,-topoext",
					    "host,-rdtscp"};
	static const unsigned counts[] = {1, 2, 3, 4, 8, 64, 65, 128, 255};

	(void)state;
	for (unsigned h = 0; h < COUNT(hosts); h++)
		for (unsigned s = 0; s < COUNT(specs); s++)
			for (unsigned c = 0; c < COUNT(counts); c++) {
				struct cpuid_machine machine = four;
				unsigned id = counts[c] - 1;

				machine.cpu_count = counts[c];
				struct kvm_cpuid2 *cpuid = must_build(&hosts[h], specs[s], &machine,
								      id);
				check_order(cpuid);
				check_features(cpuid, &hosts[h]);
				check_topology(cpuid, counts[c], id);
				check_xsave(cpuid);
				free(cpuid);
			}
}

static void differs_between_vcpus_in_ids_only(void **state)
{
	(void)state;
	struct kvm_cpuid2 *a = must_build(&hosts[2], "host", &four, 0);
	struct kvm_cpuid2 *b = must_build(&hosts[2], "host", &four, 3);

	assert_int_equal(a->nent, b->nent);
	for (unsigned i = 0; i < a->nent; i++) {
		struct kvm_cpuid_entry2 *x = &a->entries[i], *y = &b->entries[i];

		if (x->function == 1)
			y->ebx &= 0x00ffffff;
		if (x->function == 0xb)
			y->edx = 0;
		if (x->function == 0x8000001e)
			y->eax = y->ebx = 0;
		assert_memory_equal(x, y, sizeof(*x));
	}
	free(a);
	free(b);
}

/* --- single leaves --- */

static void intel_leaves(void **state)
{
	(void)state;
	struct kvm_cpuid2 *c = must_build(&hosts[0], "host", &four, 2);

	assert_int_equal(at(c, 1, 0)->ebx, 0x02040800);
	/* 4 cores in the socket; L1 its own, L3 of all. */
	assert_int_equal(at(c, 4, 0)->eax, 0x0c000121);
	assert_int_equal(at(c, 4, 3)->eax, 0x0c00c163);
	assert_int_equal(at(c, 4, 3)->ecx, 0x1fff);
	assert_int_equal(at(c, 0xd, 0)->ecx, 832);
	assert_int_equal(at(c, 0x80000008, 0)->ecx, 0);
	assert_int_equal(at(c, 0x80000001, 0)->edx, 0x2c100800);
	assert_null(cpuid_find(c, 0x8000001e, 0));
	assert_false(shows(c, "vmx"));
	assert_true(shows(c, "pcid") && shows(c, "avx2") && shows(c, "invpcid"));
	assert_memory_equal(&at(c, 0x80000002, 0)->eax, "Vitr", 4);
	free(c);
}

static void amd_leaves(void **state)
{
	(void)state;
	struct kvm_cpuid2 *c = must_build(&hosts[2], "host", &four, 3);

	assert_int_equal(at(c, 1, 0)->ebx, 0x03040800);
	assert_int_equal(at(c, 0x80000008, 0)->ecx, 2 << 12 | 3);
	assert_int_equal(at(c, 0x8000001d, 0)->eax, 0x121);
	assert_int_equal(at(c, 0x8000001d, 3)->eax, 0xc163);
	assert_int_equal(at(c, 0x8000001e, 0)->eax, 3);
	assert_int_equal(at(c, 0x8000001e, 0)->ebx, 3);
	assert_true(shows(c, "cmp_legacy") && shows(c, "topoext"));
	assert_null(cpuid_find(c, 4, 0));
	assert_null(cpuid_find(c, 0x15, 0));
	assert_null(cpuid_find(c, 0x8000001f, 0));
	/* Extended EDX repeats what leaf 1 shows, HT (bit 28) is not among it. */
	assert_int_equal(at(c, 0x80000001, 0)->edx & 0x0183f3ff, at(c, 1, 0)->edx & 0x0183f3ff);
	free(c);
	c = must_build(&hosts[1], "host", &four, 0);
	assert_false(shows(c, "topoext") || shows(c, "svm"));
	assert_null(cpuid_find(c, 0x8000001e, 0));
	assert_null(cpuid_find(c, 0x8000000a, 0));
	assert_int_equal(at(c, 0xd, 0)->eax, 0x207);
	assert_int_equal(at(c, 0xd, 0)->ecx, 0xa88);
	free(c);
	c = must_build(&hosts[1], "host,-pku", &four, 0);
	assert_int_equal(at(c, 0xd, 0)->eax, 7);
	assert_int_equal(at(c, 0xd, 0)->ecx, 832);
	assert_null(cpuid_find(c, 0xd, 9));
	free(c);
}

static void one_cpu_has_no_ht(void **state)
{
	struct cpuid_machine one = four;

	(void)state;
	one.cpu_count = 1;
	struct kvm_cpuid2 *c = must_build(&hosts[2], "host", &one, 0);
	assert_false(shows(c, "ht") || shows(c, "cmp_legacy"));
	assert_int_equal(at(c, 1, 0)->ebx, 0x00010800);
	assert_int_equal(at(c, 0x80000008, 0)->ecx, 0);
	assert_int_equal(at(c, 0xb, 1)->eax, 0);
	free(c);
}

static void kvm_leaves(void **state)
{
	struct cpuid_machine machine = four;

	(void)state;
	struct kvm_cpuid2 *c = must_build(&hosts[1], "host", &machine, 0);
	assert_memory_equal(&at(c, 0x40000000, 0)->ebx, "KVMKVMKVM\0\0\0", 12);
	assert_int_equal(at(c, 0x40000000, 0)->eax, 0x40000010);
	assert_int_equal(at(c, 0x40000010, 0)->eax, 2596122);
	assert_int_equal(at(c, 0x40000010, 0)->ebx, 1000000);
	assert_true(shows(c, "kvmclock") && shows(c, "kvm_pv_eoi") && shows(c, "kvm_steal_time"));
	assert_true(shows(c, "kvm_pv_ipi"));
	assert_false(shows(c, "kvm_pv_unhalt"));
	free(c);
	c = must_build(&hosts[1], "host,-kvmclock,+kvm_pv_unhalt", &machine, 0);
	assert_int_equal(at(c, 0x40000001, 0)->eax & 0x01000009, 0);
	assert_true(shows(c, "kvm_pv_unhalt"));
	free(c);
	c = must_build(&hosts[1], "host,-kvm_steal_time", &machine, 0);
	assert_false(shows(c, "kvm_pv_tlb_flush"));
	free(c);
	machine.deprivileged = true; /* vmcall never comes back there */
	c = must_build(&hosts[2], "host", &machine, 0);
	assert_false(shows(c, "kvm_pv_ipi") || shows(c, "kvm_pv_sched_yield"));
	assert_true(shows(c, "kvmclock"));
	free(c);
}

static void tsc_deadline_follows_the_machine(void **state)
{
	struct cpuid_machine machine = four;

	(void)state;
	for (unsigned h = 0; h < COUNT(hosts); h++) {
		machine.tsc_deadline = true;
		struct kvm_cpuid2 *c = must_build(&hosts[h], "host", &machine, 0);
		assert_true(shows(c, "tsc_deadline_timer"));
		free(c);
		machine.tsc_deadline = false;
		c = must_build(&hosts[h], "host", &machine, 0);
		assert_false(shows(c, "tsc_deadline_timer"));
		free(c);
	}
}

/* Guests compute crystal_khz * EBX / EAX in 32 bits, and believe the result. */
static void intel_frequency_is_exact_or_absent(void **state)
{
	struct cpuid_machine machine = four;
	unsigned present = 0, absent = 0;

	(void)state;
	for (uint64_t khz = 50000; khz < 6000000; khz += 7919) {
		machine.tsc_hz = khz * 1000;
		struct kvm_cpuid2 *c = must_build(&hosts[0], "host", &machine, 0);
		const struct kvm_cpuid_entry2 *e = cpuid_find(c, 0x15, 0);

		present += !!e;
		absent += !e;
		if (e) {
			double got = (double)e->ecx * e->ebx / e->eax, wanted = (double)khz * 1000;

			assert_true(got / wanted < 1 + 1e-5 && got / wanted > 1 - 1e-5);
			assert_true((uint64_t)e->ecx / 1000 * e->ebx <= UINT32_MAX);
			assert_int_equal(at(c, 0x16, 0)->eax, khz / 1000);
		}
		assert_int_equal(at(c, 0x40000010, 0)->eax, khz);
		free(c);
	}
	assert_true(present > 50 * absent);
}

static void frequencies_at_the_edges(void **state)
{
	static const struct {
		uint64_t tsc_hz;
		uint32_t numerator, denominator; /* 0: no leaf 0x15 */
	} cases[] = {
		{2600000000, 13, 5}, {1000000000, 1, 1}, {50000000, 1, 20},  {2000100000, 0, 0},
		{1, 0, 0},	     {0, 0, 0},		 {UINT64_MAX, 0, 0},
	};

	(void)state;
	for (unsigned i = 0; i < COUNT(cases); i++) {
		struct cpuid_machine machine = four;

		machine.tsc_hz = cases[i].tsc_hz;
		struct kvm_cpuid2 *c = must_build(&hosts[0], "host", &machine, 0);
		const struct kvm_cpuid_entry2 *e = cpuid_find(c, 0x15, 0);

		assert_int_equal(e ? e->ebx : 0, cases[i].numerator);
		assert_int_equal(e ? e->eax : 0, cases[i].denominator);
		assert_int_equal(!!cpuid_find(c, 0x16, 0), !!e);
		assert_int_equal(!!cpuid_find(c, 0x40000010, 0), !!cases[i].tsc_hz);
		free(c);
	}
}

static void minimal_host_works(void **state)
{
	(void)state;
	struct kvm_cpuid2 *c = must_build(&hosts[3], "host", &four, 1);

	assert_int_equal(at(c, 0, 0)->eax, 0x16);
	assert_null(cpuid_find(c, 0x80000000, 0));
	assert_null(cpuid_find(c, 7, 0));
	assert_int_equal(at(c, 0x40000001, 0)->eax, 0);
	assert_int_equal(at(c, 1, 0)->ebx, 0x01040800);
	free(c);
}

/* --- features --- */

static void minus_takes_what_needs_it(void **state)
{
	(void)state;
	struct kvm_cpuid2 *c = must_build(&hosts[0], "host,-avx", &four, 0);
	assert_false(shows(c, "avx") || shows(c, "avx2") || shows(c, "fma"));
	assert_true(shows(c, "xsave"));
	assert_int_equal(at(c, 0xd, 0)->eax, 3);
	assert_int_equal(at(c, 0xd, 0)->ecx, 576);
	free(c);
	c = must_build(&hosts[0], "host,-xsave", &four, 0);
	assert_false(shows(c, "avx") || shows(c, "xsaveopt"));
	assert_null(cpuid_find(c, 0xd, 0));
	free(c);
	c = must_build(&hosts[0], "host,-pcid", &four, 0);
	assert_false(shows(c, "invpcid"));
	free(c);
}

static void plus_brings_what_it_needs(void **state)
{
	(void)state;
	struct kvm_cpuid2 *c = must_build(&hosts[0], "baseline", &four, 0);
	assert_false(shows(c, "xsave") || shows(c, "avx") || shows(c, "avx2") || shows(c, "aes"));
	assert_true(shows(c, "sse4_2") && shows(c, "popcnt") && shows(c, "cx16"));
	free(c);
	c = must_build(&hosts[0], "baseline,+avx2", &four, 0);
	assert_true(shows(c, "xsave") && shows(c, "avx") && shows(c, "avx2"));
	assert_false(shows(c, "fma"));
	assert_int_equal(at(c, 0xd, 0)->eax, 7);
	free(c);
	c = must_build(&hosts[0], "host,+vmx", &four, 0);
	assert_true(shows(c, "vmx"));
	free(c);
	c = must_build(&hosts[1], "baseline,+svm", &four, 0);
	assert_true(shows(c, "svm"));
	assert_non_null(cpuid_find(c, 0x8000000a, 0));
	free(c);
}

static void says_what_the_host_lacks(void **state)
{
	static const struct {
		unsigned host;
		const char *spec, *says;
	} bad[] = {
		{0, "host,+avx512f", "does not offer 'avx512f'"},
		{0, "host,+svm", "does not offer 'svm'"},
		{1, "host,+vmx", "does not offer 'vmx'"},
		{2, "baseline,+avx2", "does not offer 'avx2'"},
		{0, "host,+avx2,-avx", "'avx2' needs 'avx', which is switched off"},
		{0, "host,+avx2,-xsave", "'avx' needs 'xsave', which is switched off"},
		{0, "host,+sgx", "'sgx' cannot be given"},
		{0, "host,+monitor", "'monitor' cannot be given"},
	};

	(void)state;
	for (unsigned i = 0; i < COUNT(bad); i++) {
		char err[256] = "";
		struct kvm_cpuid2 *c = build(&hosts[bad[i].host], bad[i].spec, &four, 0, err);

		if (c || !strstr(err, bad[i].says) || strchr(err, '\n'))
			fail_msg("%s: '%s'", bad[i].spec, err);
	}
}

/* A host that says yes to everything, of either vendor. entry: room for 128. */
static struct host yes_host(struct kvm_cpuid_entry2 *entry, bool amd)
{
	unsigned n = 0;

	for (uint32_t leaf = 0; leaf <= 0x24; leaf++)
		for (uint32_t i = 0; i < (leaf == 4 || leaf == 7 ? 3 : 1); i++)
			entry[n++] = (struct kvm_cpuid_entry2)ROW(leaf, i, 0, ~0u, ~0u, ~0u, ~0u);
	for (uint32_t leaf = 0x80000000; leaf <= 0x80000022; leaf++)
		entry[n++] = (struct kvm_cpuid_entry2)ROW(leaf, 0, 0, ~0u, ~0u, ~0u, ~0u);
	for (uint32_t i = 1; i < 20; i++)
		entry[n++] = (struct kvm_cpuid_entry2)ROW(0xd, i, 0, i == 1 ? ~0u : 64,
							  i == 1 ? ~0u : 576 + 64 * i, ~0u, ~0u);
	entry[n++] = (struct kvm_cpuid_entry2)ROW(0x40000001, 0, 0, ~0u, ~0u, ~0u, ~0u);
	entry[1].ebx = 0x800; /* CLFLUSH line */
	memcpy(&entry[0].ebx, amd ? "Auth" : "Genu", 4);
	memcpy(&entry[0].edx, amd ? "enti" : "ineI", 4);
	memcpy(&entry[0].ecx, amd ? "cAMD" : "ntel", 4);
	return (struct host){amd ? "yes amd" : "yes intel", entry, n};
}

/* What must not get through, whatever KVM of some day offers. */
static void filters_a_host_that_says_yes(void **state)
{
	static const uint32_t absent[] = {3,	      0x5,	  0x8,	      0x9,	 0xc,
					  0xe,	      0xf,	  0x10,	      0x12,	 0x14,
					  0x18,	      0x1a,	  0x1c,	      0x1d,	 0x80000009,
					  0x8000000a, 0x8000001b, 0x8000001f, 0x80000020};

	(void)state;
	for (unsigned amd = 0; amd < 2; amd++) {
		struct kvm_cpuid_entry2 entry[128];
		struct host host = yes_host(entry, amd);
		struct kvm_cpuid2 *c = must_build(&host, "host", &four, 1);

		check_order(c);
		check_features(c, &host);
		check_topology(c, 4, 1);
		check_xsave(c);
		for (unsigned i = 0; i < COUNT(absent); i++)
			assert_null(cpuid_find(c, absent[i], 0));
		assert_int_equal(at(c, 1, 0)->ebx >> 16 & 0xff, 4);
		assert_int_equal(at(c, 6, 0)->eax, 4);
		assert_int_equal(at(c, 6, 0)->ecx, 0);
		assert_int_equal(at(c, 0x80000007, 0)->ebx, 0);
		assert_int_equal(at(c, 0x80000007, 0)->edx, 0x100);
		assert_int_equal(at(c, 0x80000008, 0)->ecx, amd ? 0x2003 : 0);
		assert_int_equal(at(c, 0xd, 0)->eax, 0x2e7);
		assert_int_equal(at(c, 0xd, 1)->ecx, 0x1800);
		assert_int_equal(!!cpuid_find(c, 2, 0), !amd);
		assert_int_equal(!!cpuid_find(c, 4, 0), !amd);
		assert_int_equal(!!cpuid_find(c, 0xa, 0), !amd);
		assert_int_equal(!!cpuid_find(c, 0x1f, 0), !amd);
		assert_int_equal(!!cpuid_find(c, 0x8000001d, 0), amd);
		assert_int_equal(!!cpuid_find(c, 0x80000022, 0), amd);
		assert_int_equal(!(at(c, 0x80000001, 0)->edx & CPUID_E1_EDX_REPEATED), !amd);
		assert_true(shows(c, "avx512f") && shows(c, "pku") && shows(c, "shstk"));
		free(c);
		c = must_build(&host, "baseline", &four, 1);
		assert_null(cpuid_find(c, 0xa, 0));
		assert_null(cpuid_find(c, 0x80000022, 0));
		free(c);
	}
}

/* The bits say AVX-512, AVX, PKU; the XSAVE area has no place for them. */
static void features_without_state_are_hidden(void **state)
{
	static const struct {
		uint32_t xcr0;
		const char *hidden, *shown;
	} cases[] = {{0x267, "avx512f", "avx2"}, {0x2e3, "avx", "pku"}, {0xe7, "pku", "avx512f"}};

	(void)state;
	for (unsigned i = 0; i < COUNT(cases); i++) {
		struct kvm_cpuid_entry2 entry[128];
		struct host host = yes_host(entry, false);

		for (unsigned k = 0; k < host.count; k++)
			if (entry[k].function == 0xd && entry[k].index == 0)
				entry[k].eax = cases[i].xcr0;
		struct kvm_cpuid2 *c = must_build(&host, "host", &four, 0);
		assert_false(shows(c, cases[i].hidden));
		assert_true(shows(c, cases[i].shown));
		check_xsave(c);
		free(c);
	}
}

static void baseline_is_one_set(void **state)
{
	struct kvm_cpuid2 *built[2];

	(void)state;
	for (unsigned amd = 0; amd < 2; amd++) {
		struct kvm_cpuid_entry2 entry[128];
		struct host host = yes_host(entry, amd);

		built[amd] = must_build(&host, "baseline", &four, 0);
	}
	for (unsigned w = 0; w < CPUID_WORD_COUNT; w++) {
		uint32_t topology = w == CPUID_E1_ECX ? BIT(CPUID_CMP_LEGACY) | BIT(CPUID_TOPOEXT)
						      : 0;
		uint32_t repeated = w == CPUID_E1_EDX ? CPUID_E1_EDX_REPEATED : 0;

		assert_int_equal(word(built[0], w) & ~topology,
				 word(built[1], w) & ~topology & ~repeated);
	}
	free(built[0]);
	free(built[1]);
}

/* --- hosts that make no sense --- */

static void refuses_broken_tables(void **state)
{
	struct kvm_cpuid_entry2 many[CPUID_ENTRY_MAX] = {0};
	const struct host none = {"none", host_intel, 0}, no_leaf1 = {"one", host_intel, 1},
			  no_leaf0 = {"other", host_intel + 1, 3},
			  too_many = {"many", many, CPUID_ENTRY_MAX};
	char err[256];

	(void)state;
	assert_null(build(&none, "host", &four, 0, err));
	assert_null(build(&no_leaf1, "host", &four, 0, err));
	assert_null(build(&no_leaf0, "host", &four, 0, err));
	memcpy(many, host_intel, 2 * sizeof(*many));
	for (unsigned i = 2; i < CPUID_ENTRY_MAX; i++)
		many[i] = (struct kvm_cpuid_entry2)ROW(4, i, 1, 1, 0, 0, 0);
	assert_null(build(&too_many, "host", &four, 0, err));
	assert_non_null(strstr(err, "more CPUID leaves"));
}

static void prints_names(void **state)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	(void)state;
	for (unsigned h = 0; h < COUNT(hosts); h++) {
		struct kvm_cpuid2 *c = must_build(&hosts[h], "host", &four, 0);

		cpuid_print(out, c);
		memset(c->entries, 0xff, CPUID_ENTRY_MAX * sizeof(c->entries[0]));
		c->nent = 4;
		c->entries[0].function = 4;
		c->entries[1].function = 0xd;
		c->entries[1].index = 0;
		c->entries[2].function = 0xb;
		cpuid_print(out, c);
		free(c);
	}
	fclose(out);
	assert_non_null(strstr(text, "GenuineIntel, highest leaf 0x16"));
	assert_non_null(strstr(text, "family 6, model 60, stepping 3"));
	assert_non_null(strstr(text, "L3 cache, 8192 KiB, 16 ways"));
	assert_non_null(strstr(text, "kvmclock"));
	assert_non_null(strstr(text, "TSC 2596.122 MHz"));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(accepts_models),
		cmocka_unit_test(later_word_wins),
		cmocka_unit_test(rejects_nonsense),
		cmocka_unit_test(holds_everywhere),
		cmocka_unit_test(differs_between_vcpus_in_ids_only),
		cmocka_unit_test(intel_leaves),
		cmocka_unit_test(amd_leaves),
		cmocka_unit_test(one_cpu_has_no_ht),
		cmocka_unit_test(kvm_leaves),
		cmocka_unit_test(tsc_deadline_follows_the_machine),
		cmocka_unit_test(intel_frequency_is_exact_or_absent),
		cmocka_unit_test(frequencies_at_the_edges),
		cmocka_unit_test(minimal_host_works),
		cmocka_unit_test(minus_takes_what_needs_it),
		cmocka_unit_test(plus_brings_what_it_needs),
		cmocka_unit_test(says_what_the_host_lacks),
		cmocka_unit_test(filters_a_host_that_says_yes),
		cmocka_unit_test(features_without_state_are_hidden),
		cmocka_unit_test(baseline_is_one_set),
		cmocka_unit_test(refuses_broken_tables),
		cmocka_unit_test(prints_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

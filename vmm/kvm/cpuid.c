/* SPDX-License-Identifier: MIT
 *
 * One vCPU's CPUID leaves, made from what KVM supports: each leaf that a guest may see is copied and
 * made true for it (features settled by cpuid_settle(), XSAVE sizes, topology, frequencies, KVM's own
 * leaves). A leaf not named in shape() is not shown. Intel SDM vol. 2A "CPUID"; AMD APM vol. 3
 * appendix E.
 */
#include "kvm/cpuid.h"

#include <cpuid.h>
#include <errno.h>
#include <linux/kvm.h>
#include <linux/kvm_para.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "kvm/cpuid_topology.h"
#include "kvm/cpuid_xsave.h"

#define LEAF_KVM_FREQUENCY 0x40000010u /* kHz of TSC and LAPIC timer */
#define NUMERATOR_MAX 4000u	       /* guests multiply it by kHz in 32 bits (leaf 0x15) */
#define FREQUENCY_PRECISION 100000u    /* as good as a crystal is: 10 ppm */

struct build {
	const struct cpuid_model *model;
	const struct cpuid_machine *machine;
	const struct kvm_cpuid2 *supported;
	unsigned apic_id;
	bool amd;
	struct cpuid_features features;
	struct kvm_cpuid2 *out;
	unsigned capacity;
};

struct kvm_cpuid2 *cpuid_new(void)
{
	struct kvm_cpuid2 *cpuid = calloc(1, sizeof(*cpuid) +
						     CPUID_ENTRY_MAX * sizeof(cpuid->entries[0]));

	if (cpuid)
		cpuid->nent = CPUID_ENTRY_MAX;
	return cpuid;
}

/* KVM leaves the brand string out; the CPU itself tells it. */
static void add_brand(struct kvm_cpuid2 *cpuid)
{
	for (unsigned i = 0; i < cpuid->nent; i++) {
		struct kvm_cpuid_entry2 *e = &cpuid->entries[i];

		if (e->function >= 0x80000002 && e->function <= 0x80000004 && !e->eax)
			__get_cpuid(e->function, &e->eax, &e->ebx, &e->ecx, &e->edx);
	}
}

int cpuid_query_supported(int kvm_fd, struct kvm_cpuid2 **out)
{
	struct kvm_cpuid2 *cpuid = cpuid_new();

	if (!cpuid)
		return -ENOMEM;
	if (ioctl(kvm_fd, KVM_GET_SUPPORTED_CPUID, cpuid) < 0) {
		int err = -errno;

		free(cpuid);
		return err;
	}
	add_brand(cpuid);
	*out = cpuid;
	return 0;
}

const struct kvm_cpuid_entry2 *cpuid_find(const struct kvm_cpuid2 *cpuid, uint32_t function,
					  uint32_t index)
{
	for (unsigned i = 0; i < cpuid->nent; i++) {
		const struct kvm_cpuid_entry2 *e = &cpuid->entries[i];

		if (e->function == function && e->index == index)
			return e;
	}
	return NULL;
}

static bool is_amd(const struct kvm_cpuid_entry2 *leaf0)
{
	char vendor[13] = "";

	memcpy(vendor, &leaf0->ebx, 4);
	memcpy(vendor + 4, &leaf0->edx, 4);
	memcpy(vendor + 8, &leaf0->ecx, 4);
	return !strcmp(vendor, "AuthenticAMD") || !strcmp(vendor, "HygonGenuine");
}

/* Feature bits that only say how the topology leaves are to be read. */
static void settle_topology(struct build *b)
{
	const struct kvm_cpuid_entry2 *cache = cpuid_find(b->supported, 0x8000001d, 0);

	cpuid_remove(&b->features, CPUID_HT);
	cpuid_remove(&b->features, CPUID_CMP_LEGACY);
	if (b->machine->cpu_count > 1)
		cpuid_add(&b->features, CPUID_HT);
	if (b->machine->cpu_count > 1 && b->amd)
		cpuid_add(&b->features, CPUID_CMP_LEGACY); /* those are cores, not threads */
	if (!b->amd || !cache || !cache->eax)
		cpuid_remove(&b->features, CPUID_TOPOEXT);
}

/* The feature words that stand in this entry take the settled values. */
static void put_features(const struct build *b, struct kvm_cpuid_entry2 *e)
{
	for (unsigned w = 0; w < CPUID_WORD_COUNT; w++)
		if (cpuid_place[w].function == e->function && cpuid_place[w].index == e->index)
			*cpuid_register(e, cpuid_place[w].reg) = b->features.word[w];
}

/* An empty brand string makes guests print "unknown". */
static void shape_brand(const struct build *b, struct kvm_cpuid_entry2 *e)
{
	char text[48] = "Vitrine vCPU";
	uint32_t any = 0;

	for (uint32_t leaf = 0x80000002; leaf <= 0x80000004; leaf++) {
		const struct kvm_cpuid_entry2 *s = cpuid_find(b->supported, leaf, 0);

		any |= s ? s->eax | s->ebx | s->ecx | s->edx : 0;
	}
	if (any && !b->model->baseline)
		return;
	if (b->model->baseline)
		strcpy(text, "Vitrine vCPU (baseline)");
	const char *part = text + (e->function - 0x80000002) * 16;
	memcpy(&e->eax, part, 4);
	memcpy(&e->ebx, part + 4, 4);
	memcpy(&e->ecx, part + 8, 4);
	memcpy(&e->edx, part + 12, 4);
}

static bool shape_extended(const struct build *b, struct kvm_cpuid_entry2 *e)
{
	unsigned cpus = b->machine->cpu_count;

	switch (e->function) {
	case 0x80000000:
	case 0x80000005: /* L1 and TLB */
	case 0x80000006: /* L2, L3 and TLB */ return true;
	case 0x80000001:
		e->edx &= ~CPUID_E1_EDX_REPEATED;
		if (b->amd)
			e->edx |= b->features.word[CPUID_1_EDX] & CPUID_E1_EDX_REPEATED;
		return true;
	case 0x80000002:
	case 0x80000003:
	case 0x80000004: shape_brand(b, e); return true;
	case 0x80000007:
		e->eax = e->ebx = e->ecx = 0;
		e->edx &= 1u << 8; /* the TSC never stops */
		return true;
	case 0x80000008:
		e->ecx = b->amd ? cpuid_topology_core_count(cpus) : 0;
		e->edx = 0;
		return true;
	case 0x8000000a: return cpuid_has(&b->features, CPUID_SVM);
	case 0x80000019: /* TLB of 1 GiB pages */
	case 0x8000001a: /* speed hints */ return b->amd;
	case 0x8000001d: return b->amd && cpuid_topology_cache(e, cpus);
	case 0x80000021: e->ebx = e->edx = 0; return b->amd;
	case 0x80000022: return b->amd && !b->model->baseline; /* performance counters */
	default: return false;
	}
}

/* Makes an entry of the host true for this vCPU; false: a guest does not see it. */
static bool shape(const struct build *b, struct kvm_cpuid_entry2 *e)
{
	put_features(b, e);
	if (e->function >= 0x80000000)
		return shape_extended(b, e);
	switch (e->function) {
	case 0: return true;
	case 1: cpuid_topology_leaf1(e, b->machine->cpu_count, b->apic_id, b->amd); return true;
	case 2: return !b->amd; /* cache descriptors */
	case 4: return !b->amd && cpuid_topology_cache(e, b->machine->cpu_count);
	case 6:
		e->eax &= 1u << 2; /* ARAT; nothing thermal */
		e->ebx = e->ecx = e->edx = 0;
		return true;
	case 7:
		if (e->index == 1)
			e->ebx = e->ecx = 0;
		if (e->index == 2)
			e->eax = e->ebx = e->ecx = 0;
		return e->index == 0 || (e->index <= 2 && (e->eax || e->edx));
	case 0xa: return !b->amd && !b->model->baseline && e->eax; /* performance counters */
	case 0xd: return cpuid_xsave_shape(e, &b->features, b->supported);
	case 0x24: return cpuid_has(&b->features, CPUID_AVX10);
	default: return false;
	}
}

static int append(struct build *b, struct kvm_cpuid_entry2 e)
{
	if (b->out->nent == b->capacity)
		return -E2BIG;
	b->out->entries[b->out->nent++] = e;
	return 0;
}

static int append_topology(struct build *b)
{
	const struct kvm_cpuid_entry2 *leaf0 = cpuid_find(b->supported, 0, 0);
	unsigned cpus = b->machine->cpu_count;
	int err = 0;

	for (uint32_t i = 0; i <= 2 && !err; i++) {
		err = append(b, cpuid_topology_level(0xb, i, cpus, b->apic_id));
		if (!err && !b->amd && leaf0->eax >= 0x1f)
			err = append(b, cpuid_topology_level(0x1f, i, cpus, b->apic_id));
	}
	if (!err && cpuid_has(&b->features, CPUID_TOPOEXT))
		err = append(b, cpuid_topology_amd_ids(b->apic_id));
	return err;
}

/* The fraction nearest to value / unit with a small numerator, by continued fraction. */
static void approximate(uint64_t value, uint64_t unit, uint32_t *numerator, uint32_t *denominator)
{
	uint64_t n[2] = {0, 1}, d[2] = {1, 0}; /* the last two convergents */

	while (unit) {
		uint64_t whole = value / unit;

		if (whole > NUMERATOR_MAX || whole * n[1] + n[0] > NUMERATOR_MAX)
			break;
		uint64_t next_n = whole * n[1] + n[0], next_d = whole * d[1] + d[0];

		n[0] = n[1], d[0] = d[1];
		n[1] = next_n, d[1] = next_d;
		uint64_t rest = value % unit;

		value = unit;
		unit = rest;
	}
	*numerator = (uint32_t)n[1];
	*denominator = (uint32_t)d[1];
}

/* Intel's own leaves: 0x15 (TSC = crystal * EBX / EAX; the crystal drives the LAPIC timer), 0x16. Left
 * out where no small fraction is near enough: a guest believes them and measures no more. */
static int append_intel_frequencies(struct build *b)
{
	uint64_t tsc_hz = b->machine->tsc_hz, crystal_hz = b->machine->lapic_hz;
	struct kvm_cpuid_entry2 crystal = {.function = 0x15, .ecx = (uint32_t)crystal_hz};
	struct kvm_cpuid_entry2 base = {.function = 0x16, .ecx = (uint32_t)(crystal_hz / 1000000)};

	approximate(tsc_hz, crystal_hz, &crystal.ebx, &crystal.eax);
	if (!crystal.eax || !crystal.ebx)
		return 0;
	uint64_t said_hz = crystal_hz * crystal.ebx / crystal.eax;
	uint64_t error_hz = said_hz > tsc_hz ? said_hz - tsc_hz : tsc_hz - said_hz;
	if (error_hz > tsc_hz / FREQUENCY_PRECISION)
		return 0;
	base.eax = base.ebx = (uint32_t)(tsc_hz / 1000000);
	int err = append(b, crystal);
	return err ? err : append(b, base);
}

static int append_kvm(struct build *b)
{
	struct kvm_cpuid_entry2 signature = {.function = KVM_CPUID_SIGNATURE,
					     .eax = LEAF_KVM_FREQUENCY};
	struct kvm_cpuid_entry2 features = {.function = KVM_CPUID_FEATURES};
	struct kvm_cpuid_entry2 frequency = {.function = LEAF_KVM_FREQUENCY,
					     .eax = (uint32_t)(b->machine->tsc_hz / 1000),
					     .ebx = b->machine->lapic_hz / 1000};

	memcpy(&signature.ebx, "KVMK", 4);
	memcpy(&signature.ecx, "VMKV", 4);
	memcpy(&signature.edx, "M\0\0", 4);
	put_features(b, &features);
	int err = append(b, signature);
	if (!err)
		err = append(b, features);
	if (!err && b->machine->tsc_hz)
		err = append(b, frequency);
	return err;
}

static int ascending(const void *a, const void *b)
{
	const struct kvm_cpuid_entry2 *x = a, *y = b;

	if (x->function != y->function)
		return x->function < y->function ? -1 : 1;
	return x->index < y->index ? -1 : x->index > y->index;
}

/* Order, and the fields that say where lists end. */
static void finish(struct kvm_cpuid2 *out)
{
	struct kvm_cpuid_entry2 *head[3] = {NULL}; /* leaves 0, 7 and 0x80000000 */

	qsort(out->entries, out->nent, sizeof(out->entries[0]), ascending);
	for (unsigned i = 0; i < out->nent; i++) {
		struct kvm_cpuid_entry2 *e = &out->entries[i];

		if (e->function == 0)
			head[0] = e;
		if (e->function == 7 && e->index == 0)
			head[1] = e;
		if (e->function == 0x80000000)
			head[2] = e;
		if (e->function < 0x40000000 && head[0])
			head[0]->eax = e->function;
		if (e->function == 7 && head[1])
			head[1]->eax = e->index;
	}
	if (head[2])
		head[2]->eax = out->entries[out->nent - 1].function;
}

int cpuid_build(const struct cpuid_model *model, const struct cpuid_machine *machine,
		unsigned apic_id, const struct kvm_cpuid2 *supported, struct kvm_cpuid2 *out,
		char *err, size_t err_size)
{
	const struct kvm_cpuid_entry2 *leaf0 = cpuid_find(supported, 0, 0);
	struct build b = {.model = model,
			  .machine = machine,
			  .supported = supported,
			  .apic_id = apic_id,
			  .out = out,
			  .capacity = CPUID_ENTRY_MAX};

	if (!leaf0 || !cpuid_find(supported, 1, 0)) {
		snprintf(err, err_size,
			 "KVM reports no CPUID leaf 0 or 1: this host cannot run VMs");
		return -EINVAL;
	}
	b.amd = is_amd(leaf0);
	int ret = cpuid_settle(model, machine, supported, &b.features, err, err_size);
	if (ret)
		return ret;
	settle_topology(&b);
	out->nent = 0;
	for (unsigned i = 0; i < supported->nent && !ret; i++) {
		struct kvm_cpuid_entry2 e = supported->entries[i];

		if (shape(&b, &e))
			ret = append(&b, e);
	}
	if (!ret)
		ret = append_topology(&b);
	if (!ret && !b.amd && machine->tsc_hz && machine->lapic_hz)
		ret = append_intel_frequencies(&b);
	if (!ret)
		ret = append_kvm(&b);
	if (ret) {
		snprintf(err, err_size, "more CPUID leaves than KVM takes (%u)", b.capacity);
		return ret;
	}
	finish(out);
	return 0;
}

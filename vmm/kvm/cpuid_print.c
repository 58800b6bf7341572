/* SPDX-License-Identifier: MIT
 *
 * CPUID for people: leaf by leaf, with what the numbers mean, and as JSON for programs.
 */
#include "kvm/cpuid.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "observe/json.h"

#define INDENT "        "
#define WRAP_COLUMN 96

static const struct {
	uint32_t function;
	const char *title;
} leaf[] = {
	{0x0, "vendor, highest leaf"},
	{0x1, "family, APIC id, features"},
	{0x2, "cache descriptors"},
	{0x4, "cache"},
	{0x6, "thermal and power"},
	{0x7, "features"},
	{0xa, "performance counters"},
	{0xb, "topology"},
	{0xd, "XSAVE area"},
	{0x15, "TSC and crystal"},
	{0x16, "frequencies"},
	{0x1f, "topology"},
	{0x24, "AVX10"},
	{0x40000000, "hypervisor"},
	{0x40000001, "KVM features"},
	{0x40000010, "frequencies"},
	{0x80000000, "highest extended leaf"},
	{0x80000001, "features"},
	{0x80000002, "brand"},
	{0x80000003, "brand"},
	{0x80000004, "brand"},
	{0x80000005, "L1 caches and TLBs"},
	{0x80000006, "L2, L3 caches and TLBs"},
	{0x80000007, "power"},
	{0x80000008, "address sizes, features"},
	{0x8000000a, "SVM"},
	{0x80000019, "TLBs of 1 GiB pages"},
	{0x8000001a, "speed hints"},
	{0x8000001d, "cache"},
	{0x8000001e, "topology"},
	{0x80000021, "features"},
	{0x80000022, "performance counters"},
};

static const char *leaf_title(uint32_t function)
{
	for (unsigned i = 0; i < sizeof(leaf) / sizeof(*leaf); i++)
		if (leaf[i].function == function)
			return leaf[i].title;
	return "";
}

static void print_text(FILE *out, uint32_t value)
{
	for (unsigned i = 0; i < 4; i++, value >>= 8)
		if ((value & 0xff) >= 0x20 && (value & 0xff) < 0x7f)
			fputc(value & 0xff, out);
}

static void print_signature(FILE *out, const struct kvm_cpuid_entry2 *e)
{
	unsigned family = e->eax >> 8 & 0xf, model = e->eax >> 4 & 0xf;

	if (family == 6 || family == 15)
		model |= e->eax >> 12 & 0xf0;
	if (family == 15)
		family += e->eax >> 20 & 0xff;
	fprintf(out,
		INDENT "family %u, model %u, stepping %u; APIC id %u, %u logical CPUs, "
		       "CLFLUSH line %u bytes\n",
		family, model, e->eax & 0xf, e->ebx >> 24, e->ebx >> 16 & 0xff,
		(e->ebx >> 8 & 0xff) * 8);
}

static void print_cache(FILE *out, const struct kvm_cpuid_entry2 *e)
{
	static const char *const type[] = {"", "data ", "instruction ", ""};
	uint64_t line = (e->ebx & 0xfff) + 1, partitions = (e->ebx >> 12 & 0x3ff) + 1;
	uint64_t ways = (e->ebx >> 22) + 1, sets = (uint64_t)e->ecx + 1;

	fprintf(out,
		INDENT "L%u %scache, %llu KiB, %llu ways, lines of %llu bytes, for %u CPU(s)\n",
		e->eax >> 5 & 7, type[e->eax & 3],
		(unsigned long long)(line * partitions * ways * sets / 1024),
		(unsigned long long)ways, (unsigned long long)line, (e->eax >> 14 & 0xfff) + 1);
}

static void print_level(FILE *out, const struct kvm_cpuid_entry2 *e)
{
	static const char *const type[] = {"end of list", "thread", "core"};
	unsigned kind = e->ecx >> 8 & 0xff;

	fprintf(out, INDENT "%s", kind < 3 ? type[kind] : "level");
	if (kind)
		fprintf(out, ": %u CPU(s), %u bit(s) of the id", e->ebx & 0xffff, e->eax & 0x1f);
	fprintf(out, "; x2APIC id %u\n", e->edx);
}

static void print_xsave(FILE *out, const struct kvm_cpuid_entry2 *e)
{
	static const char *const part[] = {
		"x87",	     "SSE", "AVX",  "BNDREGS", "BNDCSR",   "opmask",	    "ZMM 0-15 high",
		"ZMM 16-31", "PT",  "PKRU", "PASID",   "CET user", "CET supervisor"};

	if (e->index == 0) {
		fputs(INDENT "XCR0 may hold:", out);
		for (unsigned i = 0; i < sizeof(part) / sizeof(*part); i++)
			if (e->eax >> i & 1)
				fprintf(out, "%s %s", e->eax & ((1u << i) - 1) ? "," : "", part[i]);
		fprintf(out, "; at most %u bytes\n", e->ecx);
	} else if (e->index > 1) {
		const char *name = e->index < sizeof(part) / sizeof(*part) ? part[e->index] : "?";

		fprintf(out, INDENT "%s: %u bytes at %u\n", name, e->eax, e->ebx);
	}
}

static void print_meaning(FILE *out, const struct kvm_cpuid_entry2 *e)
{
	switch (e->function) {
	case 0:
	case 0x80000000:
		fputs(INDENT, out);
		print_text(out, e->ebx);
		print_text(out, e->edx);
		print_text(out, e->ecx);
		fprintf(out, ", highest leaf 0x%x\n", e->eax);
		break;
	case 1: print_signature(out, e); break;
	case 4:
	case 0x8000001d: print_cache(out, e); break;
	case 0xb:
	case 0x1f: print_level(out, e); break;
	case 0xd: print_xsave(out, e); break;
	case 0x15:
		fprintf(out, INDENT "crystal and LAPIC timer %.3f MHz, TSC = crystal * %u / %u\n",
			e->ecx / 1e6, e->ebx, e->eax);
		break;
	case 0x16:
		fprintf(out, INDENT "base %u MHz, maximum %u MHz, bus %u MHz\n", e->eax, e->ebx,
			e->ecx);
		break;
	case 0x40000000:
		fputs(INDENT, out);
		print_text(out, e->ebx);
		print_text(out, e->ecx);
		print_text(out, e->edx);
		fprintf(out, ", highest leaf 0x%x\n", e->eax);
		break;
	case 0x40000010:
		fprintf(out, INDENT "TSC %.3f MHz, LAPIC timer %.3f MHz\n", e->eax / 1e3,
			e->ebx / 1e3);
		break;
	case 0x80000002:
	case 0x80000003:
	case 0x80000004:
		if (!e->eax)
			break;
		fputs(INDENT "\"", out);
		print_text(out, e->eax);
		print_text(out, e->ebx);
		print_text(out, e->ecx);
		print_text(out, e->edx);
		fputs("\"\n", out);
		break;
	case 0x80000008:
		fprintf(out, INDENT "physical addresses of %u bits, virtual of %u; %u CPU(s)\n",
			e->eax & 0xff, e->eax >> 8 & 0xff, (e->ecx & 0xff) + 1);
		break;
	case 0x8000001e:
		fprintf(out, INDENT "APIC id %u, core %u, node %u\n", e->eax, e->ebx & 0xff,
			e->ecx & 0xff);
		break;
	default: break;
	}
}

static const char *const register_name[] = {"eax", "ebx", "ecx", "edx"};

/* Some features are several bits of one name: said once. */
static bool named_before(unsigned word, unsigned bit, uint32_t value)
{
	const char *name = cpuid_feature_name(word * 32 + bit);

	for (unsigned i = 0; i < bit && name; i++) {
		const char *other = cpuid_feature_name(word * 32 + i);

		if (value >> i & 1 && other && !strcmp(name, other))
			return true;
	}
	return false;
}

/* Names of a register's bits, wrapped; bits without a name by number. */
static void print_features(FILE *out, const struct kvm_cpuid_entry2 *e)
{
	for (unsigned w = 0; w < CPUID_WORD_COUNT; w++) {
		struct kvm_cpuid_entry2 copy = *e;

		if (cpuid_place[w].function != e->function || cpuid_place[w].index != e->index)
			continue;
		uint32_t value = *cpuid_register(&copy, cpuid_place[w].reg);
		if (w == CPUID_E1_EDX)
			value &= ~CPUID_E1_EDX_REPEATED;
		int column = value ? fprintf(out, INDENT "%s:", register_name[cpuid_place[w].reg])
				   : 0;

		for (unsigned bit = 0; bit < 32; bit++) {
			char text[40];
			const char *name = cpuid_feature_name(w * 32 + bit);

			if (!(value >> bit & 1) || named_before(w, bit, value))
				continue;
			snprintf(text, sizeof(text), name ? " %s" : " bit%s%u", name ? name : "",
				 bit);
			if (column + strlen(text) > WRAP_COLUMN)
				column = fprintf(out, "\n" INDENT "    ") - 1;
			column += fprintf(out, "%s", text);
		}
		if (value)
			fputc('\n', out);
	}
}

void cpuid_print(FILE *out, const struct kvm_cpuid2 *cpuid)
{
	for (unsigned i = 0; i < cpuid->nent; i++) {
		const struct kvm_cpuid_entry2 *e = &cpuid->entries[i];
		char name[24];

		snprintf(name, sizeof(name),
			 e->flags & KVM_CPUID_FLAG_SIGNIFCANT_INDEX ? "0x%x.%x" : "0x%x",
			 e->function, e->index);
		fprintf(out, "%-12s %-26s eax=%08x ebx=%08x ecx=%08x edx=%08x\n", name,
			leaf_title(e->function), e->eax, e->ebx, e->ecx, e->edx);
		print_meaning(out, e);
		print_features(out, e);
	}
}

static void json_features(struct json *j, const struct kvm_cpuid_entry2 *e)
{
	json_array(j, "features");
	for (unsigned i = 0; i < cpuid_feature_count; i++) {
		const struct cpuid_place *at = &cpuid_place[cpuid_feature[i].id / 32];
		struct kvm_cpuid_entry2 copy = *e;

		if (at->function == e->function && at->index == e->index &&
		    *cpuid_register(&copy, at->reg) >> cpuid_feature[i].id % 32 & 1)
			json_string(j, NULL, cpuid_feature[i].name);
	}
	json_end(j);
}

static int print_json(FILE *out, const struct kvm_cpuid2 *cpuid)
{
	struct json j;

	json_open(&j, out);
	json_object(&j, NULL);
	json_u64(&j, "vcpu", 0);
	json_array(&j, "leaves");
	for (unsigned i = 0; i < cpuid->nent; i++) {
		const struct kvm_cpuid_entry2 *e = &cpuid->entries[i];

		json_object(&j, NULL);
		json_u64(&j, "function", e->function);
		json_u64(&j, "index", e->index);
		json_string(&j, "title", leaf_title(e->function));
		json_u64(&j, "eax", e->eax);
		json_u64(&j, "ebx", e->ebx);
		json_u64(&j, "ecx", e->ecx);
		json_u64(&j, "edx", e->edx);
		json_features(&j, e);
		json_end(&j);
	}
	json_end(&j);
	json_end(&j);
	return json_close(&j);
}

/* The TSC's frequency as a throw-away vCPU has it; 0: KVM does not say. */
static uint64_t ask_tsc_hz(int kvm_fd)
{
	int vm_fd = ioctl(kvm_fd, KVM_CREATE_VM, 0);
	int vcpu_fd = vm_fd < 0 ? -1 : ioctl(vm_fd, KVM_CREATE_VCPU, 0);
	int khz = vcpu_fd < 0 ? 0 : ioctl(vcpu_fd, KVM_GET_TSC_KHZ, 0);

	if (vcpu_fd >= 0)
		close(vcpu_fd);
	if (vm_fd >= 0)
		close(vm_fd);
	return khz > 0 ? (uint64_t)khz * 1000 : 0;
}

static int dump(FILE *out, int kvm_fd, const struct cpuid_model *model,
		const struct cpuid_machine *machine, bool json, char *err, size_t err_size)
{
	struct cpuid_machine known = *machine;
	struct kvm_cpuid2 *supported = NULL, *built = cpuid_new();
	int ret = built ? cpuid_query_supported(kvm_fd, &supported) : -ENOMEM;

	if (ret)
		snprintf(err, err_size, "KVM_GET_SUPPORTED_CPUID: %s", strerror(-ret));
	if (!known.tsc_hz)
		known.tsc_hz = ask_tsc_hz(kvm_fd);
	if (!ret)
		ret = cpuid_build(model, &known, 0, supported, built, err, err_size);
	if (!ret && json)
		ret = print_json(out, built);
	else if (!ret)
		cpuid_print(out, built);
	free(supported);
	free(built);
	return ret;
}

int cpuid_dump(FILE *out, const struct cpuid_model *model, const struct cpuid_machine *machine,
	       bool json, char *err, size_t err_size)
{
	int kvm_fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);

	if (kvm_fd < 0) {
		int ret = -errno;

		snprintf(err, err_size, "/dev/kvm: %s (vitrine doctor says what to do)",
			 strerror(errno));
		return ret;
	}
	int ret = dump(out, kvm_fd, model, machine, json, err, err_size);

	close(kvm_fd);
	return ret;
}

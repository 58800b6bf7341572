/* SPDX-License-Identifier: MIT
 *
 * Hypervisor identification by CPUID.
 */
#include "guest/hyper/hypervisor.h"

#include "guest/arch/cpu.h"
#include "guest/arch/insn.h"
#include "guest/lib/string.h"

#define LEAF_KVM_FEATURES 0x40000001
#define LEAF_FREQUENCIES 0x40000010

static const struct {
	const char *signature, *name;
} known[] = {
	{"KVMKVMKVM", "KVM"},	    {"TCGTCGTCGTCG", "QEMU TCG"}, {"Microsoft Hv", "Hyper-V"},
	{"VMwareVMware", "VMware"}, {"XenVMMXenVMM", "Xen"},	  {"bhyve bhyve ", "bhyve"},
};

const char *hypervisor_name(void)
{
	if (!cpu_features.hypervisor_max_leaf)
		return "none that says so";
	for (unsigned i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (!strcmp(known[i].signature, cpu_features.hypervisor_signature))
			return known[i].name;
	return cpu_features.hypervisor_signature;
}

uint32_t hypervisor_kvm_features(void)
{
	if (strcmp(cpu_features.hypervisor_signature, "KVMKVMKVM"))
		return 0;
	return cpuid_read(LEAF_KVM_FEATURES, 0).eax;
}

void hypervisor_frequencies(uint32_t *tsc_khz, uint32_t *lapic_khz)
{
	struct cpuid leaf = {0};

	if (cpu_features.hypervisor_max_leaf >= LEAF_FREQUENCIES)
		leaf = cpuid_read(LEAF_FREQUENCIES, 0);
	*tsc_khz = leaf.eax;
	*lapic_khz = leaf.ebx;
}

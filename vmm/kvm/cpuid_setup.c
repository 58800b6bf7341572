/* SPDX-License-Identifier: MIT
 *
 * Asks KVM what it supports and gives a vCPU the leaves that cpuid.c makes of it.
 */
#include <errno.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <sys/ioctl.h>

#include "kvm/cpuid.h"
#include "kvm/vm_internal.h"

static bool has_tsc_deadline(struct vm *vm)
{
	void *cap = (void *)KVM_CAP_TSC_DEADLINE_TIMER;

	return kvm_setup_ioctl(vm, vm->kvm_fd, KVM_CHECK_EXTENSION, cap) > 0;
}

static uint64_t xcr0_all(const struct kvm_cpuid2 *cpuid)
{
	const struct kvm_cpuid_entry2 *leaf = cpuid_find(cpuid, 0xd, 0);

	return leaf ? (uint64_t)leaf->edx << 32 | leaf->eax : 0;
}

int vcpu_set_cpuid(struct vcpu *vcpu)
{
	struct vm *vm = vcpu->vm;
	const struct cpuid_machine machine = {.cpu_count = vm->setup.cpu_count,
					      .tsc_hz = vm->tsc_hz,
					      .lapic_hz = CPUID_LAPIC_HZ,
					      .tsc_deadline = has_tsc_deadline(vm),
					      .deprivileged = vm_is_deprivileged(vm)};
	struct kvm_cpuid2 *cpuid = cpuid_new();
	int err = cpuid ? 0 : -ENOMEM;

	if (!err && !vm->supported_cpuid)
		err = cpuid_query_supported(vm->kvm_fd, &vm->supported_cpuid);
	if (!err)
		err = cpuid_build(vm->setup.cpu_model, &machine, vcpu->index, vm->supported_cpuid,
				  cpuid, vm->err, vm->err_size);
	if (!err)
		err = kvm_setup_ioctl(vm, vcpu->fd, KVM_SET_CPUID2, cpuid);
	if (!err)
		vcpu->xcr0_all = xcr0_all(cpuid);
	free(cpuid);
	return err;
}

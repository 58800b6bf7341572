/* SPDX-License-Identifier: MIT
 *
 * Gives a vCPU its CPUID.
 */
#include <stdlib.h>
#include <string.h>

#include "kvm/vm_internal.h"
int vcpu_set_cpuid(struct vcpu *vcpu)
{
	struct {
		struct kvm_cpuid2 h;
		struct kvm_cpuid_entry2 e[128];
	} t = {.h.nent = 128};
	int err = kvm_setup_ioctl(vcpu->vm, vcpu->vm->kvm_fd, KVM_GET_SUPPORTED_CPUID, &t);

	if (err < 0)
		return err;
	for (unsigned i = 0; i < t.h.nent; i++)
		if (t.e[i].function == 1)
			t.e[i].ebx = (t.e[i].ebx & 0xffffff) | vcpu->index << 24;
	return kvm_setup_ioctl(vcpu->vm, vcpu->fd, KVM_SET_CPUID2, &t);
}

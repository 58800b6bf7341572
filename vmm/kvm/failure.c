/* SPDX-License-Identifier: MIT
 *
 * The one place where a vCPU that cannot go on is reported and the VM is ended.
 */
#include <stdio.h>
#include <sys/ioctl.h>

#include "kvm/vm_internal.h"

void failure_report(struct vcpu *vcpu, enum vm_end end, const char *why)
{
	struct kvm_regs r;
	ioctl(vcpu->fd, KVM_GET_REGS, &r);
	fprintf(stderr, "vitrine: vCPU %u: %s rip=%llx exit %u sub %u\n", vcpu->index, why, r.rip,
		vcpu->run->exit_reason, vcpu->run->internal.suberror);
	vm_control_request(vcpu->vm->setup.control, end, vcpu->index);
}

/* SPDX-License-Identifier: MIT
 *
 * A box: the throw-away VM of one probe, with 2 MiB of RAM, one or two vCPUs, and the code of
 * probe_code.S in it. Lives in a child process (probe_child.h) whose end also ends the VM.
 */
#ifndef VITRINE_KVM_PROBE_BOX_H
#define VITRINE_KVM_PROBE_BOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kvm/probe_map.h"

struct kvm_run;

#define BOX_VCPU_MAX 2

struct box {
	int kvm_fd, vm_fd;
	int vcpu_fd[BOX_VCPU_MAX];
	struct kvm_run *run[BOX_VCPU_MAX];
	size_t run_bytes;
	unsigned vcpu_count;
	uint8_t *ram;
	bool xsave, cx16; /* the vCPU's CPUID has them */
};

/* The blob of probe_code.S; a label's address in the VM is BOX_AT(label). */
extern const uint8_t box_code[], box_code_end[], box_stubs[];
extern const uint8_t box_real[], box_real_int[], box_cmpxchg16b[], box_xsave[], box_xrstor[];
extern const uint8_t box_int3[], box_vmcall[], box_vmmcall[], box_nops[], box_nops_second[];
extern const uint8_t box_sysret[], box_ring3[], box_ring3_int[], box_ring3_syscall[];
extern const uint8_t box_landing[], box_spin[], box_pio[], box_mmio[], box_bell_pio[];
extern const uint8_t box_bell_mmio[], box_halt[], box_wake[], box_start_others[], box_done[];
#define BOX_AT(label) ((uint64_t)BOX_CODE_GPA + ((uintptr_t)(label) - (uintptr_t)box_code))

/* Opens /dev/kvm: a descriptor or -errno. */
int box_open(void);

/* Opens /dev/kvm and makes VM, RAM and vCPUs; irqchip: with KVM's PIC, IOAPIC and LAPICs. 0 or
 * -errno; box_destroy() is due in both cases. */
int box_create(struct box *box, unsigned vcpu_count, bool irqchip);
void box_destroy(struct box *box);

/* Lets vCPU 0 start at a label: 64-bit code in ring 0 or 3, or real mode. 0 or -errno. */
int box_enter_long(struct box *box, const uint8_t *label, unsigned ring);
int box_enter_real(struct box *box, const uint8_t *label);

/* One KVM_RUN of a vCPU: 0 (see run->exit_reason) or -errno; -EINTR when the alarm rang. */
int box_run(struct box *box, unsigned vcpu);

/* After delay_ms every KVM_RUN of that vCPU ends at once with -EINTR. One alarm per process. 0 or
 * -errno. Then: whether it has rung. */
int box_set_alarm(struct box *box, unsigned vcpu, unsigned delay_ms);
bool box_alarm_rang(const struct box *box, unsigned vcpu);

#endif

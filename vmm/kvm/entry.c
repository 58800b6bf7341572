/* SPDX-License-Identifier: MIT
 *
 * First register state of the boot processor: real mode at the reset vector, the PVH protocol's flat
 * protected mode, or 64-bit mode as Linux's 64-bit boot protocol and ours have it.
 */
#include "kvm/entry.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#include "kvm/vm_internal.h"

#define CR0_PE (1u << 0)
#define CR0_ET (1u << 4)
#define CR0_PG (1u << 31)
#define CR4_PAE (1u << 5)
#define EFER_LME (1u << 8)
#define EFER_LMA (1u << 10)
#define RFLAGS_ALWAYS_ONE 2u

/* Segment types of the SDM, vol. 3, §3.4.5.1 and §3.5 */
enum { SEG_DATA_RW_ACCESSED = 3, SEG_CODE_RX_ACCESSED = 11, SEG_TSS32_BUSY = 11 };

static struct kvm_segment flat(uint16_t selector, uint8_t type, bool long_mode)
{
	bool code = type == SEG_CODE_RX_ACCESSED;

	return (struct kvm_segment){.base = 0,
				    .limit = 0xffffffff,
				    .selector = selector,
				    .type = type,
				    .present = 1,
				    .s = 1,
				    .g = 1,
				    .l = code && long_mode,
				    .db = !(code && long_mode)};
}

static void set_segments(struct kvm_sregs *sregs, const struct boot_entry *entry)
{
	bool long_mode = entry->mode == BOOT_MODE_LONG64;
	struct kvm_segment data = flat(entry->data_selector, SEG_DATA_RW_ACCESSED, long_mode);

	sregs->cs = flat(entry->code_selector, SEG_CODE_RX_ACCESSED, long_mode);
	sregs->ds = sregs->es = sregs->fs = sregs->gs = sregs->ss = data;
	sregs->tr = (struct kvm_segment){.base = 0,
					 .limit = 0x67,
					 .selector = entry->tss_selector,
					 .type = SEG_TSS32_BUSY,
					 .present = 1};
	sregs->gdt.base = entry->gdt_gpa;
	sregs->gdt.limit = entry->gdt_limit;
	sregs->idt.base = 0;
	sregs->idt.limit = 0;
}

static void set_mode(struct kvm_sregs *sregs, const struct boot_entry *entry)
{
	sregs->cr0 = CR0_PE | CR0_ET;
	sregs->cr4 = 0;
	if (entry->mode != BOOT_MODE_LONG64)
		return;
	sregs->cr3 = entry->cr3;
	sregs->cr4 = CR4_PAE;
	sregs->cr0 |= CR0_PG;
	sregs->efer = EFER_LME | EFER_LMA;
}

/* As firmware would leave it: all that may be in XCR0 is. Linux takes the size of its FPU state from
 * CPUID leaf 0xD right after XSETBV; KVM keeps that leaf up to date when it sees the XSETBV, which an
 * emulated AMD-V does not show it. Then the size for everything is right, and that of reset is not: Linux
 * warns with a stack trace that costs it a seventh of its boot. */
static int enable_xstate(struct vcpu *vcpu)
{
	struct kvm_xcrs xcrs = {.nr_xcrs = 1, .xcrs = {{.xcr = 0, .value = vcpu->xcr0_all}}};

	if (!vcpu->xcr0_all)
		return 0;
	return kvm_setup_ioctl(vcpu->vm, vcpu->fd, KVM_SET_XCRS, &xcrs);
}

int entry_set_state(struct vcpu *vcpu, const struct boot_entry *entry)
{
	struct kvm_regs regs = {.rip = entry->rip,
				.rsp = entry->rsp,
				.rbx = entry->rbx,
				.rsi = entry->rsi,
				.rflags = RFLAGS_ALWAYS_ONE};
	struct kvm_sregs sregs;
	int err;

	if (entry->mode == BOOT_MODE_REAL16)
		return 0; /* KVM creates the boot processor in the reset state, at F000:FFF0 */
	err = kvm_setup_ioctl(vcpu->vm, vcpu->fd, KVM_GET_SREGS, &sregs);
	if (err < 0)
		return err;
	set_segments(&sregs, entry);
	set_mode(&sregs, entry);
	err = kvm_setup_ioctl(vcpu->vm, vcpu->fd, KVM_SET_SREGS, &sregs);
	if (err < 0)
		return err;
	err = kvm_setup_ioctl(vcpu->vm, vcpu->fd, KVM_SET_REGS, &regs);
	if (err < 0)
		return err;
	for (unsigned i = 0; err >= 0 && i < vcpu->vm->vcpu_count; i++)
		err = enable_xstate(&vcpu->vm->vcpu[i]);
	return err < 0 ? err : 0;
}

/* SPDX-License-Identifier: MIT
 *
 * What a debugger asks of a stopped vCPU: registers, translation, breakpoints in the debug registers,
 * single step. Intel SDM volume 3, chapter 19 (DR7), and KVM_SET_GUEST_DEBUG of the KVM API.
 */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#include "kvm/vm_internal.h"
#include "memory_map.h"

#define DR7_ALWAYS 0x600 /* bit 10 reads as one; GE */
#define MSR_KERNEL_GS_BASE 0xc0000102
#define CR4_LA57 (1ull << 12)
#define EFER_LMA (1ull << 10)

/* A vCPU that hangs inside KVM_RUN (vm_pause() gives up on it) would make every other ioctl wait. */
static bool is_reachable(struct vcpu *vcpu)
{
	bool stands;

	pthread_mutex_lock(&vcpu->vm->lock);
	stands = !vcpu->has_thread || vcpu->standing;
	pthread_mutex_unlock(&vcpu->vm->lock);
	return stands || pthread_equal(vcpu->thread, pthread_self());
}

static int vcpu_ioctl(struct vcpu *vcpu, unsigned long request, void *argument)
{
	if (!is_reachable(vcpu))
		return -EBUSY;
	return ioctl(vcpu->fd, request, argument) < 0 ? -errno : 0;
}

/* True where the shared page has newer registers than KVM (KVM_CAP_SYNC_REGS). */
static bool registers_are_shared(const struct vcpu *vcpu)
{
	return vcpu->run->kvm_dirty_regs & KVM_SYNC_X86_REGS;
}

int vcpu_get_registers(struct vcpu *vcpu, struct vcpu_registers *regs)
{
	struct kvm_regs from = vcpu->run->s.regs.regs;
	int err = registers_are_shared(vcpu) ? 0 : vcpu_ioctl(vcpu, KVM_GET_REGS, &from);

	if (err)
		return err;
	*regs = (struct vcpu_registers){
		.rax = from.rax,
		.rbx = from.rbx,
		.rcx = from.rcx,
		.rdx = from.rdx,
		.rsi = from.rsi,
		.rdi = from.rdi,
		.rbp = from.rbp,
		.rsp = from.rsp,
		.r8 = from.r8,
		.r9 = from.r9,
		.r10 = from.r10,
		.r11 = from.r11,
		.r12 = from.r12,
		.r13 = from.r13,
		.r14 = from.r14,
		.r15 = from.r15,
		.rip = from.rip,
		.rflags = from.rflags,
	};
	return 0;
}

int vcpu_set_registers(struct vcpu *vcpu, const struct vcpu_registers *regs)
{
	struct kvm_regs to = {
		.rax = regs->rax,
		.rbx = regs->rbx,
		.rcx = regs->rcx,
		.rdx = regs->rdx,
		.rsi = regs->rsi,
		.rdi = regs->rdi,
		.rbp = regs->rbp,
		.rsp = regs->rsp,
		.r8 = regs->r8,
		.r9 = regs->r9,
		.r10 = regs->r10,
		.r11 = regs->r11,
		.r12 = regs->r12,
		.r13 = regs->r13,
		.r14 = regs->r14,
		.r15 = regs->r15,
		.rip = regs->rip,
		.rflags = regs->rflags,
	};

	vcpu->run->kvm_dirty_regs &= ~(uint64_t)KVM_SYNC_X86_REGS;
	return vcpu_ioctl(vcpu, KVM_SET_REGS, &to);
}

static struct vcpu_segment segment(const struct kvm_segment *from)
{
	return (struct vcpu_segment){.selector = from->selector,
				     .base = from->base,
				     .limit = from->limit,
				     .l = from->l,
				     .db = from->db,
				     .dpl = from->dpl};
}

static uint64_t read_msr(struct vcpu *vcpu, uint32_t number)
{
	union {
		struct kvm_msrs list;
		uint8_t room[sizeof(struct kvm_msrs) + sizeof(struct kvm_msr_entry)];
	} request = {.list.nmsrs = 1};

	request.list.entries[0].index = number;
	return ioctl(vcpu->fd, KVM_GET_MSRS, &request) == 1 ? request.list.entries[0].data : 0;
}

int vcpu_get_system_registers(struct vcpu *vcpu, struct vcpu_system_registers *sregs)
{
	struct kvm_sregs from;
	int err = vcpu_ioctl(vcpu, KVM_GET_SREGS, &from);

	if (err)
		return err;
	*sregs = (struct vcpu_system_registers){
		.cs = segment(&from.cs),
		.ss = segment(&from.ss),
		.ds = segment(&from.ds),
		.es = segment(&from.es),
		.fs = segment(&from.fs),
		.gs = segment(&from.gs),
		.cr0 = from.cr0,
		.cr2 = from.cr2,
		.cr3 = from.cr3,
		.cr4 = from.cr4,
		.cr8 = from.cr8,
		.efer = from.efer,
		.kernel_gs_base = read_msr(vcpu, MSR_KERNEL_GS_BASE),
		.gdt_base = from.gdt.base,
		.gdt_limit = from.gdt.limit,
		.idt_base = from.idt.base,
		.idt_limit = from.idt.limit,
		.ldt_selector = from.ldt.selector,
		.task_selector = from.tr.selector,
	};
	return 0;
}

/* KVM's walk looks at the translated bits only; the processor would raise #GP. */
static bool is_canonical(const struct kvm_sregs *sregs, uint64_t gva)
{
	int unused_bits = sregs->cr4 & CR4_LA57 ? 64 - 57 : 64 - 48;

	if (!(sregs->efer & EFER_LMA))
		return gva <= UINT32_MAX;
	return (uint64_t)((int64_t)(gva << unused_bits) >> unused_bits) == gva;
}

int vcpu_translate(struct vcpu *vcpu, uint64_t gva, uint64_t *gpa)
{
	struct kvm_translation translation = {.linear_address = gva};
	struct kvm_sregs sregs;
	int err = vcpu_ioctl(vcpu, KVM_GET_SREGS, &sregs);

	if (err)
		return err;
	if (!is_canonical(&sregs, gva))
		return -EFAULT;
	err = vcpu_ioctl(vcpu, KVM_TRANSLATE, &translation);
	if (err)
		return err;
	*gpa = translation.physical_address;
	return translation.valid ? 0 : -EFAULT;
}

/* DR7: two enable bits per breakpoint from bit 0, kind and length in four from bit 16. */
static uint64_t dr7_bits(const struct vcpu_hw_breakpoint *hw, unsigned slot)
{
	static const uint64_t length_code[] = {[1] = 0, [2] = 1, [4] = 3, [8] = 2};
	static const uint64_t kind_code[] = {
		[VCPU_WATCH_EXECUTE] = 0, [VCPU_WATCH_WRITE] = 1, [VCPU_WATCH_ACCESS] = 3};
	uint64_t length = hw->kind == VCPU_WATCH_EXECUTE ? 0 : length_code[hw->len_bytes];

	return 2ull << (2 * slot) | (kind_code[hw->kind] | length << 2) << (16 + 4 * slot);
}

static uint32_t step_control(const struct vcpu *vcpu)
{
	void *capability = (void *)KVM_CAP_SET_GUEST_DEBUG2;
	int supported = ioctl(vcpu->vm->fd, KVM_CHECK_EXTENSION, capability);
	uint32_t control = KVM_GUESTDBG_SINGLESTEP;

	/* A step that ends in the timer's handler helps nobody. */
	if (supported > 0 && supported & KVM_GUESTDBG_BLOCKIRQ)
		control |= KVM_GUESTDBG_BLOCKIRQ;
	return control;
}

int vcpu_set_debug(struct vcpu *vcpu, const struct vcpu_debug *debug)
{
	struct kvm_guest_debug to = {.control = debug->enabled ? KVM_GUESTDBG_ENABLE : 0};
	uint64_t dr7 = 0;

	for (unsigned slot = 0; slot < VCPU_HW_BREAKPOINT_MAX; slot++) {
		if (!debug->hw[slot].used)
			continue;
		to.arch.debugreg[slot] = debug->hw[slot].gva;
		dr7 |= dr7_bits(&debug->hw[slot], slot);
	}
	if (debug->enabled && dr7) {
		to.control |= KVM_GUESTDBG_USE_HW_BP;
		to.arch.debugreg[7] = dr7 | DR7_ALWAYS;
	}
	if (debug->enabled && debug->software_breakpoints)
		to.control |= KVM_GUESTDBG_USE_SW_BP;
	if (debug->enabled && debug->single_step)
		to.control |= step_control(vcpu);
	if (debug->inject)
		to.control |= debug->inject == 1 ? KVM_GUESTDBG_INJECT_DB : KVM_GUESTDBG_INJECT_BP;
	return vcpu_ioctl(vcpu, KVM_SET_GUEST_DEBUG, &to);
}

const char *vcpu_activity(struct vcpu *vcpu)
{
	struct kvm_mp_state state;

	if (vcpu_ioctl(vcpu, KVM_GET_MP_STATE, &state) < 0)
		return "unknown";
	switch (state.mp_state) {
	case KVM_MP_STATE_RUNNABLE: return "running";
	case KVM_MP_STATE_HALTED: return "halted";
	case KVM_MP_STATE_UNINITIALIZED: return "waiting for INIT";
	case KVM_MP_STATE_INIT_RECEIVED: return "waiting for SIPI";
	default: return "unknown";
	}
}

/* The firmware lies twice in the address space; NULL where it does not hold the whole span. */
static const uint8_t *rom_slice(const struct vm *vm, uint64_t gpa, size_t len_bytes)
{
	static const uint64_t place[] = {GPA_FIRMWARE_SHADOW, GPA_FIRMWARE_ROM};

	for (unsigned i = 0; vm->rom && i < sizeof(place) / sizeof(*place); i++) {
		uint64_t offset = gpa - place[i];

		if (offset < FIRMWARE_BYTES && len_bytes <= FIRMWARE_BYTES - offset)
			return vm->rom + offset;
	}
	return NULL;
}

int vm_debug_read(const struct vm *vm, uint64_t gpa, void *dst, size_t len_bytes)
{
	const uint8_t *rom = rom_slice(vm, gpa, len_bytes);

	if (!rom)
		return gmem_read(vm->setup.mem, gpa, dst, len_bytes);
	memcpy(dst, rom, len_bytes);
	return 0;
}

int vm_debug_write(struct vm *vm, uint64_t gpa, const void *src, size_t len_bytes)
{
	if (rom_slice(vm, gpa, len_bytes))
		return -EROFS;
	return gmem_write(vm->setup.mem, gpa, src, len_bytes);
}

struct vm_control *vm_get_control(const struct vm *vm)
{
	return vm->setup.control;
}

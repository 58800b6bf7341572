/* SPDX-License-Identifier: MIT
 *
 * The one place where a vCPU that cannot go on is reported and the VM is ended.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "kvm/vm_internal.h"

#define CODE_BYTES 16
#define PAGE_BYTES 4096u

/* The code at rip, as far as its page goes; returns how many bytes there are. */
static size_t read_code(struct vcpu *vcpu, struct crash_input *crash, uint8_t code[CODE_BYTES])
{
	uint64_t gva = crash_code_address(crash->regs, crash->sregs);
	size_t len_bytes = PAGE_BYTES - gva % PAGE_BYTES;
	uint64_t gpa;

	len_bytes = len_bytes < CODE_BYTES ? len_bytes : CODE_BYTES;
	if (vcpu_translate(vcpu, gva, &gpa) < 0 ||
	    gmem_read(vcpu->vm->setup.mem, gpa, code, len_bytes) < 0)
		return 0;
	return len_bytes;
}

/* KVM hands over the bytes it failed on, if it has them. */
static size_t code_of_internal_error(struct vcpu *vcpu, uint8_t code[CODE_BYTES])
{
	const struct kvm_run *run = vcpu->run;
	size_t len_bytes = run->emulation_failure.insn_size;

	if (run->internal.suberror != KVM_INTERNAL_ERROR_EMULATION || run->internal.ndata < 3 ||
	    !(run->emulation_failure.flags & KVM_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES) ||
	    len_bytes > sizeof(run->emulation_failure.insn_bytes))
		return 0;
	memcpy(code, run->emulation_failure.insn_bytes, len_bytes);
	return len_bytes;
}

/* The first vCPU to fail reports; the others find that somebody has. */
static bool is_first(struct vcpu *vcpu)
{
	return !atomic_exchange(&vcpu->vm->failed, true);
}

void failure_report(struct vcpu *vcpu, enum vm_end end, enum crash_kind kind)
{
	const struct vm *vm = vcpu->vm;
	uint8_t code[CODE_BYTES];
	struct vcpu_registers regs;
	struct vcpu_system_registers sregs;
	struct crash_input crash = {.kind = kind,
				    .vcpu = vcpu->index,
				    .code = code,
				    .last_exit = &vcpu->last_exit,
				    .start_ns = vm->start_ns,
				    .amd_v = vm->host_kind == KVM_HOST_AMDV,
				    .deprivileged = vm->host_kind == KVM_HOST_DEPRIVILEGED};

	if (!is_first(vcpu))
		return;
	if (kind == CRASH_FAIL_ENTRY)
		crash.hardware_reason = vcpu->run->fail_entry.hardware_entry_failure_reason;
	if (kind == CRASH_INTERNAL_ERROR) {
		crash.suberror = vcpu->run->internal.suberror;
		crash.code_bytes = code_of_internal_error(vcpu, code);
	}
	if (vcpu_get_registers(vcpu, &regs) == 0 && vcpu_get_system_registers(vcpu, &sregs) == 0) {
		crash.regs = &regs;
		crash.sregs = &sregs;
		if (!crash.code_bytes)
			crash.code_bytes = read_code(vcpu, &crash, code);
	}
	crash_report(stderr, &crash);
	vm_control_request(vm->setup.control, end, vcpu->index);
}

void failure_report_text(struct vcpu *vcpu, const char *format, ...)
{
	char text[160];
	va_list arguments;

	if (!is_first(vcpu))
		return;
	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	fprintf(stderr, "vitrine: vCPU %u: %s\n", vcpu->index, text);
	vm_control_request(vcpu->vm->setup.control, VM_END_HOST_ERROR, vcpu->index);
}

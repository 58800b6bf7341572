/* SPDX-License-Identifier: MIT
 *
 * A vCPU: its thread, its KVM_RUN loop, and how others stop it and look at its state.
 */
#ifndef VITRINE_KVM_VCPU_H
#define VITRINE_KVM_VCPU_H

#include <stdbool.h>
#include <stdint.h>

#include "observe/counters.h"

struct vm;
struct vcpu;

/* General registers as a debugger orders them. */
struct vcpu_registers {
	uint64_t rax, rbx, rcx, rdx, rsi, rdi, rbp, rsp;
	uint64_t r8, r9, r10, r11, r12, r13, r14, r15;
	uint64_t rip, rflags;
};

struct vcpu_segment {
	uint16_t selector;
	uint64_t base;
	uint32_t limit;
	bool l, db;
	uint8_t dpl;
};

struct vcpu_system_registers {
	struct vcpu_segment cs, ss, ds, es, fs, gs;
	uint64_t cr0, cr2, cr3, cr4, cr8, efer;
	uint64_t kernel_gs_base; /* what SWAPGS will bring */
	uint64_t gdt_base, idt_base;
	uint16_t gdt_limit, idt_limit;
	uint16_t ldt_selector, task_selector;
};

/* All of these: the vCPU is stopped (vm_pause(), or it is the calling thread). 0 or -errno. */
int vcpu_get_registers(struct vcpu *vcpu, struct vcpu_registers *regs);
int vcpu_set_registers(struct vcpu *vcpu, const struct vcpu_registers *regs);
int vcpu_get_system_registers(struct vcpu *vcpu, struct vcpu_system_registers *sregs);

/* Guest-virtual (linear) to guest-physical by the guest's own page tables, or as it is where paging is
 * off. 0 or -EFAULT (not mapped). */
int vcpu_translate(struct vcpu *vcpu, uint64_t gva, uint64_t *gpa);

/* Debugging of one vCPU (KVM_SET_GUEST_DEBUG). */
#define VCPU_HW_BREAKPOINT_MAX 4
enum vcpu_watch { VCPU_WATCH_EXECUTE, VCPU_WATCH_WRITE, VCPU_WATCH_ACCESS };
struct vcpu_hw_breakpoint {
	bool used;
	enum vcpu_watch kind;
	uint64_t gva;
	unsigned len_bytes; /* 1, 2, 4, 8 */
};
struct vcpu_debug {
	bool enabled;
	bool single_step;
	bool software_breakpoints; /* int3 ends in a debug stop instead of the guest's handler */
	uint8_t inject; /* an exception that was the guest's own, given back: 1 #DB, 3 #BP, 0 none */
	struct vcpu_hw_breakpoint hw[VCPU_HW_BREAKPOINT_MAX];
};
int vcpu_set_debug(struct vcpu *vcpu, const struct vcpu_debug *debug);

/* What a stopped vCPU was doing: "running", "halted", "waiting for INIT", "waiting for SIPI". */
const char *vcpu_activity(struct vcpu *vcpu);

/* Why a vCPU stopped in a debug exit. */
struct vcpu_debug_stop {
	uint64_t rip;
	uint64_t dr6;
	uint64_t dr7;
	unsigned exception; /* 1: #DB, 3: #BP */
};

unsigned vcpu_index(const struct vcpu *vcpu);
const struct vcpu_counters *vcpu_get_counters(const struct vcpu *vcpu);

#endif

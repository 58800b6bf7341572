/* SPDX-License-Identifier: MIT
 *
 * What a user is told when a vCPU cannot go on: why, in words; registers with their flags by name; the
 * code at RIP; the last exit before.
 */
#ifndef VITRINE_OBSERVE_CRASH_H
#define VITRINE_OBSERVE_CRASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "kvm/vcpu.h"
#include "observe/trace.h"

enum crash_kind { CRASH_TRIPLE_FAULT, CRASH_FAIL_ENTRY, CRASH_INTERNAL_ERROR };

/* Pointers are borrowed; NULL: not known. */
struct crash_input {
	enum crash_kind kind;
	unsigned vcpu;
	uint64_t hardware_reason; /* CRASH_FAIL_ENTRY: as KVM gives it */
	uint32_t suberror;	  /* CRASH_INTERNAL_ERROR: as KVM gives it */
	const struct vcpu_registers *regs;
	const struct vcpu_system_registers *sregs;
	const uint8_t *code; /* memory at RIP, or the bytes that KVM failed on */
	size_t code_bytes;   /* 0: not readable */
	const struct trace_exit *last_exit;
	uint64_t start_ns; /* time zero of last_exit */
	bool amd_v;	   /* on AMD-V KVM resets a vCPU before it reports a triple fault */
	bool deprivileged; /* no VT-x or AMD-V underneath */
};

void crash_report(FILE *out, const struct crash_input *input);

/* 16, 32 or 64: how the processor reads code in this state. */
unsigned crash_code_bits(const struct vcpu_registers *regs,
			 const struct vcpu_system_registers *sregs);

/* Linear address of RIP: where the caller reads the code bytes from. */
uint64_t crash_code_address(const struct vcpu_registers *regs,
			    const struct vcpu_system_registers *sregs);

#endif

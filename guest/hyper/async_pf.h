/* SPDX-License-Identifier: MIT
 *
 * Asynchronous page faults: the host has to read a page of this VM from somewhere, says so instead of stopping
 * the CPU, and tells when the page is there (Linux, Documentation/virt/kvm/x86/msr.rst, MSR_KVM_ASYNC_PF_EN).
 */
#ifndef GUEST_HYPER_ASYNC_PF_H
#define GUEST_HYPER_ASYNC_PF_H

#include <stdbool.h>
#include <stdint.h>

struct async_pf {	      /* KVM writes it */
	uint32_t not_present; /* 1: this page fault is none, its address is a token */
	uint32_t ready;	      /* token of a page that has come; 0: none */
	uint8_t pad[56];
} __attribute__((aligned(64)));
_Static_assert(sizeof(struct async_pf) == 64, "async_pf");

struct cpu;

/* Asks for it on the running CPU; features are CPUID's. */
void async_pf_start(struct cpu *cpu, uint32_t features);

/* A page fault of user mode, interrupts off as the processor left them: whether it was the host's. Then others
 * have run until the page came. */
bool async_pf_was(struct cpu *cpu);

#endif

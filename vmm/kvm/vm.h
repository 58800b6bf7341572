/* SPDX-License-Identifier: MIT
 *
 * One virtual machine in KVM: memory slots, interrupt controllers, vCPUs and their threads.
 */
#ifndef VITRINE_KVM_VM_H
#define VITRINE_KVM_VM_H

#include <stdbool.h>
#include <stdint.h>

#include "boot/boot.h"
#include "bus/bus.h"
#include "bus/vm_control.h"
#include "kvm/vcpu.h"

struct vm;
struct trace;

/* A debugger's ear. Called from the vCPU's thread, which then sleeps until vm_resume(). */
struct vm_debug_listener {
	void (*stopped)(void *ctx, struct vcpu *vcpu, const struct vcpu_debug_stop *stop);
	void *ctx;
};

struct vcpu *vm_vcpu(struct vm *vm, unsigned index); /* NULL behind the last */
unsigned vm_vcpu_count(const struct vm *vm);
const struct gmem *vm_memory(const struct vm *vm);

/* Stops every vCPU at an exit boundary and waits until it stands; nests not. Not from a vCPU thread. */
void vm_pause(struct vm *vm);
/* Lets all stopped vCPUs run; with only != NULL that one alone (a debugger's step). */
void vm_resume(struct vm *vm, struct vcpu *only);
void vm_set_debug_listener(struct vm *vm, const struct vm_debug_listener *listener);

/* True where ring 0 goes through KVM's instruction emulator (no VT-x, no AMD-V underneath). */
bool vm_is_deprivileged(const struct vm *vm);

#endif

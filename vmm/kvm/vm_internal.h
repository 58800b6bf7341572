/* SPDX-License-Identifier: MIT
 *
 * What the files of this folder share about a VM and its vCPUs. Nobody outside includes it.
 */
#ifndef VITRINE_KVM_VM_INTERNAL_H
#define VITRINE_KVM_VM_INTERNAL_H

#include <linux/kvm.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "bus/wiring.h"
#include "dev/ioapic.h"
#include "hypercall.h"
#include "kvm/probe.h"
#include "kvm/vm.h"
#include "observe/crash.h"
#include "observe/trace.h"

#define VM_CPU_MAX 255

/* What vCPU threads are meant to do. Written under vm->lock, read without it before each KVM_RUN. */
enum vm_gate { VM_GATE_PAUSE, VM_GATE_RUN, VM_GATE_QUIT };

struct vcpu {
	struct vm *vm;
	unsigned index;
	int fd;
	int stats_fd;
	struct kvm_run *run;
	size_t run_bytes;
	uint64_t xcr0_all; /* all that its CPUID lets XCR0 hold; 0: no XSAVE */
	pthread_t thread;
	bool has_thread;

	/* vm->lock */
	bool standing;	   /* parked at an exit boundary, or ended */
	bool debug_parked; /* stands because of a debug exit; vm_resume() clears it */

	/* the vCPU's own thread; others when it stands */
	bool ended; /* it cannot go on: failed, and reported */
	struct vcpu_counters counters;
	struct trace_exit last_exit;
};

/* One MSI's entry of KVM's routing table. */
struct msi_route {
	bool taken;
	bool bound; /* has a message */
	uint64_t address;
	uint32_t data;
};

struct vm {
	struct vm_setup setup;
	int kvm_fd;
	int fd;
	int stats_fd; /* here and in struct vcpu; negative: this KVM has none */
	enum kvm_host_kind host_kind;
	uint64_t tsc_hz;
	uint8_t *rom; /* page-aligned copy of the firmware */
	struct device *ioapic;
	struct vm_debug_listener listener;
	atomic_bool said_rom_write; /* what is shown once was shown */
	atomic_bool said_unmapped;
	atomic_bool failed; /* a vCPU has reported why it can't go on: one report is enough */

	pthread_mutex_t lock;
	pthread_cond_t changed; /* gate, standing */
	_Atomic enum vm_gate gate;
	_Atomic int only; /* VM_GATE_RUN: index of the one vCPU that may run, or -1 */

	int doorbell_fd[HYPERCALL_DOORBELL_MAX];
	_Atomic uint64_t doorbell_count[HYPERCALL_DOORBELL_MAX];
	uint64_t start_ns; /* CLOCK_MONOTONIC of the first KVM_RUN */

	/* wiring.c; routing_lock */
	struct wiring wiring;
	pthread_mutex_t routing_lock;
	struct ioapic_route ioapic_route[IOAPIC_PIN_COUNT]; /* split irqchip */
	struct msi_route *msi_route;			    /* of GSI FIRST_MSI_GSI and up */
	unsigned msi_route_count;
	unsigned next_slot; /* first memory slot that is free */

	/* deferred.c; deferred_lock is taken before any device's */
	struct kvm_coalesced_mmio_ring *_Atomic deferred; /* NULL: no write waits, ever */
	pthread_mutex_t deferred_lock;

	/* while the VM is being set up */
	struct kvm_cpuid2 *supported_cpuid;
	char *err;
	size_t err_size;
	uint64_t setup_kvm_ns;

	struct vm_startup_cost startup_cost;

	unsigned vcpu_count;
	struct vcpu vcpu[];
};

/* ioctl() that returns -errno, retries nothing, and adds its CPU time to vm->setup_kvm_ns. */
int kvm_setup_ioctl(struct vm *vm, int fd, unsigned long request, void *argument);

/* vcpu.c: one vCPU's descriptor and shared page; its thread. */
int vcpu_create(struct vm *vm, unsigned index);

/* cpuid_setup.c: what this vCPU's CPUID says; an error explains itself in vm->err. */
int vcpu_set_cpuid(struct vcpu *vcpu);
void vcpu_destroy(struct vcpu *vcpu);
void *vcpu_thread(void *vcpu);
void vcpu_finish_exit(struct vcpu *vcpu); /* before it stands for a debugger: no half instruction */

/* gate.c: what a vCPU thread asks before each KVM_RUN: false to end. Parks while it is paused. */
bool gate_pass(struct vcpu *vcpu);
void gate_install_kick_handler(void);
void gate_bind_thread(struct vcpu *vcpu);
void gate_debug_stop(struct vcpu *vcpu, const struct vcpu_debug_stop *stop);

/* entry.c: puts the boot processor into the state that entry describes. */
int entry_set_state(struct vcpu *vcpu, const struct boot_entry *entry);

/* hypercall.c */
int hypercall_setup(struct vm *vm); /* doorbell ioeventfds; before vm_start() */
void hypercall_fill_page(struct vm *vm);
void hypercall_teardown(struct vm *vm);
/* Registers in run->s.regs; the result goes into rax there. Returns it. */
uint64_t hypercall_handle(struct vcpu *vcpu);

/* How often a doorbell < HYPERCALL_DOORBELL_MAX was rung, up to now. */
uint64_t hypercall_doorbell_rings(struct vm *vm, unsigned doorbell);

/* hypercall_counters.c: HYPERCALL_COUNTERS */
int64_t hypercall_counters(struct vm *vm, uint64_t gpa, uint64_t room);

/* irq.c */
int irq_setup(struct vm *vm);
void irq_end_of_interrupt(struct vm *vm, uint8_t vector);

/* wiring.c: routes of the IOAPIC's pins (split irqchip) beside those of MSIs. */
void wiring_init(struct vm *vm);
void wiring_set_ioapic_routes(struct vm *vm, const struct ioapic_route route[IOAPIC_PIN_COUNT]);

/* deferred.c: as struct wiring has them. Who serves an exit flushes first. */
int deferred_add(void *kvm, uint16_t port, unsigned count);
int deferred_remove(void *kvm, uint16_t port, unsigned count);
void deferred_flush(void *kvm);

/* failure.c: the one place where a vCPU that cannot go on is reported and the VM ended. */
void failure_report(struct vcpu *vcpu, enum vm_end end, enum crash_kind kind);
void failure_report_text(struct vcpu *vcpu, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif

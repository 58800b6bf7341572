/* SPDX-License-Identifier: MIT
 *
 * One virtual machine in KVM: memory slots, interrupt controllers, vCPUs and their threads.
 *
 * A machine lives for one power cycle: a reset destroys it and creates the next one, so that nothing
 * of KVM's state can survive by mistake.
 */
#ifndef VITRINE_KVM_VM_H
#define VITRINE_KVM_VM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bus/bus.h"
#include "bus/vm_control.h"
#include "kvm/entry.h"
#include "kvm/gmem.h"
#include "kvm/vcpu.h"

struct vm;
struct loop;
struct trace;
struct syscall_trace;
struct console;
struct cpuid_model;

/* What a machine is made of. Everything is borrowed and outlives the VM. */
struct vm_setup {
	const struct gmem *mem;
	struct bus *bus; /* windows may be added until vm_start() */
	struct vm_control *control;
	struct loop *loop;
	struct console *console;	     /* where the console hypercall writes; NULL: nowhere */
	struct trace *trace;		     /* NULL: exits are only counted */
	struct syscall_trace *syscall_trace; /* NULL: the guest isn't asked for its system calls */
	const struct cpuid_model *cpu_model;
	const uint8_t *firmware; /* FIRMWARE_BYTES of ROM at the reset vector; NULL: none */
	unsigned cpu_count;
	bool log_dirty;	    /* for vm_take_dirty_count() */
	bool split_irqchip; /* LAPICs in KVM, IOAPIC ours; else all of it in KVM, with PIC and PIT */
};

/* Opens /dev/kvm and makes a VM with its vCPUs; none of them runs yet. 0 or -errno, then with one line
 * that says what to do in err. */
int vm_create(const struct vm_setup *setup, struct vm **out, char *err, size_t err_size);

/* Starts the vCPU threads; the boot processor begins at entry, the others wait for INIT and SIPI.
 * paused: stopped before the first instruction (a debugger waits). 0 or -errno. */
int vm_start(struct vm *vm, const struct boot_entry *entry, bool paused);

/* Ends all vCPU threads. -ETIMEDOUT: one hangs inside the kernel; then the process must end without
 * vm_destroy(). Counters stay readable until vm_destroy(). */
int vm_stop(struct vm *vm);
/* NULL is fine. Returns the CPU time in ns that closing KVM's descriptors took. */
uint64_t vm_destroy(struct vm *vm);

struct vcpu *vm_vcpu(struct vm *vm, unsigned index); /* NULL behind the last */
unsigned vm_vcpu_count(const struct vm *vm);
const struct gmem *vm_memory(const struct vm *vm);

/* Stops every vCPU at an exit boundary and waits until it stands; nests not. Not from a vCPU thread. */
void vm_pause(struct vm *vm);
/* Lets all stopped vCPUs run; with only != NULL that one alone (a debugger's step). */
void vm_resume(struct vm *vm, struct vcpu *only);

/* A debugger's ear. Called from the vCPU's thread, which then sleeps until vm_resume(). */
struct vm_debug_listener {
	void (*stopped)(void *ctx, struct vcpu *vcpu, const struct vcpu_debug_stop *stop);
	void *ctx;
};
void vm_set_debug_listener(struct vm *vm, const struct vm_debug_listener *listener);

/* A debugger's view of guest-physical memory: RAM and, read-only, the firmware. 0, -EFAULT (neither),
 * -EROFS (firmware). */
int vm_debug_read(const struct vm *vm, uint64_t gpa, void *dst, size_t len_bytes);
int vm_debug_write(struct vm *vm, uint64_t gpa, const void *src, size_t len_bytes);

/* Where to ask for this VM's end. */
struct vm_control *vm_get_control(const struct vm *vm);

/* Interrupt input number gsi of the board, as device_setup.irq wants it; the VM outlives the line. */
struct irq_line vm_irq_line(struct vm *vm, unsigned gsi);

/* Doorbells, irqfds and MSIs of this VM, as device_setup.wiring wants them (bus/wiring.h). */
const struct wiring *vm_wiring(struct vm *vm);

/* Split irqchip: the board's own IOAPIC, connected to KVM's LAPICs. Before vm_start(). */
void vm_connect_ioapic(struct vm *vm, struct device *ioapic);

/* Of the vCPUs' TSC, which is the host's; 0: KVM does not say. */
uint64_t vm_tsc_hz(const struct vm *vm);

/* True where ring 0 goes through KVM's instruction emulator (no VT-x, no AMD-V underneath). */
bool vm_is_deprivileged(const struct vm *vm);

/* HYPERCALL_FEATURE_* of the page that vm_start() fills; traced: vm_setup.syscall_trace is there. */
uint32_t vm_hypercall_features(bool traced);

/* KVM's own counters, added up over the vCPUs; free with kvm_stats_free(). 0, -ENOTSUP: old kernel. */
struct kvm_stats;
int vm_collect_stats(struct vm *vm, struct kvm_stats *out);

/* CPU time of the whole process, and the part of it spent in KVM's ioctls that set the VM up. */
struct vm_startup_cost {
	uint64_t process_ns; /* from exec to just before the first KVM_RUN */
	uint64_t kvm_ns;
};
struct vm_startup_cost vm_startup_cost(const struct vm *vm);

#endif

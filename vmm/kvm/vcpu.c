/* SPDX-License-Identifier: MIT
 *
 * One vCPU: creation, its thread, and the flat switch over exit reasons.
 */
#include "kvm/vcpu.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kvm/stats_fd.h"
#include "kvm/vm_internal.h"
#include "loop/clock.h"
#include "memory_map.h"

#define FINISH_ROUNDS_MAX 64

int vcpu_create(struct vm *vm, unsigned index)
{
	struct vcpu *vcpu = &vm->vcpu[index];
	void *id = (void *)(uintptr_t)index;
	int size = kvm_setup_ioctl(vm, vm->kvm_fd, KVM_GET_VCPU_MMAP_SIZE, NULL);

	vcpu->vm = vm;
	vcpu->index = index;
	vcpu->fd = kvm_setup_ioctl(vm, vm->fd, KVM_CREATE_VCPU, id);
	if (vcpu->fd < 0)
		return vcpu->fd;
	vcpu->run_bytes = size > 0 ? (size_t)size : 0;
	vcpu->run = mmap(NULL, vcpu->run_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu->fd, 0);
	if (vcpu->run == MAP_FAILED) {
		int err = -errno;

		close(vcpu->fd);
		return err;
	}
	vcpu->stats_fd = kvm_stats_open(vcpu->fd);
	/* Registers come with every exit: a hypercall needs no ioctl, a trace knows rip. */
	vcpu->run->kvm_valid_regs = KVM_SYNC_X86_REGS;
	if (index == 0) {
		int khz = kvm_setup_ioctl(vm, vcpu->fd, KVM_GET_TSC_KHZ, NULL);

		vm->tsc_hz = khz > 0 ? (uint64_t)khz * 1000 : 0;
	}
	int err = vcpu_set_cpuid(vcpu);

	if (err < 0)
		vcpu_destroy(vcpu);
	return err;
}

void vcpu_destroy(struct vcpu *vcpu)
{
	munmap(vcpu->run, vcpu->run_bytes);
	if (vcpu->stats_fd >= 0)
		close(vcpu->stats_fd);
	close(vcpu->fd);
}

unsigned vcpu_index(const struct vcpu *vcpu)
{
	return vcpu->index;
}

const struct vcpu_counters *vcpu_get_counters(const struct vcpu *vcpu)
{
	return &vcpu->counters;
}

static bool is_rom(const struct vm *vm, uint64_t gpa)
{
	return vm->rom && (gpa - GPA_FIRMWARE_SHADOW < FIRMWARE_BYTES || gpa >= GPA_FIRMWARE_ROM);
}

static void say_once(atomic_bool *said, const char *what, uint64_t gpa)
{
	if (!atomic_exchange(said, true))
		fprintf(stderr,
			"vitrine: the guest %s at 0x%" PRIx64 " (shown once; --stats counts)\n",
			what, gpa);
}

/* Ports are only counted: every kernel probes for devices there. */
static void count_unserved(struct vcpu *vcpu, const struct trace_exit *exit, bool is_write)
{
	bool is_mmio = exit->reason == EXIT_MMIO_WRITE || exit->reason == EXIT_MMIO_READ;

	if (is_write && is_mmio && is_rom(vcpu->vm, exit->address)) {
		vcpu->counters.rom_writes++;
		say_once(&vcpu->vm->said_rom_write, "wrote to ROM, which ignores it,",
			 exit->address);
		return;
	}
	if (is_mmio)
		say_once(&vcpu->vm->said_unmapped, "used memory space where no device is,",
			 exit->address);
	if (is_write)
		vcpu->counters.unmapped_writes++;
	else
		vcpu->counters.unmapped_reads++;
}

/* One access of the width that the instruction had, at most 8 bytes, little-endian in data. */
static void access_bus(struct vcpu *vcpu, enum bus_space space, struct trace_exit *exit,
		       uint8_t *data, bool is_write)
{
	struct bus *bus = vcpu->vm->setup.bus;

	exit->value = 0;
	if (is_write) {
		memcpy(&exit->value, data, exit->width);
		exit->window = bus_write(bus, space, exit->address, exit->width, exit->value);
	} else {
		exit->window = bus_read(bus, space, exit->address, exit->width, &exit->value);
		memcpy(data, &exit->value, exit->width);
	}
	if (!exit->window)
		count_unserved(vcpu, exit, is_write);
}

/* All elements of a string instruction at once, where the device can do that. */
static bool access_string(struct vcpu *vcpu, struct trace_exit *exit, uint8_t *data, bool is_write)
{
	struct bus *bus = vcpu->vm->setup.bus;

	if (is_write)
		exit->window = bus_write_string(bus, BUS_PIO, exit->address, exit->width, data,
						exit->count);
	else
		exit->window = bus_read_string(bus, BUS_PIO, exit->address, exit->width, data,
					       exit->count);
	if (!exit->window)
		return false;
	memcpy(&exit->value, data, exit->width);
	return true;
}

static void handle_pio(struct vcpu *vcpu, struct trace_exit *exit)
{
	struct kvm_run *run = vcpu->run;
	uint8_t *data = (uint8_t *)run + run->io.data_offset;
	bool is_write = run->io.direction == KVM_EXIT_IO_OUT;

	exit->reason = is_write ? EXIT_PIO_WRITE : EXIT_PIO_READ;
	exit->address = run->io.port;
	exit->width = run->io.size;
	exit->count = run->io.count;
	if (is_write && run->io.port == HYPERCALL_PORT && run->io.size == 4) {
		exit->reason = EXIT_HYPERCALL;
		exit->address = run->s.regs.regs.rax;
		exit->value = hypercall_handle(vcpu);
		return;
	}
	if (exit->count > 1 && access_string(vcpu, exit, data, is_write))
		return;
	for (unsigned i = 0; i < run->io.count; i++, data += run->io.size)
		access_bus(vcpu, BUS_PIO, exit, data, is_write);
}

static void handle_mmio(struct vcpu *vcpu, struct trace_exit *exit)
{
	struct kvm_run *run = vcpu->run;

	exit->reason = run->mmio.is_write ? EXIT_MMIO_WRITE : EXIT_MMIO_READ;
	exit->address = run->mmio.phys_addr;
	exit->width = run->mmio.len;
	access_bus(vcpu, BUS_MMIO, exit, run->mmio.data, run->mmio.is_write);
}

static void handle_debug(struct vcpu *vcpu)
{
	const struct kvm_debug_exit_arch *arch = &vcpu->run->debug.arch;
	struct vcpu_debug_stop stop = {
		.rip = arch->pc, .dr6 = arch->dr6, .dr7 = arch->dr7, .exception = arch->exception};

	gate_debug_stop(vcpu, &stop);
}

/* Returns false when the vCPU cannot go on. */
static bool handle_exit(struct vcpu *vcpu, struct trace_exit *exit)
{
	switch (vcpu->run->exit_reason) {
	case KVM_EXIT_IO: handle_pio(vcpu, exit); return true;
	case KVM_EXIT_MMIO: handle_mmio(vcpu, exit); return true;
	case KVM_EXIT_IOAPIC_EOI:
		exit->reason = EXIT_IOAPIC_EOI;
		exit->address = vcpu->run->eoi.vector;
		irq_end_of_interrupt(vcpu->vm, vcpu->run->eoi.vector);
		return true;
	case KVM_EXIT_DEBUG:
		exit->reason = EXIT_DEBUG;
		handle_debug(vcpu);
		return true;
	case KVM_EXIT_HLT:
		exit->reason = EXIT_HLT;
		return true; /* only if KVM were to leave HLT to us: then it is a busy wait */
	case KVM_EXIT_INTR: exit->reason = EXIT_INTERRUPTED; return true;
	case KVM_EXIT_SHUTDOWN:
		exit->reason = EXIT_SHUTDOWN;
		failure_report(vcpu, VM_END_TRIPLE_FAULT, CRASH_TRIPLE_FAULT);
		return false;
	case KVM_EXIT_FAIL_ENTRY:
		exit->reason = EXIT_FAIL_ENTRY;
		failure_report(vcpu, VM_END_HOST_ERROR, CRASH_FAIL_ENTRY);
		return false;
	case KVM_EXIT_INTERNAL_ERROR:
		exit->reason = EXIT_INTERNAL_ERROR;
		failure_report(vcpu, VM_END_HOST_ERROR, CRASH_INTERNAL_ERROR);
		return false;
	default:
		exit->reason = EXIT_OTHER;
		failure_report_text(vcpu,
				    "KVM returned with exit reason %u, which Vitrine does not know",
				    vcpu->run->exit_reason);
		return false;
	}
}

static void write_trace(const struct vcpu *vcpu, struct trace *trace, struct trace_exit exit)
{
	const struct kvm_regs *regs = &vcpu->run->s.regs.regs;
	const struct trace_registers registers = {.rax = regs->rax,
						  .rbx = regs->rbx,
						  .rcx = regs->rcx,
						  .rdx = regs->rdx,
						  .rsi = regs->rsi,
						  .rdi = regs->rdi,
						  .rsp = regs->rsp,
						  .rflags = regs->rflags};

	if (trace_wants_registers(trace))
		exit.registers = &registers;
	trace_write(trace, &exit);
}

/* KVM_RUN has returned with an exit: serves and counts it. False when the vCPU cannot go on. */
static bool serve_exit(struct vcpu *vcpu)
{
	struct trace *trace = vcpu->vm->setup.trace;
	struct trace_exit exit = {.vcpu = vcpu->index, .count = 1};
	bool goes_on;

	exit.rip = vcpu->run->s.regs.regs.rip;
	exit.start_ns = clock_read_ns(CLOCK_MONOTONIC); /* also for the report of a later failure */
	deferred_flush(vcpu->vm);
	goes_on = handle_exit(vcpu, &exit);
	vcpu->counters.exits[exit.reason]++;
	vcpu->last_exit = exit;
	if (trace) {
		exit.end_ns = clock_read_ns(CLOCK_MONOTONIC);
		write_trace(vcpu, trace, exit);
	}
	return goes_on;
}

/* One KVM_RUN and what follows from it; false when the vCPU cannot go on. */
static bool run_once(struct vcpu *vcpu)
{
	if (ioctl(vcpu->fd, KVM_RUN, NULL) == 0)
		return serve_exit(vcpu);
	/* EAGAIN: an application processor that waits for its SIPI. */
	if (errno == EINTR || errno == EAGAIN) {
		vcpu->counters.exits[EXIT_INTERRUPTED]++;
		return true;
	}
	vcpu->run->exit_reason = KVM_EXIT_UNKNOWN;
	failure_report_text(vcpu, "KVM_RUN failed: %s", strerror(errno));
	return false;
}

/* Some exits are completed (register loaded, rip moved on) only by the next KVM_RUN. With
 * immediate_exit that is all it does, and it fails with EINTR when nothing is left to complete. A
 * string instruction may want one round for each of 2^64 elements: then it is left half done. */
void vcpu_finish_exit(struct vcpu *vcpu)
{
	for (unsigned i = 0; i < FINISH_ROUNDS_MAX && !vcpu->ended; i++) {
		vcpu->run->immediate_exit = 1;
		if (ioctl(vcpu->fd, KVM_RUN, NULL) < 0)
			break;
		vcpu->ended = !serve_exit(vcpu);
	}
}

/* CPU time until here is what starting up cost; the boot processor's thread notes it. */
static void note_startup_cost(struct vm *vm)
{
	vm->start_ns = clock_read_ns(CLOCK_MONOTONIC);
	vm->startup_cost.process_ns = clock_read_ns(CLOCK_PROCESS_CPUTIME_ID);
	vm->startup_cost.kvm_ns = vm->setup_kvm_ns;
}

void *vcpu_thread(void *arg)
{
	struct vcpu *vcpu = arg;
	char name[16];

	snprintf(name, sizeof(name), "vcpu %u", vcpu->index); /* for top -H, taskset and the like */
	pthread_setname_np(pthread_self(), name);
	gate_bind_thread(vcpu);
	if (vcpu->index == 0)
		note_startup_cost(vcpu->vm);
	while (gate_pass(vcpu))
		if (!run_once(vcpu))
			vcpu->ended = true;
	return NULL;
}

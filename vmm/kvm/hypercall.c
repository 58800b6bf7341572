/* SPDX-License-Identifier: MIT
 *
 * The hypercall page and the calls the VMM serves. The contract is abi/hypercall.h.
 *
 * The VMM entry is a port write: its exit arrives with all registers in the shared page
 * (KVM_CAP_SYNC_REGS), so a call costs one exit and no further ioctl. A doorbell is an ioeventfd: KVM
 * signals it and the guest goes on without the vCPU thread leaving the kernel.
 */
#include "hypercall.h"

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "abi/syscall_trace.h"
#include "backend/console.h"
#include "kvm/vm_internal.h"
#include "loop/loop.h"
#include "memory_map.h"
#include "observe/syscall_trace.h"

#define CONSOLE_CHUNK_BYTES 256

/* The port number needs rdx, which is also the third argument: r11, free by contract, keeps it, and the
 * VMM reads it there. */
static const uint8_t vmm_entry[] = {
	0x49,
	0x89,
	0xd3, /* mov %rdx, %r11 */
	0x66,
	0xba,
	HYPERCALL_PORT & 0xff,
	HYPERCALL_PORT >> 8, /* mov $port, %dx */
	0xef,		     /* out %eax, %dx */
	0x4c,
	0x89,
	0xda, /* mov %r11, %rdx */
	0xc3, /* ret */
};
static const uint8_t doorbell_entry[] = {
	0x89, 0xf8,							/* mov %edi, %eax */
	0x66, 0xba, HYPERCALL_DOORBELL & 0xff, HYPERCALL_DOORBELL >> 8, /* mov $port, %dx */
	0xef,								/* out %eax, %dx */
	0xc3,								/* ret */
};
static const uint8_t kvm_entry_vtx[] = {0x0f, 0x01, 0xc1, 0xc3};  /* vmcall; ret */
static const uint8_t kvm_entry_amdv[] = {0x0f, 0x01, 0xd9, 0xc3}; /* vmmcall; ret */
/* On deprivileged KVM neither instruction ever completes in ring 0. */
static const uint8_t kvm_entry_none[] = {
	0x48, 0xc7, 0xc0, 0x100 - ENOSYS, 0xff, 0xff, 0xff, /* mov $-ENOSYS, %rax */
	0xc3,						    /* ret */
};

static uint32_t features_on(enum kvm_host_kind kind, bool traced)
{
	return HYPERCALL_FEATURE_CONSOLE | HYPERCALL_FEATURE_YIELD | HYPERCALL_FEATURE_EXIT |
	       HYPERCALL_FEATURE_DOORBELL | HYPERCALL_FEATURE_COUNTERS |
	       HYPERCALL_FEATURE_MULTICALL | (traced ? HYPERCALL_FEATURE_TRACE : 0) |
	       (kind == KVM_HOST_DEPRIVILEGED ? 0 : HYPERCALL_FEATURE_KVM_ENTRY);
}

uint32_t vm_hypercall_features(bool traced)
{
	return features_on(kvm_host_classify(), traced);
}

void hypercall_fill_page(struct vm *vm)
{
	const struct hypercall_page_header header = {
		.magic = HYPERCALL_MAGIC,
		.abi_version = HYPERCALL_ABI_VERSION,
		.features = features_on(vm->host_kind, vm->setup.syscall_trace)};
	uint8_t *page = gmem_slice(vm->setup.mem, GPA_HYPERCALL_PAGE, 0x1000);

	if (!page)
		return; /* a guest with less RAM than that has no FDT to find the page by */
	memset(page, 0xcc, HYPERCALL_HEADER_OFFSET); /* int3 between the entries */
	memcpy(page + HYPERCALL_ENTRY_VMM, vmm_entry, sizeof(vmm_entry));
	memcpy(page + HYPERCALL_ENTRY_DOORBELL, doorbell_entry, sizeof(doorbell_entry));
	switch (vm->host_kind) {
	case KVM_HOST_VTX:
		memcpy(page + HYPERCALL_ENTRY_KVM, kvm_entry_vtx, sizeof(kvm_entry_vtx));
		break;
	case KVM_HOST_AMDV:
		memcpy(page + HYPERCALL_ENTRY_KVM, kvm_entry_amdv, sizeof(kvm_entry_amdv));
		break;
	case KVM_HOST_DEPRIVILEGED:
		memcpy(page + HYPERCALL_ENTRY_KVM, kvm_entry_none, sizeof(kvm_entry_none));
		break;
	}
	memcpy(page + HYPERCALL_HEADER_OFFSET, &header, sizeof(header));
}

static void doorbell_rang(void *ctx, uint32_t events)
{
	struct vm *vm = ctx;

	(void)events;
	for (unsigned i = 0; i < HYPERCALL_DOORBELL_MAX; i++) {
		uint64_t rings;

		if (read(vm->doorbell_fd[i], &rings, sizeof(rings)) == sizeof(rings))
			atomic_fetch_add(&vm->doorbell_count[i], rings);
	}
}

static int add_doorbell(struct vm *vm, unsigned i)
{
	struct kvm_ioeventfd ioeventfd = {.addr = HYPERCALL_DOORBELL,
					  .len = 4,
					  .datamatch = i,
					  .flags = KVM_IOEVENTFD_FLAG_PIO |
						   KVM_IOEVENTFD_FLAG_DATAMATCH};

	vm->doorbell_fd[i] = ioeventfd.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (vm->doorbell_fd[i] < 0)
		return -errno;
	int err = kvm_setup_ioctl(vm, vm->fd, KVM_IOEVENTFD, &ioeventfd);
	if (err < 0)
		return err;
	return loop_add_fd(vm->setup.loop, vm->doorbell_fd[i], EPOLLIN, doorbell_rang, vm);
}

int hypercall_setup(struct vm *vm)
{
	int err = 0;

	for (unsigned i = 0; !err && i < HYPERCALL_DOORBELL_MAX; i++)
		err = add_doorbell(vm, i);
	return err;
}

void hypercall_teardown(struct vm *vm)
{
	for (unsigned i = 0; i < HYPERCALL_DOORBELL_MAX; i++) {
		if (vm->doorbell_fd[i] < 0)
			continue;
		loop_remove_fd(vm->setup.loop, vm->doorbell_fd[i]);
		close(vm->doorbell_fd[i]);
	}
}

static int64_t console_write(struct vm *vm, uint64_t gpa, uint64_t len_bytes)
{
	uint8_t chunk[CONSOLE_CHUNK_BYTES];
	uint64_t done = 0;

	if (len_bytes > HYPERCALL_CONSOLE_MAX)
		return -EINVAL;
	while (done < len_bytes) {
		uint64_t left = len_bytes - done;
		size_t part = left < sizeof(chunk) ? (size_t)left : sizeof(chunk);

		if (gmem_read(vm->setup.mem, gpa + done, chunk, part) < 0)
			return done ? (int64_t)done : -EFAULT;
		for (size_t i = 0; i < part; i++, done++)
			if (vm->setup.console && !console_put(vm->setup.console, chunk[i]))
				return (int64_t)
					done; /* the reader is slow: the guest tries again */
	}
	return (int64_t)done;
}

/* What the loop has not read yet counts as seen, so that a guest that rings and asks gets its answer. */
uint64_t hypercall_doorbell_rings(struct vm *vm, unsigned doorbell)
{
	doorbell_rang(vm, 0);
	return atomic_load(&vm->doorbell_count[doorbell]);
}

static int64_t doorbell_count(struct vm *vm, uint64_t doorbell)
{
	if (doorbell >= HYPERCALL_DOORBELL_MAX)
		return -EINVAL;
	return (int64_t)(hypercall_doorbell_rings(vm, (unsigned)doorbell) & INT64_MAX);
}

/* What is served inside a batch too: quick, whatever the arguments are. */
static int64_t serve(struct vm *vm, uint64_t number, uint64_t arg0, uint64_t arg1)
{
	switch (number) {
	case HYPERCALL_FEATURES: return features_on(vm->host_kind, vm->setup.syscall_trace);
	case HYPERCALL_CONSOLE_WRITE: return console_write(vm, arg0, arg1);
	case HYPERCALL_YIELD: sched_yield(); return 0;
	case HYPERCALL_EXIT:
		vm_control_request(vm->setup.control, VM_END_DEBUG_EXIT, (uint32_t)arg0);
		return 0;
	case HYPERCALL_POWEROFF:
		vm_control_request(vm->setup.control, VM_END_POWEROFF, 0);
		return 0;
	case HYPERCALL_PANIC: vm_control_request(vm->setup.control, VM_END_PANIC, 0); return 0;
	case HYPERCALL_DOORBELL_COUNT: return doorbell_count(vm, arg0);
	default: return -ENOSYS;
	}
}

static int64_t multicall(struct vm *vm, uint64_t gpa, uint64_t count)
{
	struct hypercall_call call[HYPERCALL_MULTICALL_MAX];

	if (count > HYPERCALL_MULTICALL_MAX)
		return -EINVAL;
	if (gmem_read(vm->setup.mem, gpa, call, count * sizeof(*call)) < 0)
		return -EFAULT;
	for (unsigned i = 0; i < count; i++)
		call[i].result = serve(vm, call[i].number, call[i].argument[0],
				       call[i].argument[1]);
	if (gmem_write(vm->setup.mem, gpa, call, count * sizeof(*call)) < 0)
		return -EFAULT;
	return (int64_t)count;
}

static int64_t trace_system_calls(struct vm *vm, uint64_t gpa, uint64_t len_bytes)
{
	uint8_t batch[SYSCALL_TRACE_BYTES_MAX];

	if (!vm->setup.syscall_trace)
		return -ENOSYS;
	if (len_bytes > sizeof(batch))
		return -EINVAL;
	if (gmem_read(vm->setup.mem, gpa, batch, len_bytes) < 0)
		return -EFAULT;
	return syscall_trace_write(vm->setup.syscall_trace, batch, len_bytes);
}

static int64_t serve_single(struct vm *vm, uint64_t number, uint64_t arg0, uint64_t arg1)
{
	switch (number) {
	case HYPERCALL_COUNTERS: return hypercall_counters(vm, arg0, arg1);
	case HYPERCALL_MULTICALL: return multicall(vm, arg0, arg1);
	case HYPERCALL_TRACE: return trace_system_calls(vm, arg0, arg1);
	default: return serve(vm, number, arg0, arg1);
	}
}

uint64_t hypercall_handle(struct vcpu *vcpu)
{
	struct kvm_regs *regs = &vcpu->run->s.regs.regs;

	regs->rax = (uint64_t)serve_single(vcpu->vm, regs->rax, regs->rdi, regs->rsi);
	vcpu->run->kvm_dirty_regs |= KVM_SYNC_X86_REGS;
	return regs->rax;
}

/* SPDX-License-Identifier: MIT
 *
 * Making and unmaking a VM in KVM. The order of the ioctls matters and is this one:
 *
 *     VM → capabilities → TSS and identity map → interrupt controllers → memory slots
 *        → all vCPUs → PIT → ioeventfds
 *
 * Controllers after a vCPU are refused; a vCPU made after something was registered on KVM's I/O bus may
 * wait for an RCU grace period.
 */
#include "kvm/vm.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kvm/probe.h"
#include "kvm/stats_fd.h"
#include "kvm/vm_internal.h"
#include "loop/clock.h"
#include "memory_map.h"

#define KVM_DEVICE "/dev/kvm"

int kvm_setup_ioctl(struct vm *vm, int fd, unsigned long request, void *argument)
{
	uint64_t begin = clock_read_ns(CLOCK_THREAD_CPUTIME_ID);
	int result = ioctl(fd, request, argument);

	if (result < 0)
		result = -errno;
	vm->setup_kvm_ns += clock_read_ns(CLOCK_THREAD_CPUTIME_ID) - begin;
	return result;
}

static int explain_open_failure(int error, char *err, size_t err_size)
{
	if (error == ENOENT)
		snprintf(err, err_size,
			 KVM_DEVICE
			 " does not exist: load kvm_intel or kvm_amd (modprobe), enable "
			 "virtualization in the firmware set-up, or use scripts/sandbox");
	else if (error == EACCES || error == EPERM)
		snprintf(
			err, err_size,
			"no permission for " KVM_DEVICE
			": add yourself to the group kvm (sudo usermod -aG kvm $USER) and log in again");
	else
		snprintf(err, err_size, KVM_DEVICE ": %s; `vitrine doctor` tells more",
			 strerror(error));
	return -error;
}

static int open_kvm(struct vm *vm, char *err, size_t err_size)
{
	int version;

	vm->kvm_fd = open(KVM_DEVICE, O_RDWR | O_CLOEXEC);
	if (vm->kvm_fd < 0)
		return explain_open_failure(errno, err, err_size);
	version = kvm_setup_ioctl(vm, vm->kvm_fd, KVM_GET_API_VERSION, NULL);
	if (version != KVM_API_VERSION) {
		snprintf(err, err_size, KVM_DEVICE " speaks API version %d, not %d", version,
			 KVM_API_VERSION);
		return -ENOTSUP;
	}
	return 0;
}

static int check_limits(struct vm *vm, char *err, size_t err_size)
{
	void *max_vcpus = (void *)KVM_CAP_MAX_VCPUS;
	int most = kvm_setup_ioctl(vm, vm->kvm_fd, KVM_CHECK_EXTENSION, max_vcpus);

	if (most >= 0 && vm->setup.cpu_count > (unsigned)most) {
		snprintf(err, err_size, "--cpus %u: this host's KVM allows %d at most",
			 vm->setup.cpu_count, most);
		return -EINVAL;
	}
	return 0;
}

/* KVM on old VT-x needs four pages of address space; elsewhere the calls do no harm. */
static int reserve_vtx_pages(struct vm *vm)
{
	uint64_t identity_map = GPA_KVM_IDENTITY_MAP;
	int err = kvm_setup_ioctl(vm, vm->fd, KVM_SET_IDENTITY_MAP_ADDR, &identity_map);

	if (err >= 0)
		err = kvm_setup_ioctl(vm, vm->fd, KVM_SET_TSS_ADDR, (void *)GPA_KVM_TSS);
	return err < 0 ? err : 0;
}

static int add_slot(struct vm *vm, unsigned slot, uint64_t gpa, void *hva, uint64_t size_bytes,
		    uint32_t flags)
{
	struct kvm_userspace_memory_region region = {.slot = slot,
						     .flags = flags,
						     .guest_phys_addr = gpa,
						     .memory_size = size_bytes,
						     .userspace_addr = (uintptr_t)hva};

	return kvm_setup_ioctl(vm, vm->fd, KVM_SET_USER_MEMORY_REGION, &region);
}

/* RAM, with a hole where the firmware's shadow lies if there is firmware; that is read-only, twice. */
static int add_memory(struct vm *vm)
{
	const struct gmem *mem = vm->setup.mem;
	unsigned slot = 0;
	int err = 0;

	for (unsigned i = 0; !err && i < mem->region_count; i++) {
		struct gmem_region part = mem->region[i];

		if (i == 0 && vm->rom) {
			err = add_slot(vm, slot++, 0, part.hva, GPA_FIRMWARE_SHADOW, 0);
			part.gpa += GPA_HIGH_RAM;
			part.hva += GPA_HIGH_RAM;
			part.size_bytes -= GPA_HIGH_RAM;
		}
		if (!err)
			err = add_slot(vm, slot++, part.gpa, part.hva, part.size_bytes, 0);
	}
	if (!err && vm->rom)
		err = add_slot(vm, slot++, GPA_FIRMWARE_SHADOW, vm->rom, FIRMWARE_BYTES,
			       KVM_MEM_READONLY);
	if (!err && vm->rom)
		err = add_slot(vm, slot++, GPA_FIRMWARE_ROM, vm->rom, FIRMWARE_BYTES,
			       KVM_MEM_READONLY);
	vm->next_slot = slot;
	return err;
}

static int copy_firmware(struct vm *vm)
{
	if (!vm->setup.firmware)
		return 0;
	vm->rom = mmap(NULL, FIRMWARE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		       -1, 0);
	if (vm->rom == MAP_FAILED) {
		vm->rom = NULL;
		return -ENOMEM;
	}
	memcpy(vm->rom, vm->setup.firmware, FIRMWARE_BYTES);
	return 0;
}

static int create_pit(struct vm *vm)
{
	/* KVM answers port 0x61 too: Linux reads it while it calibrates clocks. */
	struct kvm_pit_config pit = {.flags = KVM_PIT_SPEAKER_DUMMY};

	if (vm->setup.split_irqchip)
		return 0;
	return kvm_setup_ioctl(vm, vm->fd, KVM_CREATE_PIT2, &pit);
}

static int create_vcpus(struct vm *vm)
{
	int err = 0;

	for (unsigned i = 0; !err && i < vm->setup.cpu_count; i++) {
		err = vcpu_create(vm, i);
		vm->vcpu_count = i + !err;
	}
	return err;
}

struct step {
	const char *what;
	int (*run)(struct vm *vm);
};

static const struct step steps[] = {
	{"firmware memory", copy_firmware},
	{"TSS and identity map", reserve_vtx_pages},
	{"interrupt controllers", irq_setup},
	{"memory slots", add_memory},
	{"vCPUs", create_vcpus},
	{"PIT", create_pit},
	{"doorbells", hypercall_setup},
};

static int create_vm(struct vm *vm, char *err, size_t err_size)
{
	vm->fd = kvm_setup_ioctl(vm, vm->kvm_fd, KVM_CREATE_VM, NULL);
	if (vm->fd < 0) {
		snprintf(err, err_size, "KVM can't create a VM: %s", strerror(-vm->fd));
		return vm->fd;
	}
	fcntl(vm->fd, F_SETFD, FD_CLOEXEC);
	vm->stats_fd = kvm_stats_open(vm->fd);
	return 0;
}

static int assemble(struct vm *vm)
{
	for (unsigned i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
		int error = steps[i].run(vm);

		if (error < 0) {
			if (!vm->err[0])
				snprintf(vm->err, vm->err_size, "KVM can't set up %s: %s",
					 steps[i].what, strerror(-error));
			return error;
		}
	}
	return 0;
}

int vm_create(const struct vm_setup *setup, struct vm **out, char *err, size_t err_size)
{
	struct vm *vm = calloc(1, sizeof(*vm) + setup->cpu_count * sizeof(struct vcpu));
	int error;

	if (!vm) {
		snprintf(err, err_size, "out of memory");
		return -ENOMEM;
	}
	err[0] = '\0';
	vm->err = err;
	vm->err_size = err_size;
	vm->setup = *setup;
	vm->kvm_fd = vm->fd = vm->stats_fd = -1;
	vm->only = -1;
	for (unsigned i = 0; i < HYPERCALL_DOORBELL_MAX; i++)
		vm->doorbell_fd[i] = -1;
	pthread_mutex_init(&vm->lock, NULL);
	pthread_cond_init(&vm->changed, NULL);
	wiring_init(vm);
	vm->host_kind = kvm_host_classify();
	error = open_kvm(vm, err, err_size);
	if (!error)
		error = check_limits(vm, err, err_size);
	if (!error)
		error = create_vm(vm, err, err_size);
	if (!error)
		error = assemble(vm);
	free(vm->supported_cpuid);
	vm->supported_cpuid = NULL;
	if (error) {
		vm_destroy(vm);
		return error;
	}
	*out = vm;
	return 0;
}

uint64_t vm_destroy(struct vm *vm)
{
	uint64_t begin_ns;
	uint64_t kvm_ns;

	if (!vm)
		return 0;
	hypercall_teardown(vm);
	begin_ns = clock_read_ns(CLOCK_THREAD_CPUTIME_ID);
	for (unsigned i = 0; i < vm->vcpu_count; i++)
		vcpu_destroy(&vm->vcpu[i]);
	if (vm->stats_fd >= 0)
		close(vm->stats_fd);
	if (vm->fd >= 0)
		close(vm->fd);
	if (vm->kvm_fd >= 0)
		close(vm->kvm_fd);
	kvm_ns = clock_read_ns(CLOCK_THREAD_CPUTIME_ID) - begin_ns;
	if (vm->rom)
		munmap(vm->rom, FIRMWARE_BYTES);
	free(vm->msi_route);
	pthread_mutex_destroy(&vm->routing_lock);
	pthread_mutex_destroy(&vm->deferred_lock);
	pthread_cond_destroy(&vm->changed);
	pthread_mutex_destroy(&vm->lock);
	free(vm);
	return kvm_ns;
}

struct vcpu *vm_vcpu(struct vm *vm, unsigned index)
{
	return index < vm->vcpu_count ? &vm->vcpu[index] : NULL;
}

unsigned vm_vcpu_count(const struct vm *vm)
{
	return vm->vcpu_count;
}

const struct gmem *vm_memory(const struct vm *vm)
{
	return vm->setup.mem;
}

uint64_t vm_tsc_hz(const struct vm *vm)
{
	return vm->tsc_hz;
}

bool vm_is_deprivileged(const struct vm *vm)
{
	return vm->host_kind == KVM_HOST_DEPRIVILEGED;
}

int vm_collect_stats(struct vm *vm, struct kvm_stats *out)
{
	int fd[1 + VM_CPU_MAX];

	if (vm->stats_fd < 0)
		return vm->stats_fd;
	fd[0] = vm->stats_fd;
	for (unsigned i = 0; i < vm->vcpu_count; i++)
		fd[1 + i] = vm->vcpu[i].stats_fd;
	return kvm_stats_collect(fd, 1 + vm->vcpu_count, out);
}

struct vm_startup_cost vm_startup_cost(const struct vm *vm)
{
	return vm->startup_cost;
}

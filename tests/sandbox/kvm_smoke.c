/* SPDX-License-Identifier: MIT
 *
 * kvm_smoke [STATUS] — the smallest KVM program: one vCPU in real mode adds two numbers, writes the
 * sum to a port and halts. Exits with STATUS (default 0) when all of that happened, else with 99:
 * the sandbox test reads from it that KVM is real and that a status comes through.
 */
#include <err.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

enum { CODE_GPA = 0x1000, RAM_BYTES = 0x10000, PORT = 0x42, BROKEN = 99 };

static const uint8_t code[] = {
	0x00, 0xd8, /* add %bl, %al */
	0xe6, PORT, /* out %al, $PORT */
	0xf4,	    /* hlt */
};

/* An ioctl that must succeed. */
static int must(int fd, unsigned long request, void *argument, const char *name)
{
	int result = ioctl(fd, request, argument);

	if (result < 0)
		err(BROKEN, "%s", name);
	return result;
}

static void load_code(int vm)
{
	void *ram = mmap(NULL, RAM_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			 0);
	struct kvm_userspace_memory_region region = {.memory_size = RAM_BYTES};

	if (ram == MAP_FAILED)
		err(BROKEN, "mmap");
	memcpy((char *)ram + CODE_GPA, code, sizeof code);
	region.userspace_addr = (uintptr_t)ram;
	must(vm, KVM_SET_USER_MEMORY_REGION, &region, "KVM_SET_USER_MEMORY_REGION");
}

static void set_registers(int vcpu)
{
	struct kvm_regs regs = {.rip = CODE_GPA, .rax = 40, .rbx = 2, .rflags = 2};
	struct kvm_sregs sregs;

	must(vcpu, KVM_GET_SREGS, &sregs, "KVM_GET_SREGS");
	sregs.cs.base = 0;
	sregs.cs.selector = 0;
	must(vcpu, KVM_SET_SREGS, &sregs, "KVM_SET_SREGS");
	must(vcpu, KVM_SET_REGS, &regs, "KVM_SET_REGS");
}

/* Runs to the halt; the sum that came out of the port, or -1. */
static int run(int vcpu, struct kvm_run *run)
{
	int sum = -1;

	for (;;) {
		must(vcpu, KVM_RUN, NULL, "KVM_RUN");
		switch (run->exit_reason) {
		case KVM_EXIT_IO:
			if (run->io.port != PORT || run->io.direction != KVM_EXIT_IO_OUT)
				errx(BROKEN, "unexpected access to port 0x%x", run->io.port);
			sum = *((uint8_t *)run + run->io.data_offset);
			break;
		case KVM_EXIT_HLT: return sum;
		default: errx(BROKEN, "unexpected exit %u", run->exit_reason);
		}
	}
}

int main(int argc, char **argv)
{
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	int vm, vcpu, run_bytes, sum;
	struct kvm_run *shared;

	if (kvm < 0)
		err(BROKEN, "/dev/kvm");
	vm = must(kvm, KVM_CREATE_VM, NULL, "KVM_CREATE_VM");
	load_code(vm);
	vcpu = must(vm, KVM_CREATE_VCPU, NULL, "KVM_CREATE_VCPU");
	run_bytes = must(kvm, KVM_GET_VCPU_MMAP_SIZE, NULL, "KVM_GET_VCPU_MMAP_SIZE");
	shared = mmap(NULL, run_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
	if (shared == MAP_FAILED)
		err(BROKEN, "mmap of the vCPU");
	set_registers(vcpu);
	sum = run(vcpu, shared);
	printf("kvm_smoke: 40 + 2 = %d\n", sum);
	if (sum != 42)
		return BROKEN;
	return argc > 1 ? atoi(argv[1]) : 0;
}

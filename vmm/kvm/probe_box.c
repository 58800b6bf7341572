/* SPDX-License-Identifier: MIT
 *
 * A probe's throw-away VM: the smallest machine in which real mode, ring 0 and ring 3 can be tried.
 * Modes as Intel SDM vol. 3, 9.8.5 (long mode) and 5.8.8 (SYSCALL); KVM as the kernel's
 * Documentation/virt/kvm/api.rst.
 */
#include "kvm/probe_box.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define PTE_PRESENT 0x1
#define PTE_WRITE 0x2
#define PTE_USER 0x4
#define PDE_LARGE 0x80
#define PTE_FLAGS (PTE_PRESENT | PTE_WRITE | PTE_USER)

#define CR0_PE 0x1
#define CR0_MP 0x2
#define CR0_ET 0x10
#define CR0_NE 0x20
#define CR0_WP 0x10000
#define CR0_PG 0x80000000
#define CR4_PAE 0x20
#define CR4_OSFXSR 0x200
#define CR4_OSXSAVE 0x40000
#define EFER_SCE 0x1
#define EFER_LME 0x100
#define EFER_LMA 0x400
#define RFLAGS_SET 0x2 /* reads as 1 always */
#define RFLAGS_IF 0x200
#define MSR_STAR 0xc0000081
#define MSR_LSTAR 0xc0000082
#define MSR_FMASK 0xc0000084
#define CPUID_1_ECX_CX16 (1u << 13)
#define CPUID_1_ECX_XSAVE (1u << 26)
#define CPUID_ENTRY_MAX 256

static void put64(struct box *box, uint64_t gpa, uint64_t value)
{
	memcpy(box->ram + gpa, &value, sizeof value);
}

/* 2 MiB pages, all of them open to ring 3: 0-1 GiB and 3-4 GiB map to themselves. */
static void write_page_tables(struct box *box)
{
	put64(box, BOX_PML4_GPA, BOX_PDPT_GPA | PTE_FLAGS);
	put64(box, BOX_PDPT_GPA, BOX_PD_LOW_GPA | PTE_FLAGS);
	put64(box, BOX_PDPT_GPA + 3 * 8, BOX_PD_HIGH_GPA | PTE_FLAGS);
	for (uint64_t i = 0; i < 512; i++) {
		put64(box, BOX_PD_LOW_GPA + i * 8, i << 21 | PDE_LARGE | PTE_FLAGS);
		put64(box, BOX_PD_HIGH_GPA + i * 8, (3ull << 30 | i << 21) | PDE_LARGE | PTE_FLAGS);
	}
}

static void write_gate(struct box *box, unsigned vector, const uint8_t *label)
{
	uint64_t gpa = BOX_IDT_GPA + vector * 16, target = BOX_AT(label);
	uint64_t present_dpl3_interrupt = 0xee00;

	put64(box, gpa, (target & 0xffff) | BOX_KERNEL_CS << 16 | present_dpl3_interrupt << 32);
}

static void write_tables(struct box *box)
{
	static const uint64_t gdt[] = {
		0,
		0,
		0x00af9b000000ffff, /* 0x10 ring-0 code, 64-bit */
		0x00cf93000000ffff, /* 0x18 ring-0 data */
		0x00cffb000000ffff, /* 0x23 ring-3 code, 32-bit */
		0x00cff3000000ffff, /* 0x2b ring-3 data */
		0x00affb000000ffff, /* 0x33 ring-3 code, 64-bit */
		0,
		0x00008b0000000067 | (uint64_t)BOX_TSS_GPA << 16, /* 0x40 busy 64-bit TSS */
		0,
	};

	memcpy(box->ram + BOX_GDT_GPA, gdt, sizeof gdt);
	put64(box, BOX_TSS_GPA + 4, BOX_STACK_GPA); /* RSP0 */
	for (unsigned i = 0; i < 32; i++)
		write_gate(box, i, box_stubs + i * BOX_STUB_BYTES);
	write_gate(box, BOX_INT_VECTOR, box_landing);
	write_gate(box, BOX_WAKE_VECTOR, box_wake);
	/* The real-mode vector: segment 0, offset of the label. */
	put64(box, BOX_REAL_VECTOR * 4, BOX_AT(box_real_int));
	memcpy(box->ram + BOX_CODE_GPA, box_code, BOX_AT(box_code_end) - BOX_CODE_GPA);
}

static int add_ram(struct box *box)
{
	struct kvm_userspace_memory_region region = {.memory_size = BOX_RAM_BYTES};

	box->ram = mmap(NULL, BOX_RAM_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			-1, 0);
	if (box->ram == MAP_FAILED) {
		box->ram = NULL;
		return -errno;
	}
	write_page_tables(box);
	write_tables(box);
	region.userspace_addr = (uint64_t)(uintptr_t)box->ram;
	return ioctl(box->vm_fd, KVM_SET_USER_MEMORY_REGION, &region) < 0 ? -errno : 0;
}

/* The vCPU sees what KVM can offer: a trial is about KVM, not about hidden features. */
static int set_cpuid(struct box *box, int vcpu_fd)
{
	struct kvm_cpuid2 *cpuid = calloc(1, sizeof(*cpuid) +
						     CPUID_ENTRY_MAX * sizeof(cpuid->entries[0]));
	int err = 0;

	if (!cpuid)
		return -ENOMEM;
	cpuid->nent = CPUID_ENTRY_MAX;
	if (ioctl(box->kvm_fd, KVM_GET_SUPPORTED_CPUID, cpuid) < 0 ||
	    ioctl(vcpu_fd, KVM_SET_CPUID2, cpuid) < 0)
		err = -errno;
	for (uint32_t i = 0; !err && i < cpuid->nent; i++) {
		if (cpuid->entries[i].function == 1) {
			box->xsave = cpuid->entries[i].ecx & CPUID_1_ECX_XSAVE;
			box->cx16 = cpuid->entries[i].ecx & CPUID_1_ECX_CX16;
		}
	}
	free(cpuid);
	return err;
}

static int add_vcpu(struct box *box)
{
	unsigned i = box->vcpu_count;
	int fd = ioctl(box->vm_fd, KVM_CREATE_VCPU, i);

	if (fd < 0)
		return -errno;
	box->vcpu_fd[i] = fd;
	box->run[i] = mmap(NULL, box->run_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	box->vcpu_count++;
	if (box->run[i] == MAP_FAILED) {
		box->run[i] = NULL;
		return -errno;
	}
	return set_cpuid(box, fd);
}

int box_open(void)
{
	int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int box_create(struct box *box, unsigned vcpu_count, bool irqchip)
{
	int size, err;

	*box = (struct box){.vm_fd = -1};
	box->kvm_fd = box_open();
	if (box->kvm_fd < 0)
		return box->kvm_fd;
	size = ioctl(box->kvm_fd, KVM_GET_VCPU_MMAP_SIZE, 0);
	box->vm_fd = size < 0 ? -1 : ioctl(box->kvm_fd, KVM_CREATE_VM, 0);
	if (box->vm_fd < 0)
		return -errno;
	box->run_bytes = (size_t)size;
	/* VT-x without unrestricted guests keeps real mode in a TSS of its own; ignored elsewhere. */
	ioctl(box->vm_fd, KVM_SET_TSS_ADDR, 0xfffbd000ul);
	if (irqchip && ioctl(box->vm_fd, KVM_CREATE_IRQCHIP, 0) < 0)
		return -errno;
	err = add_ram(box);
	while (!err && box->vcpu_count < vcpu_count)
		err = add_vcpu(box);
	return err;
}

void box_destroy(struct box *box)
{
	for (unsigned i = 0; i < box->vcpu_count; i++) {
		if (box->run[i])
			munmap(box->run[i], box->run_bytes);
		close(box->vcpu_fd[i]);
	}
	if (box->vm_fd >= 0)
		close(box->vm_fd);
	if (box->kvm_fd >= 0)
		close(box->kvm_fd);
	if (box->ram)
		munmap(box->ram, BOX_RAM_BYTES);
}

static struct kvm_segment code_segment(unsigned ring)
{
	return (struct kvm_segment){.limit = 0xffffffff,
				    .selector = ring ? BOX_USER_CS : BOX_KERNEL_CS,
				    .type = 11,
				    .present = 1,
				    .dpl = ring,
				    .s = 1,
				    .l = 1,
				    .g = 1};
}

static struct kvm_segment data_segment(unsigned ring)
{
	return (struct kvm_segment){.limit = 0xffffffff,
				    .selector = ring ? BOX_USER_DS : BOX_KERNEL_DS,
				    .type = 3,
				    .present = 1,
				    .dpl = ring,
				    .s = 1,
				    .db = 1,
				    .g = 1};
}

static int set_msr(int vcpu_fd, uint32_t index, uint64_t data)
{
	/* struct kvm_msrs with one entry; its flexible array can't be a member of something. */
	struct {
		uint32_t nmsrs, pad;
		struct kvm_msr_entry entry;
	} msrs = {.nmsrs = 1, .entry = {.index = index, .data = data}};

	_Static_assert(offsetof(__typeof__(msrs), entry) == offsetof(struct kvm_msrs, entries),
		       "laid out as struct kvm_msrs");
	return ioctl(vcpu_fd, KVM_SET_MSRS, &msrs) == 1 ? 0 : -EIO;
}

static int set_syscall_msrs(int vcpu_fd)
{
	uint64_t star = (uint64_t)BOX_USER_BASE << 48 | (uint64_t)BOX_KERNEL_CS << 32;

	if (set_msr(vcpu_fd, MSR_STAR, star) || set_msr(vcpu_fd, MSR_LSTAR, BOX_AT(box_landing)) ||
	    set_msr(vcpu_fd, MSR_FMASK, RFLAGS_IF))
		return -EIO;
	return 0;
}

static void fill_long_mode(struct kvm_sregs *sregs, unsigned ring, bool xsave)
{
	sregs->cs = code_segment(ring);
	sregs->ds = sregs->es = sregs->fs = sregs->gs = sregs->ss = data_segment(ring);
	sregs->tr = (struct kvm_segment){
		.base = BOX_TSS_GPA, .limit = 0x67, .selector = BOX_TSS, .type = 11, .present = 1};
	sregs->gdt = (struct kvm_dtable){.base = BOX_GDT_GPA, .limit = 0x4f};
	sregs->idt = (struct kvm_dtable){.base = BOX_IDT_GPA, .limit = 0xfff};
	sregs->cr0 = CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_WP | CR0_PG;
	sregs->cr3 = BOX_PML4_GPA;
	sregs->cr4 = CR4_PAE | CR4_OSFXSR | (xsave ? CR4_OSXSAVE : 0);
	sregs->efer = EFER_SCE | EFER_LME | EFER_LMA;
}

/* Interrupts are on although none is to be expected: Bochs, as a VT-x host, lets a guest that spins
 * with interrupts off keep the physical ones from its host, and so hangs. */
int box_enter_long(struct box *box, const uint8_t *label, unsigned ring)
{
	struct kvm_sregs sregs;
	struct kvm_regs regs = {.rip = BOX_AT(label),
				.rsp = ring ? BOX_STACK3_GPA : BOX_STACK_GPA,
				.rflags = RFLAGS_SET | RFLAGS_IF};

	if (ioctl(box->vcpu_fd[0], KVM_GET_SREGS, &sregs) < 0)
		return -errno;
	fill_long_mode(&sregs, ring, box->xsave);
	if (ioctl(box->vcpu_fd[0], KVM_SET_SREGS, &sregs) < 0 ||
	    ioctl(box->vcpu_fd[0], KVM_SET_REGS, &regs) < 0)
		return -errno;
	return set_syscall_msrs(box->vcpu_fd[0]);
}

int box_enter_real(struct box *box, const uint8_t *label)
{
	struct kvm_sregs sregs;
	struct kvm_regs regs = {.rip = BOX_AT(label), .rflags = RFLAGS_SET};

	if (ioctl(box->vcpu_fd[0], KVM_GET_SREGS, &sregs) < 0)
		return -errno;
	sregs.cs.selector = 0;
	sregs.cs.base = 0;
	return ioctl(box->vcpu_fd[0], KVM_SET_SREGS, &sregs) < 0 ||
			       ioctl(box->vcpu_fd[0], KVM_SET_REGS, &regs) < 0
		       ? -errno
		       : 0;
}

int box_run(struct box *box, unsigned vcpu)
{
	return ioctl(box->vcpu_fd[vcpu], KVM_RUN, 0) < 0 ? -errno : 0;
}

/* The timer carries the address of the flag, so that no global is needed; the flag is looked at by
 * KVM_RUN itself, so that a signal just before the ioctl isn't lost. */
static void ring_alarm(int signal, siginfo_t *info, void *context)
{
	volatile struct kvm_run *run = info->si_value.sival_ptr;

	(void)signal;
	(void)context;
	run->immediate_exit = 1;
}

int box_set_alarm(struct box *box, unsigned vcpu, unsigned delay_ms)
{
	struct sigaction action = {.sa_sigaction = ring_alarm, .sa_flags = SA_SIGINFO};
	struct sigevent event = {.sigev_notify = SIGEV_SIGNAL,
				 .sigev_signo = SIGALRM,
				 .sigev_value.sival_ptr = box->run[vcpu]};
	struct itimerspec when = {
		.it_value = {.tv_sec = delay_ms / 1000, .tv_nsec = delay_ms % 1000 * 1000000L}};
	timer_t timer;

	if (sigaction(SIGALRM, &action, NULL) || timer_create(CLOCK_MONOTONIC, &event, &timer) ||
	    timer_settime(timer, 0, &when, NULL))
		return -errno;
	return 0;
}

bool box_alarm_rang(const struct box *box, unsigned vcpu)
{
	return ((const volatile struct kvm_run *)box->run[vcpu])->immediate_exit;
}

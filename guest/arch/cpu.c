/* SPDX-License-Identifier: MIT
 *
 * Per-CPU tables and control registers: GDT, TSS with IST stacks, syscall MSRs, protections
 * (Intel SDM vol. 3 §2.5, §5.8.8, §7.7).
 */
#include "guest/arch/cpu.h"

#include <stddef.h>

#include "guest/arch/insn.h"
#include "guest/lib/string.h"
#include "guest/mm/frame.h"
#include "guest/mm/paging.h"

_Static_assert(sizeof(struct tss) == 104, "tss");
_Static_assert(offsetof(struct cpu, user_rsp) == CPU_USER_RSP, "CPU_USER_RSP");
_Static_assert(offsetof(struct cpu, kernel_rsp) == CPU_KERNEL_RSP, "CPU_KERNEL_RSP");
_Static_assert(offsetof(struct cpu, leave_rsp) == CPU_LEAVE_RSP, "CPU_LEAVE_RSP");
_Static_assert(sizeof(struct cpu) <= PAGE_BYTES, "struct cpu outgrew its page");

#define MSR_STAR 0xc0000081
#define MSR_LSTAR 0xc0000082
#define MSR_SFMASK 0xc0000084
#define SFMASK 0x47700 /* AC NT IOPL DF IF TF: what must not leak into the kernel */

#define CR0_MP 0x2
#define CR0_NE 0x20
#define CR4_OSFXSR 0x200
#define CR4_OSXMMEXCPT 0x400
#define CR4_UMIP 0x800
#define CR4_SMEP 0x100000
#define CR4_SMAP 0x200000

extern const char idt[], syscall_stub[];

struct cpu_features cpu_features;

struct table_pointer {
	uint16_t limit;
	uint64_t base;
} __attribute__((packed));

static void read_hypervisor(void)
{
	struct cpuid leaf = cpuid_read(0x40000000, 0);

	/* Old KVM reports 0 here and means 0x40000001. */
	cpu_features.hypervisor_max_leaf = leaf.eax ? leaf.eax : 0x40000001;
	memcpy(cpu_features.hypervisor_signature, &leaf.ebx, 12);
}

void cpu_features_read(void)
{
	struct cpuid leaf = cpuid_read(1, 0);

	cpu_features.x2apic = leaf.ecx >> 21 & 1;
	cpu_features.tsc_deadline = leaf.ecx >> 24 & 1;
	if (leaf.ecx >> 31)
		read_hypervisor();
	if (cpuid_read(0, 0).eax >= 7) {
		leaf = cpuid_read(7, 0);
		cpu_features.smep = leaf.ebx >> 7 & 1;
		cpu_features.smap = leaf.ebx >> 20 & 1;
		cpu_features.umip = leaf.ecx >> 2 & 1;
	}
	cpu_features.large_gib_pages = cpuid_read(0x80000001, 0).edx >> 26 & 1;
}

void cpu_load_idt(void)
{
	const struct table_pointer pointer = {256 * 16 - 1, (uint64_t)idt};

	asm volatile("lidt %0" : : "m"(pointer));
}

static bool map_area(uint64_t area, uint64_t *gpa)
{
	static const struct {
		uint16_t offset, count;
	} part[] = {{CPU_AREA_NMI_STACK, 1},
		    {CPU_AREA_FAULT_STACK, CPU_AREA_FAULT_STACK_BYTES / PAGE_BYTES},
		    {CPU_AREA_STACK, STACK_BYTES / PAGE_BYTES}};
	const uint64_t data = PTE_WRITE | PTE_NX;
	uint64_t frame;

	frame = frame_alloc_zeroed();
	if (!frame || !paging_map(kernel_pml4, area, frame, data))
		return false;
	*gpa = frame;
	if (!paging_map(kernel_pml4, area + CPU_AREA_STUB, image_gpa(syscall_stub), 0))
		return false;
	for (unsigned i = 0; i < 3; i++)
		for (unsigned j = 0; j < part[i].count; j++) {
			frame = frame_alloc();
			if (!frame ||
			    !paging_map(kernel_pml4, area + part[i].offset + j * PAGE_BYTES, frame,
					data))
				return false;
		}
	return true;
}

static void fill_gdt(struct cpu *cpu)
{
	const uint64_t tss = (uint64_t)&cpu->tss;

	cpu->gdt[KERNEL_CS >> 3] = GDT_KERNEL_CODE;
	cpu->gdt[KERNEL_DS >> 3] = GDT_KERNEL_DATA;
	cpu->gdt[USER_DS >> 3] = GDT_USER_DATA;
	cpu->gdt[USER_CS >> 3] = GDT_USER_CODE;
	cpu->gdt[TSS_SELECTOR >> 3] = (sizeof(struct tss) - 1) | (tss & 0xffffff) << 16 |
				      0x89ull << 40 | (tss >> 24 & 0xff) << 56;
	cpu->gdt[(TSS_SELECTOR >> 3) + 1] = tss >> 32;
}

struct cpu *cpu_create(unsigned index, uint32_t apic_id)
{
	struct cpu *cpu = cpu_at(index);
	const uint64_t area = (uint64_t)cpu;
	uint64_t gpa;

	if (!map_area(area, &gpa))
		return NULL;
	cpu->base = (struct stack_base){cpu, NULL};
	*(struct stack_base *)(area + CPU_AREA_FAULT_STACK) = cpu->base;
	*(struct stack_base *)(area + CPU_AREA_STACK) = cpu->base;
	cpu->gpa = gpa;
	cpu->index = index;
	cpu->apic_id = apic_id;
	fill_gdt(cpu);
	cpu->tss.ist[IST_NMI - 1] = area + CPU_AREA_NMI_STACK + PAGE_BYTES;
	cpu->tss.ist[IST_DOUBLE_FAULT - 1] = area + CPU_AREA_FAULT_STACK +
					     CPU_AREA_FAULT_STACK_BYTES;
	cpu->tss.io_map = sizeof(struct tss); /* beyond the limit: user code has no ports */
	cpu_set_kernel_stack(cpu, cpu_stack_top(cpu));
	return cpu;
}

void cpu_load(struct cpu *cpu)
{
	const struct table_pointer pointer = {sizeof(cpu->gdt) - 1, (uint64_t)cpu->gdt};
	uint64_t cr4 = cr4_read() | CR4_OSFXSR | CR4_OSXMMEXCPT;

	asm volatile("lgdt %0" : : "m"(pointer));
	asm volatile("ltr %w0" : : "r"(TSS_SELECTOR));
	cpu_load_idt();
	if (cpu_features.smep)
		cr4 |= CR4_SMEP;
	if (cpu_features.smap)
		cr4 |= CR4_SMAP; /* no exceptions needed: the kernel never uses a user address */
	if (cpu_features.umip)
		cr4 |= CR4_UMIP;
	cr4_write(cr4);
	cr0_write(cr0_read() | CR0_MP | CR0_NE);
	msr_write(MSR_STAR, (uint64_t)USER_CS32 << 48 | (uint64_t)KERNEL_CS << 32);
	msr_write(MSR_LSTAR, (uint64_t)cpu + CPU_AREA_STUB);
	msr_write(MSR_SFMASK, SFMASK);
}

void cpu_set_kernel_stack(struct cpu *cpu, uint64_t rsp)
{
	cpu->kernel_rsp = rsp;
	cpu->tss.rsp0 = rsp;
}

void cpu_syscall_stays_in_user(void)
{
	const uint64_t stub = (uint64_t)cpu_this() + CPU_AREA_STUB;

	/* Ring 0 must not fetch from user pages under SMEP, and here it never will. */
	paging_map(kernel_pml4, stub, image_gpa(syscall_stub), PTE_USER);
	tlb_flush_page(stub);
	cpu_this()->stub_open = true;
}

void cpu_halt(void)
{
	for (;;)
		asm volatile("cli; hlt");
}

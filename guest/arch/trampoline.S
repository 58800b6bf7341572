/* SPDX-License-Identifier: MIT
 *
 * Where application processors wake up (Intel SDM vol. 3 §8.4): real mode, CS:IP =
 * TRAMPOLINE_GPA/16:0. From real mode to long mode in one step, over boot_pml4's identity map, then
 * to the kernel with the stack of the CPU area that belongs to this APIC ID. All may come at once.
 */
#include "guest/arch/segments.h"
#include "guest/mm/layout.h"

#define GPA(symbol) ((symbol) - KERNEL_BASE)
#define HERE(symbol) ((symbol) - trampoline_start)

	.section .rodata
	.globl trampoline_start, trampoline_end
	.balign 16
	.code16
trampoline_start:
	cli
	cld
	movw %cs, %ax
	movw %ax, %ds
	lgdtl HERE(gdt_pointer)
	movl $CR4_PAE, %eax
	movl %eax, %cr4
	movl $GPA(boot_pml4), %eax
	movl %eax, %cr3
	movl $EFER_MSR, %ecx
	movl $EFER_BITS, %eax
	xorl %edx, %edx
	wrmsr
	movl $CR0_BITS, %eax		/* also turns the caches on: CD and NW are 0 */
	movl %eax, %cr0
	ljmpl $KERNEL_CS, $(TRAMPOLINE_GPA + HERE(awake64))
	.code64
awake64:
	movq $awake_high, %rax
	jmpq *%rax
	.balign 8
gdt:
	.quad 0, GDT_KERNEL_CODE, GDT_KERNEL_DATA
gdt_pointer:
	.word . - gdt - 1
	.long TRAMPOLINE_GPA + HERE(gdt)
trampoline_end:

	.text
awake_high:
	movl $KERNEL_DS, %eax
	movl %eax, %ss
	xorl %eax, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %fs
	movl %eax, %gs
	movl $1, %eax
	cpuid
	shrl $24, %ebx			/* initial APIC ID */
	movzbl smp_index_of_apic_id(%rbx), %ebx
	shlq $16, %rbx			/* x CPU_AREA_BYTES */
	movq $CPU_AREA_BASE, %rdi
	addq %rbx, %rdi			/* first argument: struct cpu */
	leaq CPU_AREA_BYTES(%rdi), %rsp
	xorl %ebp, %ebp
	call smp_cpu_main
	ud2

	.section .note.GNU-stack, "", @progbits

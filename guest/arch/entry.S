/* SPDX-License-Identifier: MIT
 *
 * Both ways in, the boot page tables, and nothing that C can do.
 *   32-bit: PVH (Xen public/arch-x86/hvm/start_info.h): protected mode, paging off, ebx = start info
 *   64-bit: abi/elf_note.h: long mode, low 4 GiB identity-mapped, rbx = start info
 */
#include "abi/elf_note.h"
#include "guest/arch/segments.h"
#include "guest/mm/layout.h"

#define GPA(symbol) ((symbol) - KERNEL_BASE)

	.section .note.pvh, "a", @note
	.balign 4
	.long 4, 8, ELF_NOTE_PVH_ENTRY32
	.asciz "Xen"
	.quad pvh_entry32_gpa
	.long 8, 8, ELF_NOTE_VITRINE_ENTRY64
	.asciz ELF_NOTE_VITRINE_OWNER
	.quad pvh_entry64_gpa

	.text
	.code32
/* In: ebx = hvm_start_info, flat segments. Turns on long mode over boot_pml4, whose identity map
 * carries execution over the switch. */
	.globl pvh_entry32
pvh_entry32:
	cld
	movl $CR4_PAE, %eax
	movl %eax, %cr4
	movl $GPA(boot_pml4), %eax
	movl %eax, %cr3
	movl $EFER_MSR, %ecx
	movl $EFER_BITS, %eax
	xorl %edx, %edx
	wrmsr
	movl %cr0, %eax
	orl $CR0_BITS, %eax
	movl %eax, %cr0
	lgdtl GPA(boot_gdt_pointer)
	movl $32, %ebp
	ljmpl $KERNEL_CS, $GPA(long_mode)

	.code64
/* In: rbx = hvm_start_info. */
	.globl pvh_entry64
pvh_entry64:
	cld
	movl $EFER_MSR, %ecx
	movl $(EFER_BITS | EFER_LMA), %eax
	xorl %edx, %edx
	wrmsr				/* NXE before the tables that use bit 63 */
	movl $GPA(boot_pml4), %eax
	movq %rax, %cr3
	movq $CR4_PAE, %rax
	movq %rax, %cr4
	movq %cr0, %rax
	orl $CR0_BITS, %eax
	movq %rax, %cr0
	movl $64, %ebp
long_mode:
	movl %ebx, %edi			/* first argument, zero-extended */
	movl %ebp, %esi			/* second: which entry it was */
	movq $boot_stack_top, %rsp
	lgdt boot_gdt_pointer_high
	pushq $KERNEL_CS
	pushq $1f
	lretq
1:	xorl %eax, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %fs
	movl %eax, %gs
	movl $KERNEL_DS, %eax
	movl %eax, %ss
	xorl %ebp, %ebp			/* end of every backtrace */
	call kernel_entry
	ud2

/* void cpu_switch_stack(void *top, void (*next)(void)) -- leaves the boot stack for good. */
	.globl cpu_switch_stack
cpu_switch_stack:
	movq %rdi, %rsp
	xorl %ebp, %ebp
	call *%rsi
	ud2

	.section .rodata
	.balign 8
boot_gdt:
	.quad 0, GDT_KERNEL_CODE, GDT_KERNEL_DATA
	.word 0
boot_gdt_pointer:
	.word . - boot_gdt - 3
	.long GPA(boot_gdt)
	.balign 8
	.word 0, 0, 0
boot_gdt_pointer_high:
	.word 23
	.quad boot_gdt

/* The boot stack doubles as a CPU area without its struct cpu: see cpu_this(). */
	.section .bss.pages, "aw", @nobits
	.balign PAGE_BYTES
boot_stack:
	.skip 2 * PAGE_BYTES
boot_stack_top:

/* Static page tables: no instruction is spent on building them.
 *
 *   boot_pml4    [0] identity --.          kernel_pml4  the same without [0]
 *                [256] direct --+-> direct_pdpt [0] -> low_pd: 512 x 2 MiB
 *                [511] kernel ----> kernel_pdpt [510] -> image_pd [1] -> 2 MiB, later image_pt
 *                                               [511] -> window_pd (filled by paging_map)
 *
 * paging_init() replaces the large page over the kernel by image_pt, in image_pd and in low_pd: one
 * table serves both views, so text is read-only in the direct map as well. */
#define TABLE (PTE_PRESENT | PTE_WRITE | PTE_ACCESSED_DIRTY)
#define USER_TABLE (TABLE | PTE_USER)

	.section .data.page_tables, "aw"
	.balign PAGE_BYTES
	.globl boot_pml4, kernel_pml4, direct_pdpt, low_pd, image_pd, image_pt
boot_pml4:
	.quad GPA(direct_pdpt) + TABLE
	.fill 255, 8, 0
	.quad GPA(direct_pdpt) + TABLE + PTE_NX
	.fill 254, 8, 0
	.quad GPA(kernel_pdpt) + USER_TABLE
kernel_pml4:
	.fill 256, 8, 0
	.quad GPA(direct_pdpt) + TABLE + PTE_NX
	.fill 254, 8, 0
	.quad GPA(kernel_pdpt) + USER_TABLE
direct_pdpt:
	.quad GPA(low_pd) + TABLE
	.fill 511, 8, 0
kernel_pdpt:
	.fill 510, 8, 0
	.quad GPA(image_pd) + TABLE
	.quad GPA(window_pd) + USER_TABLE
low_pd:
	.set i, 0
	.rept 512
	.quad i * LARGE_PAGE_BYTES + TABLE + PTE_LARGE
	.set i, i + 1
	.endr
image_pd:
	.quad 0
	.quad KERNEL_GPA + TABLE + PTE_LARGE
	.fill 510, 8, 0
image_pt:
	.set i, 0
	.rept 512
	.if i < KERNEL_TEXT_BYTES / PAGE_BYTES
	.quad KERNEL_GPA + i * PAGE_BYTES + TABLE - PTE_WRITE
	.elseif i < (KERNEL_TEXT_BYTES + KERNEL_RODATA_BYTES) / PAGE_BYTES
	.quad KERNEL_GPA + i * PAGE_BYTES + TABLE - PTE_WRITE + PTE_NX
	.else
	.quad KERNEL_GPA + i * PAGE_BYTES + TABLE + PTE_NX
	.endif
	.set i, i + 1
	.endr
window_pd:
	.fill 512, 8, 0

	.section .note.GNU-stack, "", @progbits

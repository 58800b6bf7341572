/* SPDX-License-Identifier: MIT
 *
 * Things a guest should not do and that must not matter: a write to the firmware's ROM changes nothing,
 * ports and memory where nobody lives read as all ones and swallow writes.
 */
#include "flat16.inc"

#define NOBODY_PORT 0x2f0
#define NOBODY_MMIO 0xdf000000

start:
	movw	$(GPA_FIRMWARE_SHADOW >> 4), %ax
	movw	%ax, %es
	movl	%es:0, %ebx
	movl	%ebx, %eax
	notl	%eax
	movl	%eax, %es:0
	cmpl	%ebx, %es:0
	expect	e, 1
	cmpl	$0x72746956, %ebx /* "Vitr": it is the firmware */
	expect	e, 2

	movw	$NOBODY_PORT, %dx
	movl	$0x12345678, %eax
	outb	%al, %dx
	outw	%ax, %dx
	outl	%eax, %dx
	inl	%dx, %eax
	cmpl	$0xffffffff, %eax
	expect	e, 3
	inb	%dx, %al
	cmpb	$0xff, %al
	expect	e, 4

	/* MMIO is above the reach of real mode */
	cli
	lgdtl	gdt_pointer
	movl	%cr0, %eax
	orb	$1, %al
	movl	%eax, %cr0
	ljmpl	$8, $protected
	.code32
protected:
	movw	$16, %ax
	movw	%ax, %ds
	movl	$NOBODY_MMIO, %esi
	movl	$0x12345678, (%esi)
	movb	$0x12, 3(%esi)
	cmpl	$0xffffffff, (%esi)
	expect	e, 5
	movw	1(%esi), %ax
	cmpw	$0xffff, %ax
	expect	e, 6
	verdict	0

	.balign	8
gdt:
	.quad	0
	.quad	0x00cf9b000000ffff /* 8: code, flat */
	.quad	0x00cf93000000ffff /* 16: data, flat */
gdt_pointer:
	.word	. - gdt - 1
	.long	gdt

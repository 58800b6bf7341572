/* SPDX-License-Identifier: MIT
 *
 * Things a guest should not do and that must not matter: a write to the firmware's ROM changes nothing,
 * ports and memory where nobody lives read as all ones and swallow writes.
 */
#include "flat16.inc"

#define NOBODY_PORT 0x2f0

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

	/* 1 MiB - 128 KiB: the VGA hole */
	movw	$0xa000, %ax
	movw	%ax, %es
	movl	$0x12345678, %eax
	movl	%eax, %es:0
	movl	%es:0, %eax
	cmpl	$0xffffffff, %eax
	expect	e, 5
	verdict	0

/* SPDX-License-Identifier: MIT
 *
 * What a boot sector finds: DL, segments, stack, BIOS data area, INT 11h, 12h, 13h, 15h, 16h.
 * The verdict is the number of the check that failed.
 */
#include "flat16.inc"

start:
	cmpb	$0x80, %dl
	expect	e, 1
	movw	%cs, %ax
	testw	%ax, %ax
	expect	z, 2
	movw	%ss, %ax
	testw	%ax, %ax
	expect	z, 3
	cmpw	$GPA_FLAT16, %sp
	expect	be, 4
	cmpw	$0x7000, %sp
	expect	a, 5
	xorw	%ax, %ax
	movw	%ax, %ds
	movw	%ax, %es

	int	$0x12
	cmpw	$(GPA_LOW_RAM_END >> 10), %ax
	expect	e, 6
	cmpw	$(GPA_EBDA >> 4), 0x40e
	expect	e, 7
	cmpw	$PORT_COM1, 0x400
	expect	e, 8
	int	$0x11
	andw	$0x0e00, %ax
	cmpw	$0x0200, %ax /* one serial port */
	expect	e, 9

	movb	$0, %ah /* no disk to reset */
	int	$0x13
	expect	c, 10

	/* registers live through a call: all but AX here */
	movl	$0x12345678, %ebx
	movl	$0x9abcdef0, %ecx
	movl	$0x0fedcba9, %edi
	movw	$0x0e0d, %ax
	int	$0x10
	cmpl	$0x12345678, %ebx
	expect	e, 11
	cmpl	$0x9abcdef0, %ecx
	expect	e, 12
	cmpl	$0x0fedcba9, %edi
	expect	e, 13

	movb	$0x88, %ah
	int	$0x15
	expect	nc, 14
	testw	%ax, %ax
	expect	nz, 15
	movw	$0xffff, %ax
	int	$0x15
	expect	c, 16

/* E820: ascending, and the RAM above 1 MiB is among it. BP counts entries, EDX = SMAP each time. */
	xorl	%ebx, %ebx
	xorw	%bp, %bp
	movl	$0, last_base
next_entry:
	movl	$0xe820, %eax
	movl	$0x534d4150, %edx
	movl	$20, %ecx
	movw	$entry, %di
	int	$0x15
	expect	nc, 17
	cmpl	$0x534d4150, %eax
	expect	e, 18
	cmpl	$20, %ecx
	expect	e, 19
	cmpl	$0, entry + 4
	jne	above_4g
	movl	entry, %eax
	cmpl	last_base, %eax
	expect	ae, 20
	movl	%eax, last_base
	cmpl	$GPA_HIGH_RAM, %eax
	jne	above_4g
	cmpl	$0x100000, entry + 8 /* a mebibyte of it at least */
	expect	ae, 21
	cmpl	$1, entry + 16
	expect	e, 22
	orw	$0x100, %bp
above_4g:
	incw	%bp
	testl	%ebx, %ebx
	jnz	next_entry
	cmpw	$0x104, %bp
	expect	ae, 23
	verdict	0

entry:	.fill	20
last_base:
	.long	0

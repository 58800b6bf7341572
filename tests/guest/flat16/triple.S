/* SPDX-License-Identifier: MIT
 *
 * Triple fault: an exception in protected mode with an empty IDT. Protected, because a real-mode #UD on
 * a host that emulates real mode need not look at the IDT's limit.
 */
#include "flat16.inc"

start:
	cli
	lgdtl	gdt_pointer
	lidtl	no_idt
	movl	%cr0, %eax
	orb	$1, %al
	movl	%eax, %cr0
	ljmpl	$8, $protected
	.code32
protected:
	movw	$16, %ax
	movw	%ax, %ds
	movw	%ax, %ss
	ud2
1:	jmp	1b /* not reached */

	.balign	8
gdt:
	.quad	0
	.quad	0x00cf9b000000ffff /* 8: code, flat */
	.quad	0x00cf93000000ffff /* 16: data, flat */
gdt_pointer:
	.word	. - gdt - 1
	.long	gdt
no_idt:
	.word	0
	.long	0

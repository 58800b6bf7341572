/* SPDX-License-Identifier: MIT
 *
 * Memory that nobody answers for: reads give all ones, writes go nowhere, the VM goes on.
 */
#include "pvh32.inc"

#define NOWHERE 0xd8000000 /* inside the hole below 4 GiB, far from every device */
#define ROUNDS 100

start:
	movl $stack, %esp
	movl $ROUNDS, %ecx
1:	movl NOWHERE, %eax
	cmpl $0xffffffff, %eax
	check 1, e
	movb NOWHERE + 1, %al
	cmpb $0xff, %al
	check 2, e
	movl $0x12345678, NOWHERE
	decl %ecx
	jnz 1b
	movl NOWHERE, %eax
	cmpl $0xffffffff, %eax
	check 3, e
	say "pvh32 mmio: ok"
	xorl %eax, %eax
	jmp finish

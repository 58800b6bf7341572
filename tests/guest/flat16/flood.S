/* SPDX-License-Identifier: MIT
 *
 * 64 KiB to COM1 as fast as it takes them: 1,024 lines of 63 times the same letter, A to Z and again.
 * LSR is polled before each byte, as a driver without interrupts does; not a byte may be lost.
 */
#include "flat16.inc"

#define UART_LSR (PORT_COM1 + 5)
#define LSR_THRE 0x20

start:
	movw	$1024, %di
	movb	$'A', %bl
line:
	movb	%bl, %bh
	movw	$63, %cx
	call	put_run
	movb	$'\n', %bh
	movw	$1, %cx
	call	put_run
	incb	%bl
	cmpb	$'Z', %bl
	jbe	1f
	movb	$'A', %bl
1:	decw	%di
	jnz	line
	verdict	0

/* put_run: BH, CX times. Clobbers AL, CX, DX. */
put_run:
	movw	$UART_LSR, %dx
1:	inb	%dx, %al
	testb	$LSR_THRE, %al
	jz	1b
	movb	%bh, %al
	movw	$PORT_COM1, %dx
	outb	%al, %dx
	loop	put_run
	ret

/* SPDX-License-Identifier: MIT
 *
 * The clock: no update in progress, a plausible date, and seconds that are valid BCD.
 * The verdict is the number of the check that failed.
 */
#include "flat16.inc"

	.macro	cmos index
	movb	$\index, %al
	outb	%al, $PORT_RTC
	inb	$(PORT_RTC + 1), %al
	.endm

start:
	cmos	0x0a
	testb	$0x80, %al
	expect	z, 1
	cmos	0x0d
	cmpb	$0x80, %al /* battery is fine */
	expect	e, 2
	cmos	0x0b
	andb	$0x06, %al
	cmpb	$0x02, %al /* 24 hours, BCD */
	expect	e, 3
	cmos	0x00
	cmpb	$0x59, %al
	expect	be, 4
	andb	$0x0f, %al
	cmpb	$0x09, %al
	expect	be, 5
	cmos	0x04
	cmpb	$0x23, %al
	expect	be, 6
	cmos	0x07
	cmpb	$0x01, %al
	expect	ae, 7
	cmpb	$0x31, %al
	expect	be, 8
	cmos	0x08
	cmpb	$0x01, %al
	expect	ae, 9
	cmpb	$0x12, %al
	expect	be, 10
	cmos	0x32
	cmpb	$0x20, %al
	expect	e, 11
	cmos	0x09
	cmpb	$0x24, %al /* 2024 or later */
	expect	ae, 12
	cmos	0x15
	cmpb	$((GPA_LOW_RAM_END >> 10) & 0xff), %al
	expect	e, 13
	verdict	0

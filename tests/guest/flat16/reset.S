/* SPDX-License-Identifier: MIT
 *
 * Resets the machine by the keyboard controller, at once: a power cycle takes milliseconds.
 */
#include "flat16.inc"

#define PULSE_RESET 0xfe

start:
	movb	$PULSE_RESET, %al
	outb	%al, $PORT_I8042_STATUS /* written, it takes commands */
1:	hlt
	jmp	1b

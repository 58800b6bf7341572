/* SPDX-License-Identifier: MIT
 *
 * A line by way of the firmware's teletype.
 */
#include "flat16.inc"

start:
	say	text
	verdict	0
text:
	.asciz	"hello from real mode\r\n"

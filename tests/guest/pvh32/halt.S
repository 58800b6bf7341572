/* SPDX-License-Identifier: MIT
 *
 * A guest that waits with interrupts off: only --timeout, or the user, can end it.
 */
#include "pvh32.inc"

start:
	movl $stack, %esp
	say "pvh32 halt: waiting for nothing"
1:	cli
	hlt
	jmp 1b

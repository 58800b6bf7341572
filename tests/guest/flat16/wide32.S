/* SPDX-License-Identifier: MIT
 *
 * A 32-bit write to the debug-exit port arrives whole: 0x12345678, which is more than an exit status
 * holds and is warned about.
 */
#include "flat16.inc"

start:
	movl	$0x12345678, %eax
	outl	%eax, $PORT_DEBUG_EXIT
1:	hlt
	jmp	1b

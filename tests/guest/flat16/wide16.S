/* SPDX-License-Identifier: MIT
 *
 * A 16-bit write to the debug-exit port arrives whole: 0x1234, which is more than an exit status holds
 * and is warned about.
 */
#include "flat16.inc"

start:
	movw	$0x1234, %ax
	outw	%ax, $PORT_DEBUG_EXIT
1:	hlt
	jmp	1b

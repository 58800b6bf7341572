/* SPDX-License-Identifier: MIT
 *
 * Never ends by itself: for --timeout and Ctrl-A x.
 */
#include "flat16.inc"

start:
	jmp	start

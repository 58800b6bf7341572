/* SPDX-License-Identifier: MIT
 *
 * A program that returns ends in INT 18h: a message and power-off.
 */
#include "flat16.inc"

start:
	ret

/* SPDX-License-Identifier: MIT
 *
 * The debug-exit port gives its value to the VMM: 42 is exit status 85.
 */
#include "flat16.inc"

start:
	verdict	42

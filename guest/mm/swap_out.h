/* SPDX-License-Identifier: MIT
 *
 * Anonymous pages out of memory.
 */
#ifndef GUEST_MM_SWAP_OUT_H
#define GUEST_MM_SWAP_OUT_H

/* Writes about so many pages that no program has used lately to swap, and frees them: how many. May sleep;
 * takes no mutex. */
unsigned swap_out(unsigned want);

#endif

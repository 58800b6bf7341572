/* SPDX-License-Identifier: MIT
 *
 * Single frames by their GPA, for page tables, stacks and drivers that need no struct page.
 */
#ifndef GUEST_MM_FRAME_H
#define GUEST_MM_FRAME_H

#include <stdint.h>

#include "guest/mm/layout.h"

/* One frame's GPA, or 0. Contents are whatever was there before. */
uint64_t frame_alloc(void);

/* The same, filled with zeroes. The first ones come from .bss, which the loader zeroed for us;
 * they are for good. */
uint64_t frame_alloc_zeroed(void);

/* The first of count frames in a row that end below 4 GiB, for devices, or 0. Never given back. */
uint64_t frame_alloc_row(uint64_t count);

/* Takes back a frame from frame_alloc() or frame_alloc_zeroed(). */
void frame_free(uint64_t gpa);

#endif

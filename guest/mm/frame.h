/* SPDX-License-Identifier: MIT
 *
 * Physical frames of 4 KiB. Ranges are handed out from their start and freed frames through a list,
 * so nothing is built, zeroed or even touched before it is needed.
 */
#ifndef GUEST_MM_FRAME_H
#define GUEST_MM_FRAME_H

#include <stdint.h>

#include "guest/mm/layout.h"

/* Gives [start, end) to the allocator; at boot. Rounded inwards; what doesn't fit its table or the
 * direct map is left unused. */
void frame_add_range(uint64_t start_gpa, uint64_t end_gpa);

/* One frame's GPA, or 0. Contents are whatever was there before. */
uint64_t frame_alloc(void);

/* The same, filled with zeroes. The first ones come from .bss, which the loader zeroed for us. */
uint64_t frame_alloc_zeroed(void);

/* The first of count frames in a row that end below 4 GiB, for devices, or 0. Never given back. */
uint64_t frame_alloc_row(uint64_t count);

/* Takes back a frame from frame_alloc() or frame_alloc_zeroed(). */
void frame_free(uint64_t gpa);

struct frame_stats {
	uint64_t total, free; /* frames */
};
void frame_stats_read(struct frame_stats *stats);

#endif

/* SPDX-License-Identifier: MIT
 *
 * What the calls of the mmap family have in common, beyond space.h.
 */
#ifndef GUEST_MM_MAP_H
#define GUEST_MM_MAP_H

#include "guest/mm/layout.h"
#include "guest/mm/space.h"

static inline uint64_t page_round_up(uint64_t bytes)
{
	return (bytes + PAGE_BYTES - 1) & ~(uint64_t)(PAGE_BYTES - 1);
}

/* Page-aligned and in the user half. */
bool space_range_is_valid(uint64_t gva, uint64_t bytes);

/* Calls change(area, how) for the areas of [start, end), split at its ends, and merges them again. 0,
 * -ENOMEM if there is a hole (what was before it has changed), or what change said. */
int space_for_areas(struct space *space, uint64_t start_gva, uint64_t end_gva,
		    int (*change)(struct vm_area *area, unsigned how), unsigned how);

/* brk(2): the new end, or the old one if that can't be. */
uint64_t space_set_brk(struct space *space, uint64_t brk_gva);

/* mremap(2): address or -errno. */
int64_t space_remap(struct space *space, uint64_t gva, uint64_t old_bytes, uint64_t new_bytes,
		    unsigned flags, uint64_t new_gva);

#endif

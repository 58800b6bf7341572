/* SPDX-License-Identifier: MIT
 *
 * Between the files of mm/ that work on spaces; for others there is space.h.
 */
#ifndef GUEST_MM_SPACE_PAGES_H
#define GUEST_MM_SPACE_PAGES_H

#include "guest/mm/area.h"
#include "guest/mm/space.h"
#include "guest/mm/swap.h"

/* All spaces, by in_all. */
extern struct list space_all;
extern struct spinlock space_all_lock;

/* A reference to a space that may be about to end. false: it is. */
bool space_try_get(struct space *space);

/* Takes all pages out of [start, end). 0, or -ENOMEM: a large page across a border could not be split. */
int space_zap(struct space *space, uint64_t start_gva, uint64_t end_gva);

/* Gives back the reference of an entry that is no more. */
static inline void space_put_page(struct page *page)
{
	if (page->flags & PAGE_SWAP)
		swap_release(page); /* it may have been the last to want the slot */
	page_put(page);
}

/* space_fault() with space->lock held; force: a private copy even where the program may not write. */
int space_fault_locked(struct space *space, uint64_t gva, enum space_access access, bool force);

/* Makes all of [start, end) present, as far as there are areas that permit it. 0 or the first -errno. */
int space_populate(struct space *space, uint64_t start_gva, uint64_t end_gva);

/* space_map() and space_unmap() with space->lock held; what is given back joins released. */
int space_unmap_locked(struct space *space, uint64_t start_gva, uint64_t end_gva,
		       struct list *released);

#endif

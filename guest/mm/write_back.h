/* SPDX-License-Identifier: MIT
 *
 * Between cache.c and write_back.c; for others there is cache.h.
 */
#ifndef GUEST_MM_WRITE_BACK_H
#define GUEST_MM_WRITE_BACK_H

#include "guest/mm/cache.h"

/* The page holds what its file holds, or is no longer part of it. Whether it was dirty. */
bool cache_undirty(struct page_cache *cache, struct page *page);

/* A cache without pages leaves the list of dirty ones: it may be about to end. */
void cache_forget_dirty(struct page_cache *cache);

#endif

/* SPDX-License-Identifier: MIT
 *
 * From a page of a file to the table entries that map it, through the areas of its cache. The caller has a
 * reference to the page, and no lock.
 */
#ifndef GUEST_MM_RMAP_H
#define GUEST_MM_RMAP_H

#include "guest/mm/cache.h"

/* Takes the page out of all tables. */
void rmap_unmap(struct page_cache *cache, struct page *page, uint64_t index);

/* Makes it read-only in all tables. */
void rmap_protect(struct page_cache *cache, struct page *page, uint64_t index);

/* Whether a program has used it since the last time this was asked. */
bool rmap_was_used(struct page_cache *cache, struct page *page, uint64_t index);

#endif

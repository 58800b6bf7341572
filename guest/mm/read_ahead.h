/* SPDX-License-Identifier: MIT
 *
 * Reading ahead of who reads a file in order.
 */
#ifndef GUEST_MM_READ_AHEAD_H
#define GUEST_MM_READ_AHEAD_H

#include "guest/mm/cache.h"

/* A page is about to be read; hit: it is there already. Reads the next ones when the
 * reader comes near the end of those asked for before. */
void read_ahead(struct page_cache *cache, uint64_t index, bool hit);

/* Reads of the pages [index, index + count) those that aren't there, CACHE_BATCH_MAX at most. A hint: errors
 * are for who needs the page. The cache has read_pages(). */
void read_ahead_now(struct page_cache *cache, uint64_t index, unsigned count);

#endif

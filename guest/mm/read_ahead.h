/* SPDX-License-Identifier: MIT
 *
 * Reading ahead of who reads a file in order.
 */
#ifndef GUEST_MM_READ_AHEAD_H
#define GUEST_MM_READ_AHEAD_H

#include "guest/mm/cache.h"

/* A page is about to be read; hit: it is there already. Asks the file system for the next ones when the
 * reader comes near the end of those asked for before. */
void cache_read_ahead(struct page_cache *cache, uint64_t index, bool hit);

#endif

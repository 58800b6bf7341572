/* SPDX-License-Identifier: MIT
 *
 * Memory that is shared but no file: a page cache that lives as long as somebody refers to it.
 */
#ifndef GUEST_MM_SHARED_H
#define GUEST_MM_SHARED_H

#include "guest/mm/cache.h"

/* With one reference, or NULL: no memory. */
struct page_cache *shared_create(void);
void shared_get(struct page_cache *cache);
/* The last reference drops all pages. May sleep. */
void shared_put(struct page_cache *cache);

#endif

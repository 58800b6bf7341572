/* SPDX-License-Identifier: MIT
 *
 * A page cache without a file, counted.
 */
#include "guest/mm/shared.h"

#include "guest/mm/slab.h"

struct shared {
	struct page_cache cache;
	uint32_t refs; /* atomic */
};

static const struct cache_operations operations; /* memory is where it belongs */

static struct shared *shared_of(struct page_cache *cache)
{
	return container_of(cache, struct shared, cache);
}

struct page_cache *shared_create(void)
{
	struct shared *shared = kmalloc(sizeof(*shared));

	if (!shared)
		return NULL;
	shared->refs = 1;
	cache_init(&shared->cache, &operations, NULL);
	return &shared->cache;
}

void shared_get(struct page_cache *cache)
{
	__atomic_fetch_add(&shared_of(cache)->refs, 1, __ATOMIC_RELAXED);
}

void shared_put(struct page_cache *cache)
{
	if (__atomic_sub_fetch(&shared_of(cache)->refs, 1, __ATOMIC_ACQ_REL))
		return;
	cache_truncate(cache, 0);
	kfree(shared_of(cache));
}

/* SPDX-License-Identifier: MIT
 *
 * Such a page goes to swap alone, not through the swap cache: while it is written it is locked, and who
 * looks for it waits for that.
 */
#include "guest/mm/shmem_swap.h"

#include "guest/lib/errno.h"
#include "guest/mm/reclaim.h"

bool shmem_swap_out(struct page *page)
{
	struct page_cache *cache = page->cache;
	const uint64_t entry = swap_take_slot();
	uint64_t flags;
	bool unused;

	if (!entry)
		return false;
	page_clear(page, PAGE_DIRTY);
	if (swap_transfer(entry, page, true)) {
		page_set(page, PAGE_DIRTY);
		swap_entry_put(entry);
		return false;
	}
	flags = spin_lock(&cache->lock);
	/* The tree's reference and the caller's; nobody has written since. */
	unused = __atomic_load_n(&page->refs, __ATOMIC_ACQUIRE) == 2 && !(page->flags & PAGE_DIRTY);
	if (unused) {
		*radix_slot(&cache->pages, page->index) = (void *)(entry | 1);
		page->cache = NULL;
	}
	spin_unlock(&cache->lock, flags);
	if (!unused) {
		page_set(page, PAGE_DIRTY);
		swap_entry_put(entry);
		return false;
	}
	reclaim_remove(page);
	page_count(cached, -1);
	page_put(page);
	return true;
}

int shmem_swap_in(struct page_cache *cache, uint64_t index)
{
	uint64_t flags = spin_lock(&cache->lock), entry;
	void *there = radix_find(&cache->pages, index), **slot;
	struct page *page;
	bool placed = false;
	int error;

	spin_unlock(&cache->lock, flags);
	if (!shmem_is_swapped(there))
		return 0;
	entry = (uint64_t)there & ~1ull;
	page = page_alloc(0, 0);
	if (!page)
		return -ENOMEM;
	error = swap_transfer(entry, page, false);
	flags = spin_lock(&cache->lock);
	slot = radix_slot(&cache->pages, index);
	if (!error && slot && *slot == there) { /* nobody was faster */
		page->cache = cache;
		page->index = index;
		page->flags = PAGE_UPTODATE | PAGE_DIRTY;
		page_get(page);
		*slot = page;
		page_count(cached, 1);
		reclaim_add(page); /* as in cache.c: before anybody can truncate it */
		placed = true;
	}
	spin_unlock(&cache->lock, flags);
	if (placed)
		swap_entry_put(entry);
	page_put(page);
	return error;
}

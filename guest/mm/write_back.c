/* SPDX-License-Identifier: MIT
 *
 * Write-back: lock the page, clear PAGE_DIRTY, set PAGE_WRITEBACK, make it read-only in all tables, write
 * it. A program that writes meanwhile faults and makes it dirty again. There the entry becomes writable
 * before the page becomes dirty, so that one of two holds: write-back sees PAGE_DIRTY later, or the entry.
 */
#include "guest/mm/write_back.h"

#include "guest/fs/vfs.h"
#include "guest/lib/errno.h"
#include "guest/mm/reclaim.h"
#include "guest/mm/rmap.h"
#include "guest/time/clock.h"

static struct list dirty_caches = LIST_EMPTY(dirty_caches);
static struct spinlock dirty_lock; /* of that list, inside of no other */

static void list_dirty(struct page_cache *cache)
{
	const uint64_t flags = spin_lock(&dirty_lock);

	if (list_is_empty(&cache->dirty)) {
		cache->dirty_since_ns = clock_ns();
		list_add_last(&dirty_caches, &cache->dirty);
	}
	spin_unlock(&dirty_lock, flags);
}

void cache_dirty(struct page_cache *cache, struct page *page)
{
	if (__atomic_fetch_or(&page->flags, PAGE_DIRTY, __ATOMIC_SEQ_CST) & PAGE_DIRTY)
		return;
	if (!cache->operations->write_page)
		return; /* memory is where it belongs */
	page_count(dirty, 1);
	if (!__atomic_fetch_add(&cache->dirty_count, 1, __ATOMIC_RELAXED)) {
		list_dirty(cache);
		write_back_wake();
	}
	if (__atomic_load_n(&page->cache, __ATOMIC_SEQ_CST) != cache)
		cache_undirty(cache, page); /* truncated meanwhile: nobody will write it */
}

bool cache_undirty(struct page_cache *cache, struct page *page)
{
	if (!(__atomic_fetch_and(&page->flags, ~PAGE_DIRTY, __ATOMIC_SEQ_CST) & PAGE_DIRTY))
		return false;
	if (cache->operations->write_page) {
		page_count(dirty, -1);
		__atomic_fetch_sub(&cache->dirty_count, 1, __ATOMIC_RELAXED);
	}
	return true;
}

/* The first page at or after *index that is dirty or being written, referenced. */
static struct page *next_to_write(struct page_cache *cache, uint64_t *index)
{
	const uint64_t flags = spin_lock(&cache->lock);
	struct page *page;

	while ((page = radix_next(&cache->pages, index)) &&
	       !(page->flags & (PAGE_DIRTY | PAGE_WRITEBACK)))
		++*index;
	if (page)
		page_get(page);
	spin_unlock(&cache->lock, flags);
	return page;
}

/* Whether the locked page is to be written, which is then under way. */
static bool begin_write(struct page_cache *cache, struct page *page)
{
	if (page->cache != cache || !cache_undirty(cache, page))
		return false;
	page_set(page, PAGE_WRITEBACK);
	page_count(writeback, 1);
	rmap_protect(cache, page, page->index);
	return true;
}

static void end_write(struct page *page, int error)
{
	if (error)
		page_set(page, PAGE_FAILED);
	page_count(writeback, -1);
	page_end_write_back(page);
	page_unlock(page);
	page_put(page);
}

static int write_batch(struct page_cache *cache, struct page **batch, unsigned count)
{
	int error = 0;

	if (!count)
		return 0;
	if (cache->operations->write_pages) {
		error = cache->operations->write_pages(cache, batch, count);
		for (unsigned i = 0; i < count; i++)
			end_write(batch[i], error);
		return error;
	}
	for (unsigned i = 0; i < count; i++) {
		const int one = cache->operations->write_page(cache, batch[i]);

		end_write(batch[i], one);
		if (!error)
			error = one;
	}
	return error;
}

/* Up to CACHE_BATCH_MAX pages from *index to last, locked, in ascending order as by everybody who locks
 * several of one file. *index moves behind them; false: that was the last one. */
static bool collect(struct page_cache *cache, uint64_t *index, uint64_t last, struct page **batch,
		    unsigned *count)
{
	for (*count = 0; *count < CACHE_BATCH_MAX; ++*index) {
		struct page *page = next_to_write(cache, index);
		bool begun = false;

		if (!page)
			return false;
		if (*index <= last) {
			page_lock(page);
			begun = begin_write(cache, page);
			if (begun)
				batch[(*count)++] = page;
			else
				page_unlock(page);
		}
		if (!begun)
			page_put(page);
		if (*index >= last)
			return false;
	}
	return true;
}

int cache_write_back(struct page_cache *cache, uint64_t first, uint64_t last)
{
	struct page *batch[CACHE_BATCH_MAX];
	int result = 0;
	bool more = cache->operations->write_page;

	while (more) {
		unsigned count;
		int error;

		more = collect(cache, &first, last, batch, &count);
		error = write_batch(cache, batch, count);
		if (!result)
			result = error;
	}
	if (!result) {
		result = cache->write_error;
		cache->write_error = 0;
	}
	return result;
}

static bool inode_try_get(struct inode *inode)
{
	uint32_t refs = __atomic_load_n(&inode->refs, __ATOMIC_RELAXED);

	while (refs)
		if (__atomic_compare_exchange_n(&inode->refs, &refs, refs + 1, false,
						__ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
			return true;
	return false;
}

/* Takes the cache that has been dirty for longest off the list, its inode referenced. NULL: there is none
 * from before limit_ns. Who is about to end an inode writes its pages. */
static struct page_cache *pop_dirty(uint64_t limit_ns)
{
	const uint64_t flags = spin_lock(&dirty_lock);
	struct page_cache *cache = NULL;

	while (!cache && !list_is_empty(&dirty_caches)) {
		cache = container_of(dirty_caches.next, struct page_cache, dirty);
		if (cache->dirty_since_ns > limit_ns) {
			cache = NULL;
			break;
		}
		list_remove(&cache->dirty);
		if (cache->inode && !inode_try_get(cache->inode))
			cache = NULL;
	}
	spin_unlock(&dirty_lock, flags);
	return cache;
}

void cache_write_older(uint64_t limit_ns)
{
	struct page_cache *cache;

	while ((cache = pop_dirty(limit_ns))) {
		const int error = cache_write_back(cache, 0, UINT64_MAX);

		if (error)
			cache->write_error = error; /* for fsync() */
		if (cache->dirty_count)
			list_dirty(cache); /* again, meanwhile */
		if (cache->inode)
			inode_put(cache->inode);
	}
}

void cache_sync_all(void)
{
	cache_write_older(clock_ns());
}

void cache_forget_dirty(struct page_cache *cache)
{
	const uint64_t flags = spin_lock(&dirty_lock);

	list_remove(&cache->dirty);
	spin_unlock(&dirty_lock, flags);
}

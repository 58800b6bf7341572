/* SPDX-License-Identifier: MIT
 *
 * Pages of files in a radix tree. The tree has a reference to each of its pages; a page that leaves it has
 * cache = NULL first, so that a fault that found it before doesn't map it afterwards.
 */
#include "guest/mm/cache.h"

#include "guest/fs/vfs.h"
#include "guest/lib/errno.h"
#include "guest/lib/string.h"
#include "guest/mm/read_ahead.h"
#include "guest/mm/reclaim.h"
#include "guest/mm/rmap.h"
#include "guest/mm/shmem_swap.h"
#include "guest/mm/write_back.h"
#include "guest/sched/task.h"

void cache_init(struct page_cache *cache, const struct cache_operations *operations,
		struct inode *inode)
{
	*cache = (struct page_cache){.operations = operations, .inode = inode};
	list_init(&cache->areas);
	list_init(&cache->dirty);
}

struct page *cache_find(struct page_cache *cache, uint64_t index)
{
	const uint64_t flags = spin_lock(&cache->lock);
	struct page *page = radix_find(&cache->pages, index);

	if (shmem_is_swapped(page))
		page = NULL;
	if (page)
		page_get(page);
	spin_unlock(&cache->lock, flags);
	return page;
}

unsigned cache_find_many(struct page_cache *cache, uint64_t first, unsigned count,
			 struct page **page)
{
	const uint64_t flags = spin_lock(&cache->lock);
	uint64_t index = first;
	unsigned found = 0;

	for (unsigned i = 0; i < count; i++)
		page[i] = NULL;
	for (struct page *at; (at = radix_next(&cache->pages, &index)) && index - first < count;
	     index++) {
		if (shmem_is_swapped(at) || !(at->flags & PAGE_UPTODATE))
			continue;
		page_get(at);
		page[index - first] = at;
		found++;
	}
	spin_unlock(&cache->lock, flags);
	return found;
}

/* Puts a new page there, or finds that somebody else was faster. NULL: no memory. The reference that comes
 * back is one besides the cache's. */
static struct page *add_page(struct page_cache *cache, uint64_t index, struct page *page)
{
	const uint64_t flags = spin_lock(&cache->lock);
	struct page *there = radix_find(&cache->pages, index);

	if (there) {
		if (!shmem_is_swapped(there))
			page_get(there);
	} else if (radix_insert(&cache->pages, index, page)) {
		page->cache = cache;
		page->index = index;
		page_get(page);
		cache->page_count++;
		page_count(cached, 1);
		reclaim_add(
			page); /* while nobody can truncate it, who would not find it in a list */
		there = page;
	}
	spin_unlock(&cache->lock, flags);
	if (there != page)
		page_put(page);
	return there;
}

/* The page at index, perhaps a new one that holds nothing yet. */
static struct page *find_or_add(struct page_cache *cache, uint64_t index)
{
	for (;;) {
		struct page *page = cache_find(cache, index);

		if (page) {
			if (!(page->flags & PAGE_REFERENCED))
				page_set(page, PAGE_REFERENCED);
			return page;
		}
		if (shmem_swap_in(cache, index))
			return NULL;
		page = cache_find(cache, index);
		if (page)
			return page;
		page = page_alloc(0, cache->operations->read_page ? 0 : PAGE_ZEROED);
		if (page && !cache->operations->read_page)
			page->flags = PAGE_UPTODATE;
		page = page ? add_page(cache, index, page) : NULL;
		if (!page || !shmem_is_swapped(page))
			return page;
	}
}

static void count_major(void)
{
	struct task *task = task_this();

	page_count(faults_major, 1);
	if (task)
		task->fault_count_major++;
}

/* Reads a page that isn't up to date. -EAGAIN: it was truncated meanwhile. */
static int fill(struct page_cache *cache, struct page *page)
{
	int error = 0;

	page_lock(page);
	if (page->cache != cache) {
		error = -EAGAIN;
	} else if (!(page->flags & PAGE_UPTODATE)) {
		count_major();
		error = cache->operations->read_page(cache, page);
		page_set(page, error ? PAGE_FAILED : PAGE_UPTODATE);
	}
	page_unlock(page);
	return error;
}

struct page *cache_read(struct page_cache *cache, uint64_t index, int *error)
{
	struct page *page;

	for (;;) {
		page = find_or_add(cache, index);
		if (!page) {
			*error = -ENOMEM;
			return NULL;
		}
		if (cache->operations->read_pages)
			read_ahead(cache, index, page->flags & PAGE_UPTODATE);
		if (__atomic_load_n(&page->flags, __ATOMIC_ACQUIRE) & PAGE_UPTODATE)
			return page;
		*error = fill(cache, page);
		if (!*error)
			return page;
		page_put(page);
		if (*error != -EAGAIN)
			return NULL;
	}
}

struct page *cache_for_write(struct page_cache *cache, uint64_t index, bool whole, int *error)
{
	struct page *page;

	if (!whole || !cache->operations->read_page)
		return cache_read(cache, index, error);
	page = find_or_add(cache, index);
	*error = page ? 0 : -ENOMEM;
	if (!page || page->flags & PAGE_UPTODATE)
		return page;
	/* Who reads it before the caller has written finds zeroes, not what the frame held before. */
	page_lock(page);
	if (!(page->flags & PAGE_UPTODATE)) {
		memset(page_data(page), 0, PAGE_BYTES);
		page_set(page, PAGE_UPTODATE);
	}
	page_unlock(page);
	return page;
}

/* Out of the tree; the page is locked, or nobody else can reach it. */
static void remove_page(struct page_cache *cache, struct page *page)
{
	const uint64_t flags = spin_lock(&cache->lock);

	radix_remove(&cache->pages, page->index);
	cache->page_count--;
	page->cache = NULL;
	spin_unlock(&cache->lock, flags);
	reclaim_remove(page);
	cache_undirty(cache, page);
	page_count(cached, -1);
}

/* The first page at or after *index, referenced; swapped ones on the way are forgotten. */
static struct page *next_page(struct page_cache *cache, uint64_t *index)
{
	uint64_t flags = spin_lock(&cache->lock);
	struct page *page;

	while ((page = radix_next(&cache->pages, index)) && shmem_is_swapped(page)) {
		radix_remove(&cache->pages, *index);
		cache->page_count--;
		shmem_forget(page);
	}
	if (page)
		page_get(page);
	spin_unlock(&cache->lock, flags);
	return page;
}

/* The rest of the page that the end is in. */
static void zero_tail(struct page_cache *cache, uint64_t size)
{
	struct page *page = size % PAGE_BYTES ? cache_find(cache, size / PAGE_BYTES) : NULL;

	if (!page)
		return;
	page_lock(page);
	if (page->cache == cache && page->flags & PAGE_UPTODATE) {
		memset((char *)page_data(page) + size % PAGE_BYTES, 0,
		       PAGE_BYTES - size % PAGE_BYTES);
		cache_dirty(cache, page);
	}
	page_unlock(page);
	page_put(page);
}

/* The locked page leaves its cache and all tables, dirty or not. */
static void drop_locked(struct page_cache *cache, struct page *page, uint64_t index)
{
	remove_page(cache, page);
	rmap_unmap(cache, page, index);
	page_put(page); /* the tree's */
}

void cache_forget(struct page_cache *cache, uint64_t index)
{
	struct page *page = cache_find(cache, index);

	if (!page)
		return;
	page_lock(page);
	if (page->cache == cache)
		drop_locked(cache, page, index);
	page_unlock(page);
	page_put(page);
}

struct page *cache_add_locked(struct page_cache *cache, uint64_t index)
{
	struct page *page = cache_find(cache, index), *there;

	if (page) {
		page_put(page);
		return NULL;
	}
	page = page_alloc(0, PAGE_ATOMIC);
	if (!page)
		return NULL;
	page->flags = PAGE_LOCKED;
	there = add_page(cache, index, page);
	if (there == page)
		return page;
	if (there && !shmem_is_swapped(there))
		page_put(there);
	return NULL;
}

void cache_end_read(struct page *page, int error)
{
	page_set(page, error ? PAGE_FAILED : PAGE_UPTODATE);
	page_unlock(page);
	page_put(page);
}

void cache_truncate(struct page_cache *cache, uint64_t size)
{
	uint64_t index = (size + PAGE_BYTES - 1) / PAGE_BYTES;
	struct page *page;

	for (; (page = next_page(cache, &index)); index++) {
		page_lock(page);
		if (page->cache == cache)
			drop_locked(cache, page, index);
		page_unlock(page);
		page_put(page);
	}
	zero_tail(cache, size);
	if (!cache->page_count)
		cache_forget_dirty(cache);
}

bool cache_evict(struct page *page)
{
	struct page_cache *cache = page->cache;
	const uint64_t flags = spin_lock(&cache->lock);
	/* The tree's reference and the caller's; with the tree locked nobody finds the page. */
	const bool unused = __atomic_load_n(&page->refs, __ATOMIC_ACQUIRE) == 2 &&
			    !(page->flags & (PAGE_DIRTY | PAGE_WRITEBACK));

	if (unused) {
		radix_remove(&cache->pages, page->index);
		cache->page_count--;
		page->cache = NULL;
	}
	spin_unlock(&cache->lock, flags);
	if (!unused)
		return false;
	reclaim_remove(page);
	page_count(cached, -1);
	page_put(page);
	return true;
}

void cache_drop(struct page_cache *cache, uint64_t first, uint64_t last)
{
	struct page *page;

	if (!cache->operations->read_page)
		return;
	for (uint64_t index = first; index <= last && (page = next_page(cache, &index)); index++) {
		if (index <= last && page_try_lock(page)) {
			if (page->cache == cache)
				cache_evict(page);
			page_unlock(page);
		}
		page_put(page);
	}
}

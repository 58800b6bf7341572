/* SPDX-License-Identifier: MIT
 *
 * The window doubles with every page read in order, up to 128 KiB, and starts anew after a jump.
 *
 *        index                 read_next
 *          v                       v
 *   ...|###|###|###|###|###|###|###|   |   |   |      half a window is left: ask for the next one
 */
#include "guest/mm/read_ahead.h"

#include "guest/fs/vfs.h"

#define WINDOW_MIN 4
#define WINDOW_MAX 32

void read_ahead_now(struct page_cache *cache, uint64_t index, unsigned count)
{
	struct page *pages[CACHE_BATCH_MAX];
	unsigned n = 0;
	int error;

	for (unsigned i = 0; i < count && n < CACHE_BATCH_MAX; i++) {
		pages[n] = cache_add_locked(cache, index + i);
		n += pages[n] != NULL;
	}
	error = n ? cache->operations->read_pages(cache, pages, n) : 0;
	for (unsigned i = 0; i < n; i++)
		cache_end_read(pages[i], error);
}

void read_ahead(struct page_cache *cache, uint64_t index, bool hit)
{
	const uint64_t end = cache->inode ? (cache->inode->size + PAGE_BYTES - 1) / PAGE_BYTES : 0;
	const bool in_order = cache->read_window && index <= cache->read_next &&
			      cache->read_next - index <= WINDOW_MAX;
	uint64_t first = cache->read_next, count;

	if (in_order && cache->read_next - index > cache->read_window / 2)
		return;
	if (!in_order && hit)
		return;
	if (!in_order) {
		first = index;
		cache->read_window = index ? 0 : WINDOW_MIN;
	}
	cache->read_window = cache->read_window ? cache->read_window * 2 : 1;
	if (cache->read_window > WINDOW_MAX)
		cache->read_window = WINDOW_MAX;
	count = cache->read_window;
	cache->read_next = first + count;
	if (first >= end)
		return;
	if (count > end - first)
		count = end - first;
	if (count > 1)
		read_ahead_now(cache, first, (unsigned)count);
}

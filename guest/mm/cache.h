/* SPDX-License-Identifier: MIT
 *
 * The page cache: of each file (or block device) the pages that are in memory, by index.
 */
#ifndef GUEST_MM_CACHE_H
#define GUEST_MM_CACHE_H

#include <stdbool.h>
#include <stdint.h>

#include "guest/arch/spinlock.h"
#include "guest/lib/list.h"
#include "guest/lib/radix.h"
#include "guest/mm/page.h"

struct inode;
struct page_cache;

#define CACHE_BATCH_MAX 32

struct cache_operations {
	/* Fills a locked page that isn't up to date; bytes beyond the end are zero. May sleep. NULL: it
	 * starts as zeroes (tmpfs). Returns 0 or -errno. */
	int (*read_page)(struct page_cache *cache, struct page *page);
	/* Writes a page (locked, PAGE_WRITEBACK set) to where it belongs. May sleep. NULL: memory is
	 * where it belongs; under pressure such pages go to swap. */
	int (*write_page)(struct page_cache *cache, struct page *page);
	/* The same for several pages in ascending order; what follows on disk goes there as one request.
	 * NULL: one by one. */
	int (*write_pages)(struct page_cache *cache, struct page **pages, unsigned count);
	/* The same as read_page for several pages in ascending order, at most CACHE_BATCH_MAX, in as few
	 * requests as they lie on disk. NULL: no read-ahead. */
	int (*read_pages)(struct page_cache *cache, struct page **pages, unsigned count);
};

struct page_cache {
	const struct cache_operations *operations;
	struct inode *inode; /* whose it is */
	struct spinlock lock;
	struct radix pages;
	uint64_t page_count, dirty_count;
	struct list areas; /* struct vm_area that map it, guarded by lock */
	struct list dirty; /* in the list of caches that have dirty pages */
	uint64_t dirty_since_ns;
	uint64_t read_next; /* index that a sequential reader would read next; for read-ahead */
	unsigned read_window;
	int write_error; /* of a write-back nobody waited for; fsync() reports it once */
};

void cache_init(struct page_cache *cache, const struct cache_operations *operations,
		struct inode *inode);

/* The page at index, referenced and up to date (read from its file if need be), or NULL and *error. */
struct page *cache_read(struct page_cache *cache, uint64_t index, int *error);

/* The page at index for writing all of it or part: like cache_read(), but not read if whole. The
 * caller writes into it and calls cache_dirty(). */
struct page *cache_for_write(struct page_cache *cache, uint64_t index, bool whole, int *error);

/* The page at index if it is there, referenced. */
struct page *cache_find(struct page_cache *cache, uint64_t index);

/* The pages [first, first + count) as far as they are there and up to date, referenced; else NULL. How many
 * there are. */
unsigned cache_find_many(struct page_cache *cache, uint64_t first, unsigned count,
			 struct page **page);

/* Newer than on disk from now on. A program that has the page mapped must be able to write before. */
void cache_dirty(struct page_cache *cache, struct page *page);

/* Drops all pages from byte size on (dirty or not), unmaps them everywhere, and zeroes the rest of the
 * last one. Never fails. */
void cache_truncate(struct page_cache *cache, uint64_t size);

/* Writes the dirty pages of [first, last] and waits. 0 or the first -errno. */
int cache_write_back(struct page_cache *cache, uint64_t first, uint64_t last);

/* For reading ahead: a new page at index, locked, not up to date, referenced. NULL: there is one already,
 * or no memory at hand. cache_end_read() says how reading it went, unlocks it and drops the reference. */
struct page *cache_add_locked(struct page_cache *cache, uint64_t index);
void cache_end_read(struct page *page, int error);

/* Forgets the page at index, dirty or not, once it is not being written. */
void cache_forget(struct page_cache *cache, uint64_t index);

/* All dirty pages of all files; for sync(). */
void cache_sync_all(void);

/* The same for files that are dirty since limit_ns or longer. */
void cache_write_older(uint64_t limit_ns);

/* Takes a locked, clean page that nobody else refers to out of its cache. false: it is in use. */
bool cache_evict(struct page *page);

/* Drops clean unmapped pages of [first, last], for posix_fadvise(). */
void cache_drop(struct page_cache *cache, uint64_t first, uint64_t last);

#endif

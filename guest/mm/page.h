/* SPDX-License-Identifier: MIT
 *
 * Physical frames and what is known of each. A buddy allocator hands out blocks of 2^order frames; it
 * takes memory into its lists block by block as it is first needed, so nothing is built at boot: a
 * struct page says something only while its frame is the first of a block.
 */
#ifndef GUEST_MM_PAGE_H
#define GUEST_MM_PAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "guest/lib/list.h"
#include "guest/mm/paging.h"

#define PAGE_ORDER_MAX 10 /* 4 MiB */
#define LARGE_PAGE_ORDER 9

struct page_cache;

enum page_flag {
	PAGE_UPTODATE = 1 << 0,	 /* holds what its file holds, or newer */
	PAGE_DIRTY = 1 << 1,	 /* newer than its file or swap slot */
	PAGE_LOCKED = 1 << 2,	 /* I/O or a change of its place is under way: page_lock() */
	PAGE_WRITEBACK = 1 << 3, /* being written */
	PAGE_ACTIVE = 1 << 4,	 /* of the two LRU lists, the one of those in use */
	PAGE_REFERENCED = 1 << 5,
	PAGE_SWAP = 1 << 6, /* in the swap cache; index is its slot */
	PAGE_SLAB = 1 << 7,
	PAGE_FREE = 1 << 8,	 /* the first frame of a free block of the buddy allocator */
	PAGE_LRU = 1 << 9,	 /* in an LRU list */
	PAGE_FAILED = 1 << 10,	 /* the last I/O on it failed */
	PAGE_ANONYMOUS = 1 << 11 /* private to programs; or the page of zeroes */
};

struct page {
	uint32_t refs;		  /* atomic; 0: free */
	uint32_t mapped;	  /* atomic: entries that map it, unless it is anonymous */
	uint32_t flags;		  /* atomic: enum page_flag */
	uint32_t order;		  /* of its block, in the first page of it */
	struct page_cache *cache; /* the file it belongs to; NULL: anonymous, or the kernel's */
	uint64_t index;		  /* of the page in that file; or the swap slot */
	struct list lru;	  /* LRU or free list */
};

enum page_want {
	PAGE_ZEROED = 1 << 0,
	PAGE_ATOMIC = 1 << 1, /* don't sleep, may use the reserve */
	PAGE_LOW = 1 << 2     /* below 4 GiB, for devices that need it */
};

/* Gives RAM [start, end) to the allocator; at boot. Rounded inwards; what doesn't fit its table or the
 * direct map is left unused. */
void page_add_range(uint64_t start_gpa, uint64_t end_gpa);

/* Makes room for all struct page; once all RAM is in the direct map. */
void page_init(void);

/* Before page_init(): a frame for good, or 0. */
uint64_t page_take_early(void);

/* 2^order frames in a row with one reference (in the first), or NULL: no memory even after reclaim
 * and, unless ATOMIC, after the OOM killer had its say. */
struct page *page_alloc(unsigned order, unsigned want);

/* count frames in a row below 4 GiB, never given back; or NULL. */
struct page *page_alloc_row(uint64_t count);

/* Makes 2^order single pages, each with one reference, of a block with one. */
void page_split(struct page *page);

static inline void page_get(struct page *page)
{
	__atomic_fetch_add(&page->refs, 1, __ATOMIC_RELAXED);
}

/* Gives a reference back; the last one frees the block. */
void page_put(struct page *page);

extern struct page *page_array; /* by frame number, in the direct map; NULL: before page_init() */

static inline struct page *page_of(uint64_t gpa)
{
	return page_array + gpa / PAGE_BYTES;
}

static inline uint64_t page_gpa(const struct page *page)
{
	return (uint64_t)(page - page_array) * PAGE_BYTES;
}

static inline void *page_data(const struct page *page)
{
	return direct(page_gpa(page));
}

/* Sleeps until the page is unlocked, and locks it. */
void page_lock(struct page *page);
static inline bool page_try_lock(struct page *page)
{
	return !(__atomic_fetch_or(&page->flags, PAGE_LOCKED, __ATOMIC_ACQUIRE) & PAGE_LOCKED);
}
void page_unlock(struct page *page);
void page_end_write_back(struct page *page);

static inline void page_set(struct page *page, uint32_t flags)
{
	__atomic_fetch_or(&page->flags, flags, __ATOMIC_RELEASE);
}

static inline void page_clear(struct page *page, uint32_t flags)
{
	__atomic_fetch_and(&page->flags, ~flags, __ATOMIC_RELEASE);
}

/* All counted by whoever does it, but for the first two lines. */
struct page_stats {
	uint64_t total, free; /* frames; free includes what was never touched */
	uint64_t free_blocks[PAGE_ORDER_MAX + 1];
	uint64_t slab, page_tables, cached, anonymous, shared, dirty, writeback, kernel_stacks;
	uint64_t allocated, freed;			      /* frames, ever */
	uint64_t faults_minor, faults_major, copied_on_write; /* events, ever */
	uint64_t reclaimed, scanned, swapped_in, swapped_out, oom_kills, huge_faults, huge_splits;
	uint64_t swap_total, swap_free; /* frames */
};
void page_stats_read(struct page_stats *stats);

extern struct page_stats page_counters;

/* page_count(faults_minor, 1): from any context. */
#define page_count(what, by) __atomic_fetch_add(&page_counters.what, by, __ATOMIC_RELAXED)

/* Frames that nobody has; a glance without a lock. */
uint64_t page_free_count(void);
/* Below this, reclaim works in the background; below a quarter of it, only ATOMIC requests get pages. */
extern uint64_t page_low_mark;

#endif

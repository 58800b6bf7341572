/* SPDX-License-Identifier: MIT
 *
 * Physical frames and what is known of each. A buddy allocator hands out blocks of 2^order frames; it
 * takes memory into its lists block by block as it is first needed, so nothing is built at boot.
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
	PAGE_FREE = 1 << 8,   /* the first frame of a free block of the buddy allocator */
	PAGE_LRU = 1 << 9,    /* in an LRU list */
	PAGE_FAILED = 1 << 10 /* the last I/O on it failed */
};

struct page {
	uint32_t refs;		  /* atomic; 0: free */
	uint32_t mapped;	  /* atomic: page table entries that map it */
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

/* Once all RAM is in the direct map and known to frame_add_range(). */
void page_init(void);

/* 2^order frames in a row with one reference (in the first), or NULL: no memory even after reclaim
 * and, unless ATOMIC, after the OOM killer had its say. */
struct page *page_alloc(unsigned order, unsigned want);

static inline void page_get(struct page *page)
{
	__atomic_fetch_add(&page->refs, 1, __ATOMIC_RELAXED);
}

/* Gives a reference back; the last one frees the block. */
void page_put(struct page *page);

struct page *page_of(uint64_t gpa);
uint64_t page_gpa(const struct page *page);

static inline void *page_data(const struct page *page)
{
	return direct(page_gpa(page));
}

/* Sleeps until the page is unlocked, and locks it. */
void page_lock(struct page *page);
bool page_try_lock(struct page *page);
void page_unlock(struct page *page);
/* Sleeps until PAGE_WRITEBACK is gone. */
void page_wait_write_back(struct page *page);

struct page_stats {
	uint64_t total, free; /* frames; free includes what was never touched */
	uint64_t free_blocks[PAGE_ORDER_MAX + 1];
	uint64_t slab, page_tables, cached, anonymous, dirty, writeback, kernel_stacks;
	uint64_t allocated, freed;			      /* frames, ever */
	uint64_t faults_minor, faults_major, copied_on_write; /* events, ever */
	uint64_t reclaimed, scanned, swapped_in, swapped_out, oom_kills;
	uint64_t swap_total, swap_free; /* frames */
};
void page_stats_read(struct page_stats *stats);

#endif

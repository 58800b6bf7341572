/* SPDX-License-Identifier: MIT
 *
 * The buddy allocator (Knuth, The Art of Computer Programming vol. 1, 2.5). A block of 2^order frames is
 * aligned to its size; its buddy is the other half of the block of the next order.
 *
 *   ranges of RAM --take_in()--> free[order] <--split, merge--> free[order +- 1]
 *                                    |  ^
 *                                    v  |            a few single frames, neither split nor merged:
 *                                   hot frames       most requests end here
 */
#include "guest/mm/page.h"

#include "guest/arch/spinlock.h"
#include "guest/lib/panic.h"
#include "guest/lib/string.h"
#include "guest/mm/reclaim.h"

#define RANGE_MAX 32
#define LOW_END 0x100000000
#define HOT_MAX 64
#define HOT_ORDER 4 /* of the block that fills them up */
#define BLOCK_FRAMES(order) (1ull << (order))
#define MAX_BYTES (PAGE_BYTES * BLOCK_FRAMES(PAGE_ORDER_MAX))

static struct range {
	uint64_t start, next, end; /* GPA; from next on, nothing was ever used */
} range[RANGE_MAX];
static unsigned range_count;

static struct zone {
	uint32_t orders; /* bit n: free[n] has something */
	struct list free[PAGE_ORDER_MAX + 1];
	uint64_t count[PAGE_ORDER_MAX + 1];
} zones[2]; /* 0: below 4 GiB; 1: above */

static struct list hot = LIST_EMPTY(hot);
static unsigned hot_count;
static uint64_t total_frames, used_frames;
static struct spinlock lock;

struct page *page_array;
struct page_stats page_counters;
uint64_t page_low_mark;

static void add_range(uint64_t start, uint64_t end)
{
	struct range *last = range_count ? &range[range_count - 1] : NULL;

	if (start >= end)
		return;
	if (last && last->end == start && start != LOW_END)
		last->end =
			end; /* neighbours must be one range, or halves of a block could miss each other */
	else if (range_count == RANGE_MAX)
		return;
	else
		range[range_count++] = (struct range){start, start, end};
	total_frames += (end - start) / PAGE_BYTES;
}

void page_add_range(uint64_t start_gpa, uint64_t end_gpa)
{
	start_gpa = (start_gpa + PAGE_BYTES - 1) & ~(uint64_t)(PAGE_BYTES - 1);
	end_gpa &= ~(uint64_t)(PAGE_BYTES - 1);
	if (end_gpa > DIRECT_BYTES)
		end_gpa = DIRECT_BYTES;
	if (start_gpa < LOW_END && end_gpa > LOW_END) {
		add_range(start_gpa, LOW_END);
		start_gpa = LOW_END;
	}
	add_range(start_gpa, end_gpa);
}

/* bytes that nobody has used, out of a range for good; 0: none is big enough. */
static uint64_t take_untouched(uint64_t bytes, uint64_t limit_gpa)
{
	for (unsigned i = 0; i < range_count; i++) {
		const uint64_t gpa = range[i].next;

		if (range[i].end - gpa < bytes || gpa + bytes > limit_gpa)
			continue;
		range[i].next += bytes;
		if (!page_array)
			range[i].start = range[i].next;
		return gpa;
	}
	return 0;
}

uint64_t page_take_early(void)
{
	const uint64_t gpa = take_untouched(PAGE_BYTES, GIB);

	if (gpa)
		used_frames++;
	return gpa;
}

void page_init(void)
{
	uint64_t end = 0, bytes, gpa;

	for (unsigned i = 0; i < range_count; i++)
		if (range[i].end > end)
			end = range[i].end;
	end = (end + MAX_BYTES - 1) & ~(MAX_BYTES - 1);
	bytes = end / PAGE_BYTES * sizeof(struct page);
	bytes = (bytes + PAGE_BYTES - 1) & ~(uint64_t)(PAGE_BYTES - 1);
	gpa = take_untouched(bytes, DIRECT_BYTES);
	if (!gpa)
		panic("no %lu KiB in a row for the table of pages", bytes >> 10);
	page_array = direct(gpa);
	total_frames -= bytes / PAGE_BYTES;
	page_low_mark = total_frames / 64 < 1024 ? total_frames / 64 : 1024;
	for (unsigned i = 0; i <= PAGE_ORDER_MAX; i++) {
		list_init(&zones[0].free[i]);
		list_init(&zones[1].free[i]);
	}
}

static struct zone *zone_of(const struct page *page)
{
	return &zones[page_gpa(page) >= LOW_END];
}

static void list_block(struct zone *zone, struct page *page, unsigned order)
{
	page->refs = 0;
	page->flags = PAGE_FREE;
	page->order = order;
	list_add_first(&zone->free[order], &page->lru);
	zone->count[order]++;
	zone->orders |= 1u << order;
}

static void unlist_block(struct zone *zone, struct page *page)
{
	const unsigned order = page->order;

	list_remove(&page->lru);
	page->flags = 0;
	zone->count[order]--;
	if (list_is_empty(&zone->free[order]))
		zone->orders &= ~(1u << order);
}

static void free_block(struct page *page, unsigned order)
{
	struct zone *zone = zone_of(page);
	uint64_t frame = page - page_array;

	for (; order < PAGE_ORDER_MAX; order++) {
		struct page *buddy = page_array + (frame ^ BLOCK_FRAMES(order));

		if (!(buddy->flags & PAGE_FREE) || buddy->order != order)
			break;
		unlist_block(zone, buddy);
		frame &= ~BLOCK_FRAMES(order);
	}
	list_block(zone, page_array + frame, order);
}

static bool is_touched(uint64_t gpa)
{
	for (unsigned i = 0; i < range_count; i++)
		if (gpa >= range[i].start && gpa < range[i].next)
			return true;
	return false;
}

/* Lists the largest aligned block at the start of what a range has left. What free_block() will see in
 * place of its buddy must say something: at the ends of a range that was never a block. */
static void take_in(struct zone *zone, struct range *from)
{
	const uint64_t frame = from->next / PAGE_BYTES,
		       left = (from->end - from->next) / PAGE_BYTES;
	unsigned order = 0;

	while (order < PAGE_ORDER_MAX && frame % BLOCK_FRAMES(order + 1) == 0 &&
	       left >= BLOCK_FRAMES(order + 1))
		order++;
	from->next += PAGE_BYTES << order;
	if (order < PAGE_ORDER_MAX) {
		const uint64_t buddy = frame ^ BLOCK_FRAMES(order);

		if (!is_touched(buddy * PAGE_BYTES))
			page_array[buddy].flags = page_array[buddy].order = 0;
	}
	list_block(zone, page_array + frame, order);
}

/* A zone's free blocks of at least this order, as bits; more memory is taken in if there are none. */
static uint32_t usable_orders(struct zone *zone, unsigned order)
{
	for (unsigned i = 0; !(zone->orders >> order) && i < range_count;)
		if (range[i].next < range[i].end &&
		    (range[i].start >= LOW_END) == (zone == &zones[1]))
			take_in(zone, &range[i]);
		else
			i++;
	return zone->orders >> order;
}

static struct page *alloc_from_zone(struct zone *zone, unsigned order)
{
	const uint32_t usable = usable_orders(zone, order);
	struct page *page;
	unsigned found;

	if (!usable)
		return NULL;
	found = order + __builtin_ctz(usable);
	page = container_of(zone->free[found].next, struct page, lru);
	unlist_block(zone, page);
	while (found > order) {
		found--;
		list_block(zone, page + BLOCK_FRAMES(found), found);
	}
	page->order = order;
	return page;
}

static struct page *alloc_block(unsigned order, unsigned want)
{
	struct page *page = want & PAGE_LOW ? NULL : alloc_from_zone(&zones[1], order);

	return page ? page : alloc_from_zone(&zones[0], order);
}

static void cool(unsigned keep)
{
	while (hot_count > keep) {
		struct page *page = container_of(list_pop(&hot), struct page, lru);

		hot_count--;
		free_block(page, 0);
	}
}

static struct page *alloc_hot(void)
{
	struct page *block;

	if (!hot_count) {
		unsigned order = HOT_ORDER;

		while (!(block = alloc_block(order, 0)) && order)
			order--;
		if (!block)
			return NULL;
		hot_count = BLOCK_FRAMES(order);
		for (unsigned i = hot_count; i-- > 0;) {
			block[i].flags = block[i].order = 0;
			list_add_first(&hot, &block[i].lru);
		}
	}
	hot_count--;
	return container_of(list_pop(&hot), struct page, lru);
}

/* Once more, with the hot frames among the blocks they may complete. */
static struct page *alloc_merged(unsigned order, unsigned want)
{
	cool(0);
	return alloc_block(order, want);
}

static struct page *try_alloc(unsigned order, unsigned want, uint64_t reserve)
{
	const uint64_t flags = spin_lock(&lock);
	struct page *page = NULL;

	if (total_frames - used_frames >= BLOCK_FRAMES(order) + reserve) {
		page = order || want & PAGE_LOW ? alloc_block(order, want) : alloc_hot();
		if (!page)
			page = alloc_merged(order, want);
	}
	if (page) {
		used_frames += BLOCK_FRAMES(order);
		page_counters.allocated += BLOCK_FRAMES(order);
		page->refs = 1;
		page->mapped = page->flags = 0;
		page->cache = NULL;
	}
	spin_unlock(&lock, flags);
	return page;
}

struct page *page_alloc(unsigned order, unsigned want)
{
	const uint64_t reserve = want & PAGE_ATOMIC ? 0 : page_low_mark / 4;
	struct page *page;

	if (!(want & PAGE_ATOMIC))
		spin_check_may_sleep();
	page = try_alloc(order, want, reserve);
	if (page_free_count() < page_low_mark)
		reclaim_wake();
	for (unsigned effort = 0; !page && !(want & PAGE_ATOMIC) && reclaim_for(order, effort);
	     effort++)
		page = try_alloc(order, want, reclaim_may_use_reserve() ? 0 : reserve);
	if (page && want & PAGE_ZEROED)
		memset(page_data(page), 0, PAGE_BYTES << order);
	return page;
}

/* Keeps the first count frames of a block, in blocks of their own, and frees the others. */
static void trim(struct page *page, unsigned order, uint64_t count)
{
	while (count < BLOCK_FRAMES(order)) {
		struct page *upper = page + BLOCK_FRAMES(--order);

		page->order = upper->order = order;
		upper->refs = 1;
		upper->flags = upper->mapped = 0;
		upper->cache = NULL;
		if (count <= BLOCK_FRAMES(order)) {
			page_put(upper);
		} else {
			page = upper;
			count -= BLOCK_FRAMES(order);
		}
	}
}

struct page *page_alloc_row(uint64_t count)
{
	unsigned order = 0;
	struct page *page;
	uint64_t flags, gpa;

	if (count <= BLOCK_FRAMES(PAGE_ORDER_MAX)) {
		while (BLOCK_FRAMES(order) < count)
			order++;
		page = page_alloc(order, PAGE_ATOMIC | PAGE_LOW);
		if (page)
			trim(page, order, count);
		return page;
	}
	flags = spin_lock(&lock);
	gpa = take_untouched(count * PAGE_BYTES, LOW_END);
	used_frames += gpa ? count : 0;
	spin_unlock(&lock, flags);
	return gpa ? page_of(gpa) : NULL;
}

void page_split(struct page *page)
{
	for (unsigned i = BLOCK_FRAMES(page->order); i-- > 0;) {
		struct page *one = page + i;

		*one = (struct page){.refs = 1};
		list_init(&one->lru);
	}
}

void page_put(struct page *page)
{
	const unsigned order = page->order;
	uint64_t flags;

	if (__atomic_sub_fetch(&page->refs, 1, __ATOMIC_ACQ_REL))
		return;
	flags = spin_lock(&lock);
	used_frames -= BLOCK_FRAMES(order);
	page_counters.freed += BLOCK_FRAMES(order);
	if (page->flags & PAGE_ANONYMOUS)
		page_count(anonymous, -BLOCK_FRAMES(order));
	page->flags = 0;
	if (order) {
		free_block(page, order);
	} else {
		list_add_first(&hot, &page->lru);
		if (++hot_count > HOT_MAX)
			cool(HOT_MAX / 2);
	}
	spin_unlock(&lock, flags);
}

uint64_t page_free_count(void)
{
	return total_frames - __atomic_load_n(&used_frames, __ATOMIC_RELAXED);
}

void page_stats_read(struct page_stats *stats)
{
	const uint64_t flags = spin_lock(&lock);

	*stats = page_counters;
	stats->total = total_frames;
	stats->free = total_frames - used_frames;
	for (unsigned i = 0; i <= PAGE_ORDER_MAX; i++)
		stats->free_blocks[i] = zones[0].count[i] + zones[1].count[i];
	stats->free_blocks[0] += hot_count;
	for (unsigned i = 0; i < range_count; i++)
		stats->free_blocks[PAGE_ORDER_MAX] += (range[i].end - range[i].next) / MAX_BYTES;
	spin_unlock(&lock, flags);
}

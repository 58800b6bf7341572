/* SPDX-License-Identifier: MIT
 *
 * The frame allocator: up to RANGE_MAX ranges, a bump pointer in each, a free list through the
 * frames themselves, and a small pool of frames known to be zero.
 */
#include "guest/mm/frame.h"

#include "guest/arch/spinlock.h"
#include "guest/lib/panic.h"
#include "guest/lib/string.h"
#include "guest/mm/paging.h"

#define RANGE_MAX 32
#define ZERO_POOL 16
#define ROW_END 0x100000000

static struct {
	uint64_t next, end;
} range[RANGE_MAX];
static unsigned range_count, range_current;
static uint64_t free_list; /* GPA of the first free frame; each holds the GPA of the next */
static uint64_t total_frames, used_frames;
static struct spinlock lock;

static char zero_pool[ZERO_POOL][PAGE_BYTES]
	__attribute__((section(".bss.pages"), aligned(PAGE_BYTES)));
static unsigned zero_pool_used;

void frame_add_range(uint64_t start_gpa, uint64_t end_gpa)
{
	start_gpa = (start_gpa + PAGE_BYTES - 1) & ~(uint64_t)(PAGE_BYTES - 1);
	end_gpa &= ~(uint64_t)(PAGE_BYTES - 1);
	if (end_gpa > DIRECT_BYTES)
		end_gpa = DIRECT_BYTES;
	if (start_gpa >= end_gpa || range_count == RANGE_MAX)
		return;
	range[range_count].next = start_gpa;
	range[range_count].end = end_gpa;
	range_count++;
	total_frames += (end_gpa - start_gpa) / PAGE_BYTES;
}

static uint64_t take(void)
{
	uint64_t gpa = free_list;

	if (gpa) {
		free_list = *(uint64_t *)direct(gpa);
		return gpa;
	}
	while (range_current < range_count) {
		if (range[range_current].next < range[range_current].end) {
			gpa = range[range_current].next;
			range[range_current].next += PAGE_BYTES;
			return gpa;
		}
		range_current++;
	}
	return 0;
}

uint64_t frame_alloc(void)
{
	const uint64_t flags = spin_lock(&lock);
	const uint64_t gpa = take();

	if (gpa)
		used_frames++;
	spin_unlock(&lock, flags);
	return gpa;
}

/* Frames that came back are scattered, so only what was never handed out is looked at. */
static uint64_t take_row(uint64_t bytes)
{
	for (unsigned i = range_current; i < range_count; i++) {
		const uint64_t gpa = range[i].next;

		if (range[i].end - gpa < bytes || gpa + bytes > ROW_END)
			continue;
		range[i].next += bytes;
		used_frames += bytes / PAGE_BYTES;
		return gpa;
	}
	return 0;
}

uint64_t frame_alloc_row(uint64_t count)
{
	const uint64_t flags = spin_lock(&lock);
	const uint64_t gpa = take_row(count * PAGE_BYTES);

	spin_unlock(&lock, flags);
	return gpa;
}

static uint64_t take_from_pool(void)
{
	const uint64_t flags = spin_lock(&lock);
	uint64_t gpa = 0;

	if (zero_pool_used < ZERO_POOL) {
		gpa = image_gpa(zero_pool[zero_pool_used++]);
		total_frames++; /* from now on a frame like any other */
		used_frames++;
	}
	spin_unlock(&lock, flags);
	return gpa;
}

uint64_t frame_alloc_zeroed(void)
{
	uint64_t gpa = take_from_pool();

	if (gpa)
		return gpa;
	gpa = frame_alloc();
	if (gpa)
		memset(direct(gpa), 0, PAGE_BYTES);
	return gpa;
}

void frame_free(uint64_t gpa)
{
	const uint64_t flags = spin_lock(&lock);

	if (!gpa || gpa % PAGE_BYTES || !used_frames)
		panic("frame_free of %#lx", gpa);
	*(uint64_t *)direct(gpa) = free_list;
	free_list = gpa;
	used_frames--;
	spin_unlock(&lock, flags);
}

void frame_stats_read(struct frame_stats *stats)
{
	const uint64_t flags = spin_lock(&lock);

	stats->total = total_frames;
	stats->free = total_frames - used_frames;
	spin_unlock(&lock, flags);
}

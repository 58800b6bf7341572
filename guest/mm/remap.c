/* SPDX-License-Identifier: MIT
 *
 * Areas that change their size or place: brk(2) and mremap(2).
 */
#include "guest/arch/tlb.h"
#include "guest/lib/errno.h"
#include "guest/mm/cache.h"
#include "guest/mm/limits.h"
#include "guest/mm/map.h"
#include "guest/mm/slab.h"
#include "guest/mm/space_pages.h"
#include "guest/mm/tables.h"

enum { MREMAP_MAYMOVE = 1, MREMAP_FIXED = 2 };

static const char heap[] = "[heap]";

static bool is_free(struct space *space, uint64_t start_gva, uint64_t end_gva)
{
	const struct vm_area *area = area_find(space, start_gva);

	return !area || area->start_gva >= end_gva;
}

static bool grow_heap(struct space *space, uint64_t start_gva, uint64_t end_gva)
{
	struct vm_area *area = area_find(space, start_gva - 1);

	const uint64_t pages = (end_gva - start_gva) / PAGE_BYTES;

	if (!is_free(space, start_gva, end_gva) || !limit_permits_pages(space, pages) ||
	    (space->lock_future && !limit_permits_locked(space, pages)))
		return false;
	if (area && area->end_gva == start_gva && area->label == heap) {
		area_move_borders(area, area->start_gva, end_gva);
	} else {
		area = kmalloc(sizeof(*area));
		if (!area)
			return false;
		area->space = space;
		area->start_gva = start_gva;
		area->end_gva = end_gva;
		area->protection = PROT_READ | PROT_WRITE;
		area->flags = MAP_PRIVATE | (space->lock_future ? MAP_LOCKED : 0);
		area->label = heap;
		list_init(&area->in_cache);
		area_insert(area);
	}
	if (area->flags & MAP_LOCKED)
		space_populate(space, start_gva, end_gva);
	return true;
}

uint64_t space_set_brk(struct space *space, uint64_t brk_gva)
{
	struct list released = LIST_EMPTY(released);
	uint64_t start, end, result;
	bool done;

	mutex_lock(&space->lock);
	done = brk_gva >= space->brk_start_gva && brk_gva < USER_END &&
	       brk_gva - space->brk_start_gva <= limit_of(RLIMIT_DATA);
	start = page_round_up(space->brk_gva);
	end = page_round_up(brk_gva);
	if (done && end > start)
		done = grow_heap(space, start, end);
	else if (done && end < start)
		done = !space_unmap_locked(space, end, start, &released);
	if (done)
		space->brk_gva = brk_gva;
	result = space->brk_gva;
	mutex_unlock(&space->lock);
	area_release(&released);
	return result;
}

/* Entries go from one place to another; a large page as 512 small ones. */
struct move {
	struct tables_visitor visitor;
	struct space *space;
	uint64_t by; /* is added to addresses */
	bool moved, no_memory;
};

static bool move_entry(struct tables_visitor *visitor, uint64_t gva, uint64_t *entry,
		       unsigned level)
{
	struct move *move = container_of(visitor, struct move, visitor);
	uint64_t *to;

	if (level) {
		move->no_memory = !tables_split(move->space, gva, entry);
		return false;
	}
	to = tables_make(move->space, gva + move->by, 0);
	move->no_memory = !to;
	if (!to)
		return false;
	*to = *entry;
	*entry = 0;
	move->moved = true;
	return true;
}

/* With the cache locked, nobody looks for a page that is at neither place. */
static int move_pages(struct vm_area *area, uint64_t from, uint64_t to, uint64_t bytes)
{
	struct space *space = area->space;
	struct move move = {.visitor.visit = move_entry, .space = space, .by = to - from};
	const uint64_t end = from + bytes;

	while (from < end && !move.no_memory) {
		const uint64_t stop = end - from > LARGE_PAGE_BYTES ? from + LARGE_PAGE_BYTES : end;
		const uint64_t outer = area->cache ? spin_lock(&area->cache->lock) : 0;
		const uint64_t flags = spin_lock(&space->tables);

		const uint64_t at = from;

		from = tables_walk(space, from, stop, &move.visitor);
		if (move.moved) /* before reclaim sees them at their new place, where alone it would flush */
			tlb_flush_range(space, at, stop);
		move.moved = false;
		spin_unlock(&space->tables, flags);
		if (area->cache)
			spin_unlock(&area->cache->lock, outer);
	}
	return move.no_memory ? -ENOMEM : 0;
}

/* A new area with what is at [gva, gva + old) now. */
static int64_t move_area(struct vm_area *area, uint64_t gva, uint64_t old_bytes, uint64_t new_gva,
			 uint64_t new_bytes, struct list *released)
{
	struct space *space = area->space;
	struct vm_area *copy = space->area_count < AREAS_MAX ? area_copy(area, space) : NULL;
	int error;

	if (!copy)
		return -ENOMEM;
	copy->first_index = area->cache ? area_index(area, gva) : 0;
	copy->start_gva = new_gva;
	copy->end_gva = new_gva + new_bytes;
	area_insert(copy);
	error = move_pages(area, gva, new_gva, old_bytes < new_bytes ? old_bytes : new_bytes);
	if (error) /* what has moved is lost with the new place, as it would be for want of memory later */
		space_unmap_locked(space, new_gva, new_gva + new_bytes, released);
	else
		error = space_unmap_locked(space, gva, gva + old_bytes, released);
	return error ? error : (int64_t)new_gva;
}

static int64_t remap_locked(struct space *space, uint64_t gva, uint64_t old_bytes,
			    uint64_t new_bytes, unsigned flags, uint64_t new_gva,
			    struct list *released)
{
	struct vm_area *area = area_find(space, gva);
	int error = 0;

	if (!area || area->start_gva > gva || area->end_gva - gva < old_bytes)
		return -EFAULT;
	if (new_bytes > old_bytes &&
	    (!limit_permits_pages(space, (new_bytes - old_bytes) / PAGE_BYTES) ||
	     (area->flags & MAP_LOCKED &&
	      !limit_permits_locked(space, (new_bytes - old_bytes) / PAGE_BYTES))))
		return area->flags & MAP_LOCKED ? -EAGAIN : -ENOMEM;
	if (flags & MREMAP_FIXED) {
		error = space_unmap_locked(space, new_gva, new_gva + new_bytes, released);
		if (error)
			return error;
		return move_area(area_find(space, gva), gva, old_bytes, new_gva, new_bytes,
				 released);
	}
	if (new_bytes <= old_bytes) {
		error = new_bytes < old_bytes ? space_unmap_locked(space, gva + new_bytes,
								   gva + old_bytes, released)
					      : 0;
		return error ? error : (int64_t)gva;
	}
	if (area->end_gva == gva + old_bytes && gva + new_bytes <= USER_END &&
	    is_free(space, area->end_gva, gva + new_bytes)) {
		area_move_borders(area, area->start_gva, gva + new_bytes);
		return (int64_t)gva;
	}
	new_gva = flags & MREMAP_MAYMOVE ? area_find_gap(space, 0, new_bytes) : 0;
	return new_gva ? move_area(area, gva, old_bytes, new_gva, new_bytes, released) : -ENOMEM;
}

int64_t space_remap(struct space *space, uint64_t gva, uint64_t old_bytes, uint64_t new_bytes,
		    unsigned flags, uint64_t new_gva)
{
	struct list released = LIST_EMPTY(released);
	int64_t result;

	old_bytes = page_round_up(old_bytes);
	new_bytes = page_round_up(new_bytes);
	if (flags & ~(MREMAP_MAYMOVE | MREMAP_FIXED) || !old_bytes || !new_bytes ||
	    new_bytes > USER_END || !space_range_is_valid(gva, old_bytes))
		return -EINVAL;
	if (flags & MREMAP_FIXED &&
	    (!(flags & MREMAP_MAYMOVE) || !space_range_is_valid(new_gva, new_bytes) ||
	     new_gva < USER_LOWEST || (new_gva < gva + old_bytes && gva < new_gva + new_bytes)))
		return -EINVAL;
	mutex_lock(&space->lock);
	result = remap_locked(space, gva, old_bytes, new_bytes, flags, new_gva, &released);
	mutex_unlock(&space->lock);
	area_release(&released);
	return result;
}

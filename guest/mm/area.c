/* SPDX-License-Identifier: MIT
 *
 * Areas in a tree by address. They never overlap, so order by start is order by end.
 */
#include "guest/mm/area.h"

#include "guest/fs/vfs.h"
#include "guest/lib/errno.h"
#include "guest/mm/shared.h"
#include "guest/mm/slab.h"

bool area_before(const struct tree_node *a, const struct tree_node *b)
{
	return area_of(a)->start_gva < area_of(b)->start_gva;
}

struct vm_area *area_find(struct space *space, uint64_t gva)
{
	struct vm_area *found = space->last_area;
	const struct tree_node *node = space->areas.root;

	if (found && gva >= found->start_gva && gva < found->end_gva)
		return found;
	found = NULL;
	while (node) {
		struct vm_area *area = area_of(node);

		if (gva < area->end_gva) {
			found = area;
			if (gva >= area->start_gva)
				break;
			node = node->left;
		} else {
			node = node->right;
		}
	}
	space->last_area = found;
	return found;
}

struct vm_area *area_copy(const struct vm_area *area, struct space *space)
{
	struct vm_area *copy = kmalloc(sizeof(*copy));

	if (!copy)
		return NULL;
	*copy = *area;
	copy->space = space;
	copy->by_address = (struct tree_node){0};
	list_init(&copy->in_cache);
	if (copy->file)
		file_get(copy->file);
	else if (copy->cache)
		shared_get(copy->cache);
	return copy;
}

/* An area has become larger, or smaller. */
static void count_pages(const struct vm_area *area, int64_t pages)
{
	area->space->mapped_pages += pages;
	if (area->flags & MAP_LOCKED)
		area->space->locked_pages += pages;
}

static int64_t pages_of(const struct vm_area *area)
{
	return (int64_t)((area->end_gva - area->start_gva) / PAGE_BYTES);
}

void area_insert(struct vm_area *area)
{
	struct space *space = area->space;

	tree_insert(&space->areas, &area->by_address);
	space->area_count++;
	count_pages(area, pages_of(area));
	if (area->cache) {
		const uint64_t flags = spin_lock(&area->cache->lock);

		list_add_last(&area->cache->areas, &area->in_cache);
		spin_unlock(&area->cache->lock, flags);
	}
}

void area_remove(struct vm_area *area, struct list *released)
{
	struct space *space = area->space;

	if (space->last_area == area)
		space->last_area = NULL;
	tree_remove(&space->areas, &area->by_address);
	space->area_count--;
	count_pages(area, -pages_of(area));
	if (area->cache) {
		const uint64_t flags = spin_lock(&area->cache->lock);

		list_remove(&area->in_cache);
		spin_unlock(&area->cache->lock, flags);
	}
	list_add_last(released, &area->in_cache);
}

void area_release(struct list *released)
{
	struct list *link;

	while ((link = list_pop(released))) {
		struct vm_area *area = container_of(link, struct vm_area, in_cache);

		if (area->file)
			file_put(area->file);
		else if (area->cache)
			shared_put(area->cache);
		kfree(area);
	}
}

/* The cache's lock keeps those away who look for a page's mappings. */
void area_move_borders(struct vm_area *area, uint64_t start_gva, uint64_t end_gva)
{
	const uint64_t index = area->first_index + (start_gva - area->start_gva) / PAGE_BYTES;
	const uint64_t flags = area->cache ? spin_lock(&area->cache->lock) : 0;

	count_pages(area, (int64_t)((end_gva - start_gva) / PAGE_BYTES) - pages_of(area));
	area->first_index = area->cache ? index : 0;
	area->start_gva = start_gva;
	area->end_gva = end_gva;
	if (area->cache)
		spin_unlock(&area->cache->lock, flags);
}

int area_split(struct vm_area *area, uint64_t gva)
{
	struct vm_area *upper = area->space->area_count < AREAS_MAX ? area_copy(area, area->space)
								    : NULL;

	if (!upper)
		return -ENOMEM;
	if (area->cache)
		upper->first_index = area_index(area, gva);
	upper->start_gva = gva;
	area_move_borders(area, area->start_gva, gva);
	area_insert(upper);
	return 0;
}

static bool can_merge(const struct vm_area *a, const struct vm_area *b)
{
	return a->end_gva == b->start_gva && a->protection == b->protection &&
	       a->flags == b->flags && a->file == b->file && a->cache == b->cache &&
	       a->label == b->label && a->huge == b->huge &&
	       (!a->cache || area_index(a, a->end_gva) == b->first_index);
}

void area_merge(struct space *space, uint64_t start_gva, uint64_t end_gva, struct list *released)
{
	struct vm_area *area = area_find(space, start_gva ? start_gva - 1 : 0), *next;

	while (area && area->start_gva <= end_gva && (next = area_next(area))) {
		if (!can_merge(area, next)) {
			area = next;
			continue;
		}
		area_remove(next, released);
		area_move_borders(area, area->start_gva, next->end_gva);
	}
}

/* Of what is free below limit, the highest address. */
static uint64_t gap_below(struct space *space, uint64_t limit, uint64_t bytes)
{
	struct vm_area *area = area_find(space, limit - 1);
	uint64_t high = limit;

	if (area && area->start_gva >= limit)
		area = area_previous(area);
	else if (!area)
		area = area_of(tree_last(&space->areas));
	for (;; area = area_previous(area)) {
		const uint64_t low = area ? area->end_gva : USER_LOWEST;

		if (high > low && high - low >= bytes) {
			const uint64_t large = (high - bytes) & ~(uint64_t)(LARGE_PAGE_BYTES - 1);

			return bytes >= LARGE_PAGE_BYTES && large >= low ? large : high - bytes;
		}
		if (!area)
			return 0;
		if (area->start_gva < high)
			high = area->start_gva;
		if (area->flags & MAP_GROWSDOWN)
			high = high > STACK_GUARD_BYTES ? high - STACK_GUARD_BYTES : 0;
	}
}

uint64_t area_find_gap(struct space *space, uint64_t wish_gva, uint64_t bytes)
{
	uint64_t gva;

	if (wish_gva >= USER_LOWEST && wish_gva < USER_END && bytes <= USER_END - wish_gva) {
		const struct vm_area *area = area_find(space, wish_gva);

		if (!area || area->start_gva >= wish_gva + bytes)
			return wish_gva;
	}
	gva = gap_below(space, space->mmap_base_gva, bytes);
	return gva ? gva : gap_below(space, USER_END, bytes);
}

/* Makes gva a border if it is inside of an area. 0 or -ENOMEM. */
static int cut_at(struct space *space, uint64_t gva)
{
	struct vm_area *area = area_find(space, gva);

	return area && area->start_gva < gva ? area_split(area, gva) : 0;
}

int area_cut(struct space *space, uint64_t start_gva, uint64_t end_gva)
{
	const int error = cut_at(space, start_gva);

	return error ? error : cut_at(space, end_gva);
}

void area_remove_all(struct space *space, uint64_t start_gva, uint64_t end_gva,
		     struct list *released)
{
	struct vm_area *area = area_find(space, start_gva), *next;

	for (; area && area->start_gva < end_gva; area = next) {
		next = area_next(area);
		area_remove(area, released);
	}
}

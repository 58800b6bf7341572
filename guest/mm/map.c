/* SPDX-License-Identifier: MIT
 *
 * mmap(2), munmap(2), mprotect(2) and moving, for any space.
 */
#include "guest/mm/map.h"
#include "guest/arch/tlb.h"
#include "guest/fs/vfs.h"
#include "guest/lib/errno.h"
#include "guest/mm/limits.h"
#include "guest/mm/shared.h"
#include "guest/mm/slab.h"
#include "guest/mm/space_pages.h"
#include "guest/mm/tables.h"

#define KEPT_FLAGS \
	(MAP_SHARED | MAP_PRIVATE | MAP_GROWSDOWN | MAP_LOCKED | MAP_STACK | MAP_NORESERVE)

bool space_range_is_valid(uint64_t gva, uint64_t bytes)
{
	return gva % PAGE_BYTES == 0 && gva <= USER_END && bytes <= USER_END - gva;
}

/* Tables that serve no area any more. */
static void prune(struct space *space, uint64_t start_gva, uint64_t end_gva)
{
	const struct vm_area *above = area_find(space, start_gva), *below;
	const uint64_t mask = LARGE_PAGE_BYTES - 1;
	uint64_t gva = start_gva & ~mask, end = (end_gva + mask) & ~mask;
	struct list freed = LIST_EMPTY(freed), *link;

	below = above ? area_previous(above) : area_of(tree_last(&space->areas));
	if (below && gva < below->end_gva)
		gva += LARGE_PAGE_BYTES;
	if (above && end > above->start_gva)
		end -= LARGE_PAGE_BYTES;
	while (gva < end) {
		const uint64_t flags = spin_lock(&space->tables);

		gva = tables_prune(space, gva, end, &freed);
		spin_unlock(&space->tables, flags);
	}
	if (!list_is_empty(&freed))
		tlb_flush_range(space, start_gva, end_gva);
	while ((link = list_pop(&freed)))
		page_put(container_of(link, struct page, lru));
}

int space_unmap_locked(struct space *space, uint64_t start_gva, uint64_t end_gva,
		       struct list *released)
{
	const struct vm_area *area = area_find(space, start_gva);
	int error;

	if (!area || area->start_gva >= end_gva)
		return 0;
	error = area_cut(space, start_gva, end_gva);
	if (!error)
		error = space_zap(space, start_gva, end_gva);
	if (error) /* the areas are there still: a page that no area tells of would never be given back */
		return error;
	area_remove_all(space, start_gva, end_gva, released);
	prune(space, start_gva, end_gva);
	return 0;
}

int space_unmap(struct space *space, uint64_t gva, uint64_t bytes)
{
	struct list released = LIST_EMPTY(released);
	int error;

	bytes = page_round_up(bytes);
	if (!bytes || !space_range_is_valid(gva, bytes))
		return -EINVAL;
	mutex_lock(&space->lock);
	error = space_unmap_locked(space, gva, gva + bytes, &released);
	mutex_unlock(&space->lock);
	area_release(&released);
	return error;
}

/* What the file's way of being open permits. */
static int check_file(const struct file *file, unsigned protection, unsigned flags)
{
	const unsigned mode = file->flags & O_ACCMODE;

	if (mode == O_WRONLY || file->flags & O_PATH)
		return -EACCES;
	if (flags & MAP_SHARED && protection & PROT_WRITE && mode != O_RDWR)
		return -EACCES;
	if (!file->operations->map && (!file->inode || !file->inode->cache.operations))
		return -ENODEV;
	return 0;
}

static int check(const struct space *space, uint64_t wish_gva, uint64_t bytes, unsigned protection,
		 unsigned flags, const struct file *file, uint64_t offset)
{
	const unsigned kind = flags & (MAP_SHARED | MAP_PRIVATE);

	if (!bytes || !kind || offset % PAGE_BYTES || protection & ~7u)
		return -EINVAL;
	if (bytes > USER_END || offset + bytes < offset)
		return bytes > USER_END ? -ENOMEM : -EOVERFLOW;
	if (flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)) {
		if (wish_gva % PAGE_BYTES)
			return -EINVAL;
		if (!space_range_is_valid(wish_gva, bytes))
			return -ENOMEM;
		if (wish_gva < USER_LOWEST)
			return -EPERM;
	}
	if (!limit_permits_pages(space, bytes / PAGE_BYTES))
		return -ENOMEM;
	if (flags & MAP_LOCKED && !limit_permits_locked(space, bytes / PAGE_BYTES))
		return -EAGAIN;
	return file ? check_file(file, protection, flags) : 0;
}

/* What backs the area. */
static int connect(struct vm_area *area, struct file *file)
{
	if (file) {
		area->cache = &file->inode->cache;
		if (file->operations->map) {
			const int error = file->operations->map(file, area);

			if (error)
				return error;
		}
		area->file = file_get(file);
	} else if (area_is_shared(area)) {
		area->cache = shared_create();
		if (!area->cache)
			return -ENOMEM;
	}
	return 0;
}

/* Chooses the place, and makes it free if it was asked for. */
static int64_t choose(struct space *space, uint64_t wish_gva, uint64_t bytes, unsigned flags,
		      struct list *released)
{
	const struct vm_area *there;
	int error = 0;

	if (flags & MAP_FIXED_NOREPLACE) {
		there = area_find(space, wish_gva);
		if (there && there->start_gva < wish_gva + bytes)
			error = -EEXIST;
	} else if (flags & MAP_FIXED) {
		error = space_unmap_locked(space, wish_gva, wish_gva + bytes, released);
	} else {
		wish_gva = area_find_gap(space, wish_gva & ~(uint64_t)(PAGE_BYTES - 1), bytes);
		error = wish_gva ? 0 : -ENOMEM;
	}
	return error ? error : (int64_t)wish_gva;
}

/* The area may have become part of another one afterwards. */
static int64_t map_locked(struct vm_area *area, uint64_t wish_gva, uint64_t bytes, unsigned flags,
			  struct list *released)
{
	struct space *space = area->space;
	const int64_t gva = space->area_count < AREAS_MAX
				    ? choose(space, wish_gva, bytes, flags, released)
				    : -ENOMEM;

	if (gva < 0)
		return gva;
	area->start_gva = gva;
	area->end_gva = gva + bytes;
	area_insert(area);
	area_merge(space, gva, gva + bytes, released);
	if (flags & (MAP_LOCKED | MAP_POPULATE))
		space_populate(space, gva, gva + bytes);
	return gva;
}

int64_t space_map(struct space *space, uint64_t wish_gva, uint64_t bytes, unsigned protection,
		  unsigned flags, struct file *file, uint64_t offset)
{
	struct list released = LIST_EMPTY(released);
	struct vm_area *area;
	int64_t result;

	bytes = page_round_up(bytes);
	if (space->lock_future)
		flags |= MAP_LOCKED;
	result = check(space, wish_gva, bytes, protection, flags, file, offset);
	if (result)
		return result;
	area = kmalloc(sizeof(*area));
	if (!area)
		return -ENOMEM;
	area->space = space;
	area->protection = protection;
	area->flags = flags & KEPT_FLAGS;
	area->huge = flags & MAP_HUGETLB ? HUGE_ALWAYS : HUGE_AUTO;
	area->first_index = file ? offset / PAGE_BYTES : 0;
	list_init(&area->in_cache);
	result = connect(area, file);
	if (!result) {
		mutex_lock(&space->lock);
		result = map_locked(area, wish_gva, bytes, flags, &released);
		mutex_unlock(&space->lock);
	} else {
		area->cache = NULL; /* it has no reference */
	}
	if (result < 0)
		list_add_last(&released, &area->in_cache);
	area_release(&released);
	return result;
}

int space_populate(struct space *space, uint64_t start_gva, uint64_t end_gva)
{
	struct vm_area *area = area_find(space, start_gva);
	uint64_t gva = start_gva;
	int error = 0;

	for (; area && area->start_gva < end_gva; area = area_next(area)) {
		const uint64_t stop = area->end_gva < end_gva ? area->end_gva : end_gva;
		const bool write = area->protection & PROT_WRITE && !area_is_shared(area);
		const enum space_access access = write ? SPACE_WRITE : SPACE_READ;

		if (gva < area->start_gva)
			gva = area->start_gva;
		for (; area->protection && gva < stop && !error; gva += PAGE_BYTES)
			error = process_this()->exiting
					? -EINTR
					: space_fault_locked(space, gva, access, false);
	}
	return error;
}

/* Entries become what the area's new protection permits; a write that needs a copy faults as before. */
struct protect {
	struct tables_visitor visitor;
	struct space *space;
	uint64_t start, end, clear, set;
	bool flush; /* something was permitted that no longer is */
	bool no_memory;
};

static bool protect_entry(struct tables_visitor *visitor, uint64_t gva, uint64_t *entry,
			  unsigned level)
{
	struct protect *protect = container_of(visitor, struct protect, visitor);

	if (!(*entry & PTE_PRESENT))
		return true;
	if (level && (gva < protect->start || gva + LARGE_PAGE_BYTES > protect->end)) {
		protect->no_memory = !tables_split(protect->space, gva, entry);
		return false;
	}
	protect->flush |= *entry & protect->clear & ~PTE_NX || protect->set & ~*entry & PTE_NX;
	*entry = (*entry & ~protect->clear) | protect->set;
	return true;
}

static int protect_pages(struct space *space, uint64_t start_gva, uint64_t end_gva,
			 unsigned protection)
{
	struct protect protect = {
		.visitor.visit = protect_entry, .space = space, .start = start_gva, .end = end_gva};
	uint64_t at = start_gva;

	*(protection & PROT_EXEC ? &protect.clear : &protect.set) |= PTE_NX;
	*(protection ? &protect.set : &protect.clear) |= PTE_USER;
	if (!(protection & PROT_WRITE))
		protect.clear |= PTE_WRITE;
	while (at < end_gva && !protect.no_memory) {
		const uint64_t flags = spin_lock(&space->tables);

		at = tables_walk(space, at, end_gva, &protect.visitor);
		spin_unlock(&space->tables, flags);
	}
	if (protect.flush)
		tlb_flush_range(space, start_gva, end_gva);
	return protect.no_memory ? -ENOMEM : 0;
}

static int protect_area(struct vm_area *area, unsigned protection)
{
	if (area->protection == protection)
		return 0;
	if (area->file && area_is_shared(area) && protection & PROT_WRITE &&
	    (area->file->flags & O_ACCMODE) != O_RDWR)
		return -EACCES;
	area->protection = protection;
	return protect_pages(area->space, area->start_gva, area->end_gva, protection);
}

int space_for_areas(struct space *space, uint64_t start_gva, uint64_t end_gva,
		    int (*change)(struct vm_area *area, unsigned how), unsigned how)
{
	struct list released = LIST_EMPTY(released);
	struct vm_area *area;
	uint64_t gva = start_gva;
	int error = 0;

	mutex_lock(&space->lock);
	for (area = area_find(space, gva); !error && gva < end_gva; area = area_next(area)) {
		if (!area || area->start_gva > gva) {
			error = -ENOMEM; /* a hole */
			break;
		}
		if (area->start_gva < gva) {
			error = area_split(area, gva);
			if (error)
				break;
			area = area_next(area);
		}
		if (area->end_gva > end_gva)
			error = area_split(area, end_gva);
		gva = area->end_gva;
		if (!error)
			error = change(area, how);
	}
	area_merge(space, start_gva, end_gva, &released);
	mutex_unlock(&space->lock);
	area_release(&released);
	return error;
}

int space_protect(struct space *space, uint64_t gva, uint64_t bytes, unsigned protection)
{
	bytes = page_round_up(bytes);
	if (gva % PAGE_BYTES || protection & ~7u)
		return -EINVAL;
	if (!space_range_is_valid(gva, bytes))
		return -ENOMEM;
	return space_for_areas(space, gva, gva + bytes, protect_area, protection);
}

void space_label(struct space *space, uint64_t gva, const char *label)
{
	struct vm_area *area;

	mutex_lock(&space->lock);
	area = area_find(space, gva);
	if (area && gva >= area->start_gva)
		area->label = label;
	mutex_unlock(&space->lock);
}

/* SPDX-License-Identifier: MIT
 *
 * Of each area that has the page in its range, the entry at that place either maps the page or something
 * else. Order of locks: cache->lock, then space->tables. Flushes, which take long, come without them.
 */
#include "guest/mm/rmap.h"

#include "guest/arch/tlb.h"
#include "guest/mm/space_pages.h"
#include "guest/mm/tables.h"

/* What to do with an entry: its new value. */
typedef uint64_t change_entry(uint64_t entry);

static uint64_t unmapped(uint64_t entry)
{
	(void)entry;
	return 0;
}

static uint64_t read_only(uint64_t entry)
{
	return entry & ~(uint64_t)PTE_WRITE;
}

static uint64_t unused(uint64_t entry)
{
	return entry & ~(uint64_t)PTE_ACCESSED;
}

/* Whether the entry for gva mapped page and was changed. */
static bool change_in(struct space *space, uint64_t gva, const struct page *page,
		      change_entry *change)
{
	const uint64_t flags = spin_lock(&space->tables);
	unsigned level;
	uint64_t *entry = tables_find(space, gva, &level), changed;
	bool done = false;

	if (entry && !level && *entry & PTE_PRESENT && pte_page(*entry) == page) {
		changed = change(*entry);
		done = changed != *entry;
		*entry = changed;
		space->resident -= !changed;
	}
	spin_unlock(&space->tables, flags);
	return done;
}

/* Changes one entry: where it was, with a reference to the space unless that is ending. false: there is
 * none left to be changed. */
static bool change_one(struct page_cache *cache, const struct page *page, uint64_t index,
		       change_entry *change, struct space **space, uint64_t *gva)
{
	const uint64_t flags = spin_lock(&cache->lock);
	bool done = false;

	list_for_each(link, &cache->areas)
	{
		const struct vm_area *area = container_of(link, struct vm_area, in_cache);
		const uint64_t pages = (area->end_gva - area->start_gva) / PAGE_BYTES;

		if (index - area->first_index >= pages) /* also if it is before: unsigned */
			continue;
		*gva = area->start_gva + (index - area->first_index) * PAGE_BYTES;
		done = change_in(area->space, *gva, page, change);
		if (done) {
			*space = space_try_get(area->space) ? area->space : NULL;
			break;
		}
	}
	spin_unlock(&cache->lock, flags);
	return done;
}

static bool change_all(struct page_cache *cache, const struct page *page, uint64_t index,
		       change_entry *change)
{
	struct space *space;
	bool any = false;
	uint64_t gva;

	while (page->mapped && change_one(cache, page, index, change, &space, &gva)) {
		any = true;
		if (!space)
			continue;
		tlb_flush_range(space, gva, gva + PAGE_BYTES);
		space_put(space);
	}
	return any;
}

void rmap_unmap(struct page_cache *cache, struct page *page, uint64_t index)
{
	struct space *space;
	uint64_t gva;

	while (page->mapped && change_one(cache, page, index, unmapped, &space, &gva)) {
		if (space) {
			tlb_flush_range(space, gva, gva + PAGE_BYTES);
			space_put(space);
		}
		__atomic_fetch_sub(&page->mapped, 1, __ATOMIC_RELAXED);
		page_put(page);
	}
}

void rmap_protect(struct page_cache *cache, struct page *page, uint64_t index)
{
	change_all(cache, page, index, read_only);
}

bool rmap_was_used(struct page_cache *cache, struct page *page, uint64_t index)
{
	return change_all(cache, page, index, unused);
}

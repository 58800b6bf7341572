/* SPDX-License-Identifier: MIT
 *
 * Every table but the PML4 is listed in space->table_list by its struct page, so that freeing all of them
 * takes no look inside. Intel SDM vol. 3 §4.5.
 */
#include "guest/mm/tables.h"

#include "guest/arch/tlb.h"
#include "guest/lib/string.h"

#define TABLES_AT_ONCE 12 /* > 3: a walk that goes on enters that many before it gets on */
#define LOOKS_AT_ONCE 1024
#define TABLE_FLAGS (PTE_PRESENT | PTE_WRITE | PTE_USER | PTE_ACCESSED_DIRTY)

static unsigned slot(uint64_t gva, unsigned level)
{
	return gva >> (12 + 9 * level) & 511;
}

static uint64_t span_of(unsigned level)
{
	return 1ull << (12 + 9 * level);
}

static uint64_t *table_of(uint64_t entry)
{
	return direct(entry & PTE_ADDRESS);
}

uint64_t *tables_find(const struct space *space, uint64_t gva, unsigned *level)
{
	uint64_t *table = space->pml4, entry;

	entry = table[slot(gva, 3)];
	if (!entry)
		return NULL;
	entry = table_of(entry)[slot(gva, 2)];
	if (!entry)
		return NULL;
	table = &table_of(entry)[slot(gva, 1)];
	if (!*table)
		return NULL;
	*level = *table & PTE_LARGE ? 1 : 0;
	return *level ? table : &table_of(*table)[slot(gva, 0)];
}

static uint64_t table_create(struct space *space)
{
	struct page *page = page_alloc(0, PAGE_ATOMIC | PAGE_ZEROED);

	if (!page)
		return 0;
	list_add_first(&space->table_list, &page->lru);
	space->table_pages++;
	page_count(page_tables, 1);
	return page_gpa(page) | TABLE_FLAGS;
}

uint64_t *tables_make(struct space *space, uint64_t gva, unsigned level)
{
	uint64_t *at = &space->pml4[slot(gva, 3)];

	for (unsigned here = 3; here > level; here--) {
		if (!*at)
			*at = table_create(space);
		if (!*at)
			return NULL;
		at = &table_of(*at)[slot(gva, here - 1)];
	}
	return at;
}

static uint64_t walk(uint64_t *table, unsigned level, uint64_t start, uint64_t end,
		     struct tables_visitor *visitor)
{
	const uint64_t span = span_of(level);
	uint64_t *entry = &table[slot(start, level)];

	for (uint64_t gva = start, next; gva < end; gva = next, entry++) {
		next = (gva & ~(span - 1)) + span;
		if (!*entry)
			continue;
		if (level && !(*entry & PTE_LARGE)) {
			const uint64_t stop = next < end ? next : end;
			const uint64_t at = visitor->tables++ < TABLES_AT_ONCE
						    ? walk(table_of(*entry), level - 1, gva, stop,
							   visitor)
						    : gva;

			if (at < stop)
				return at;
		} else if (!visitor->visit(visitor, level ? gva & ~(span - 1) : gva, entry,
					   level)) {
			return gva;
		}
	}
	return end;
}

uint64_t tables_walk(struct space *space, uint64_t start_gva, uint64_t end_gva,
		     struct tables_visitor *visitor)
{
	visitor->tables = 0;
	return walk(space->pml4, 3, start_gva, end_gva, visitor);
}

static void take_out(struct space *space, uint64_t *entry, struct list *freed)
{
	struct page *page = pte_page(*entry);

	*entry = 0;
	list_remove(&page->lru);
	list_add_last(freed, &page->lru);
	space->table_pages--;
	page_count(page_tables, -1);
}

/* Tables of levels 1 and 2 stay: one of them serves a GiB and more. */
uint64_t tables_prune(struct space *space, uint64_t start_gva, uint64_t end_gva, struct list *freed)
{
	uint64_t gva = start_gva;

	for (unsigned looks = 0; gva < end_gva && looks < LOOKS_AT_ONCE; looks++) {
		uint64_t *at = &space->pml4[slot(gva, 3)];
		unsigned level = 3;

		while (*at && level > 1)
			at = &table_of(*at)[slot(gva, --level)];
		if (*at && !(*at & PTE_LARGE))
			take_out(space, at, freed);
		gva = (gva & ~(span_of(level) - 1)) + span_of(level);
	}
	return gva;
}

void tables_free(struct space *space)
{
	struct list *link;

	page_count(page_tables, -space->table_pages);
	space->table_pages = 0;
	while ((link = list_pop(&space->table_list)))
		page_put(container_of(link, struct page, lru));
}

bool tables_split(struct space *space, uint64_t gva, uint64_t *entry)
{
	const uint64_t table = table_create(space), old = *entry;
	struct page *page = pte_page(old);

	(void)gva;
	if (!table)
		return false;
	page_split(page);
	for (unsigned i = 0; i < 512; i++) {
		page[i].flags = PAGE_ANONYMOUS;
		table_of(table)[i] = (old & ~(uint64_t)PTE_LARGE) + i * PAGE_BYTES;
	}
	*entry = table;
	page_count(huge_splits, 1);
	return true;
}

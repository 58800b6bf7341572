/* SPDX-License-Identifier: MIT
 *
 * The page tables of a space's user half. space->tables is held, or nobody else knows the space.
 */
#ifndef GUEST_MM_TABLES_H
#define GUEST_MM_TABLES_H

#include <stdbool.h>
#include <stdint.h>

#include "guest/mm/layout.h"
#include "guest/mm/page.h"
#include "guest/mm/space.h"

/* An entry that isn't 0 but not present is a swap slot: slot << 12. */
#define PTE_ADDRESS 0x000ffffffffff000ull
#define PTE_LOCKED_MEMORY 0x400 /* for software: not to be swapped */

static inline struct page *pte_page(uint64_t entry)
{
	return page_of(entry & PTE_ADDRESS);
}

/* The entry that decides about gva: level 0, or 1 for a large page (*level says). NULL: no table, and so
 * nothing there. */
uint64_t *tables_find(const struct space *space, uint64_t gva, unsigned *level);

/* The entry of that level for gva, with the tables above it. NULL: no memory. Never sleeps. A large page
 * that is in the way of level 0 is a bug of the caller. */
uint64_t *tables_make(struct space *space, uint64_t gva, unsigned level);

/* Calls visit for each entry of [start, end) that isn't 0, in order; false ends the walk, which returns
 * where. So does a walk through many tables, that interrupts may come: the caller unlocks, and goes on from
 * there. Else it returns end. */
struct tables_visitor {
	bool (*visit)(struct tables_visitor *visitor, uint64_t gva, uint64_t *entry,
		      unsigned level);
	unsigned tables; /* for the walk: entered so far */
};
uint64_t tables_walk(struct space *space, uint64_t start_gva, uint64_t end_gva,
		     struct tables_visitor *visitor);

/* Takes tables of level 0 out that lie in [start, end), multiples of what one of them serves; all their
 * entries are 0. Their struct page join freed, to be put after a flush. Returns where it stopped, as
 * tables_walk() does. */
uint64_t tables_prune(struct space *space, uint64_t start_gva, uint64_t end_gva,
		      struct list *freed);

/* Frees all, when no CPU uses the space. Pages are no concern of this. */
void tables_free(struct space *space);

/* Replaces the large page at *entry by a table of 512 single pages. false: no memory. */
bool tables_split(struct space *space, uint64_t gva, uint64_t *entry);

#endif

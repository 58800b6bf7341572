/* SPDX-License-Identifier: MIT
 *
 * The clock (second chance): the hand goes round all page tables of all spaces. A page that was used since
 * it came by last loses its accessed bit; one that was not goes to swap.
 */
#include "guest/mm/swap_out.h"

#include "guest/arch/tlb.h"
#include "guest/mm/space_pages.h"
#include "guest/mm/swap.h"
#include "guest/mm/tables.h"

#define BATCH 32
#define LOOKS 1024 /* entries in one go, with the tables locked */

struct hand {
	struct tables_visitor visitor;
	struct space *space;
	struct page *page[BATCH];
	unsigned count, looks;
	uint64_t from, to; /* of the entries that were taken */
};

static bool look(struct tables_visitor *visitor, uint64_t gva, uint64_t *entry, unsigned level)
{
	struct hand *hand = container_of(visitor, struct hand, visitor);
	struct page *page;
	uint64_t swapped;

	if (hand->count == BATCH || ++hand->looks > LOOKS)
		return false;
	if (!(*entry & PTE_PRESENT) || *entry & PTE_LOCKED_MEMORY)
		return true;
	page = pte_page(*entry);
	if (!(page->flags & PAGE_ANONYMOUS) || page->flags & PAGE_LOCKED)
		return true;
	if (*entry & PTE_ACCESSED) {
		*entry &= ~(uint64_t)PTE_ACCESSED;
		return true;
	}
	if (level) /* and then its parts, the next time round */
		return tables_split(hand->space, gva, entry);
	swapped = swap_add(page);
	if (!swapped)
		return true; /* swap is full, but others may have a slot already */
	*entry = swapped;
	hand->space->resident--;
	hand->space->swapped++;
	hand->from = hand->count ? hand->from : gva;
	hand->to = gva + PAGE_BYTES;
	hand->page[hand->count++] = page;
	return true;
}

static unsigned write_and_free(struct hand *hand)
{
	unsigned freed = 0;

	while (hand->count) {
		struct page *page = hand->page[--hand->count];

		if (!swap_write(page))
			freed++; /* or nearer to that, if another space has it too */
		swap_drop(page);
		page_put(page);
	}
	return freed;
}

/* The hand's way through one space: how many were freed. */
static unsigned swap_out_of(struct space *space)
{
	struct hand hand = {.visitor.visit = look, .space = space};
	const uint64_t flags = spin_lock(&space->tables);
	const uint64_t start = space->reclaim_at < USER_END ? space->reclaim_at : 0;

	space->reclaim_at = tables_walk(space, start, USER_END, &hand.visitor);
	if (hand.count) /* with the tables locked: a fault must not copy what another CPU still writes to */
		tlb_flush_range(space, hand.from, hand.to);
	spin_unlock(&space->tables, flags);
	return write_and_free(&hand);
}

/* The next space, referenced, which goes to the end of the list. */
static struct space *next_space(void)
{
	const uint64_t flags = spin_lock(&space_all_lock);
	struct space *space = NULL;
	struct list *link = space_all.next;

	if (link != &space_all) {
		list_remove(link);
		list_add_last(&space_all, link);
		space = container_of(link, struct space, in_all);
		space = space_try_get(space) ? space : NULL;
	}
	spin_unlock(&space_all_lock, flags);
	return space;
}

static unsigned count_spaces(void)
{
	const uint64_t flags = spin_lock(&space_all_lock);
	unsigned count = 0;

	list_for_each(link, &space_all) count++;
	spin_unlock(&space_all_lock, flags);
	return count;
}

unsigned swap_out(unsigned want)
{
	unsigned freed = 0;

	/* Twice round, and more than once through a large one: the first time only clears bits. */
	for (unsigned tries = 4 * count_spaces(); tries && freed < want && page_counters.swap_total;
	     tries--) {
		struct space *space = next_space();

		if (!space)
			continue;
		freed += swap_out_of(space);
		space_put(space);
	}
	page_count(reclaimed, freed);
	return freed;
}

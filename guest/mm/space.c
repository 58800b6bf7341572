/* SPDX-License-Identifier: MIT
 *
 * Spaces as wholes: made, copied, switched to, given back. Taking pages out of them is here too.
 */
#include "guest/mm/space.h"

#include "guest/arch/cpu.h"
#include "guest/arch/insn.h"
#include "guest/arch/tlb.h"
#include "guest/fs/vfs.h"
#include "guest/lib/errno.h"
#include "guest/lib/string.h"
#include "guest/mm/area.h"
#include "guest/mm/oom.h"
#include "guest/mm/slab.h"
#include "guest/mm/space_pages.h"
#include "guest/mm/swap.h"
#include "guest/mm/tables.h"

#define GATHER_MAX 64

struct list space_all = LIST_EMPTY(space_all);
struct spinlock space_all_lock;

static struct space *create(void)
{
	struct space *space = kmalloc(sizeof(*space));

	if (!space)
		return NULL;
	space->pml4 = paging_create_space();
	if (!space->pml4) {
		kfree(space);
		return NULL;
	}
	space->refs = 1;
	mutex_init(&space->lock);
	space->areas.before = area_before;
	space->mmap_base_gva = USER_END - (64ull << 20);
	list_init(&space->table_list);
	list_init(&space->in_all);
	return space;
}

/* From here on reclaim may look into it. */
static struct space *publish(struct space *space)
{
	const uint64_t flags = spin_lock(&space_all_lock);

	list_add_last(&space_all, &space->in_all);
	spin_unlock(&space_all_lock, flags);
	return space;
}

struct space *space_create(void)
{
	struct space *space = create();

	return space ? publish(space) : NULL;
}

struct space *space_get(struct space *space)
{
	__atomic_fetch_add(&space->refs, 1, __ATOMIC_RELAXED);
	return space;
}

bool space_try_get(struct space *space)
{
	uint32_t refs = __atomic_load_n(&space->refs, __ATOMIC_RELAXED);

	while (refs)
		if (__atomic_compare_exchange_n(&space->refs, &refs, refs + 1, false,
						__ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
			return true;
	return false;
}

void space_put(struct space *space)
{
	struct list released = LIST_EMPTY(released);
	struct tree_node *node;
	uint64_t flags;

	if (__atomic_sub_fetch(&space->refs, 1, __ATOMIC_ACQ_REL))
		return;
	flags = spin_lock(&space_all_lock);
	list_remove(&space->in_all);
	spin_unlock(&space_all_lock, flags);
	while ((node = space->areas.first)) {
		space_zap(space, area_of(node)->start_gva, area_of(node)->end_gva);
		area_remove(area_of(node), &released);
	}
	area_release(&released);
	if (space->executable)
		file_put(space->executable);
	tables_free(space);
	page_put(page_of((uint64_t)space->pml4 - DIRECT_BASE));
	if (space->doomed)
		oom_victim_gone();
	kfree(space);
}

void space_switch(struct space *from, struct space *to)
{
	const uint64_t bit = 1ull << (cpu_this()->index & 63);

	if (from == to)
		return;
	if (to)
		__atomic_fetch_or(&to->running_on, bit, __ATOMIC_SEQ_CST);
	cr3_write(paging_root(to ? to->pml4 : kernel_pml4));
	if (from)
		__atomic_fetch_and(&from->running_on, ~bit, __ATOMIC_SEQ_CST);
}

/* Pages that are out of the tables, but may be in TLBs still. */
struct gather {
	struct tables_visitor visitor;
	struct space *space;
	uint64_t start, end; /* all of this is to go */
	struct page *page[GATHER_MAX];
	unsigned count;
	bool no_memory;
};

static bool zap_entry(struct tables_visitor *visitor, uint64_t gva, uint64_t *entry, unsigned level)
{
	struct gather *gather = container_of(visitor, struct gather, visitor);
	struct space *space = gather->space;
	struct page *page;

	if (gather->count == GATHER_MAX)
		return false;
	if (!(*entry & PTE_PRESENT)) {
		swap_entry_put(*entry);
		space->swapped--;
		*entry = 0;
		return true;
	}
	if (level && (gva < gather->start || gva + LARGE_PAGE_BYTES > gather->end)) {
		gather->no_memory = !tables_split(space, gva, entry);
		return false; /* and again, from here */
	}
	page = pte_page(*entry);
	*entry = 0;
	if (!(page->flags & PAGE_ANONYMOUS))
		__atomic_fetch_sub(&page->mapped, 1, __ATOMIC_RELAXED);
	space->resident -= level ? 512 : 1;
	gather->page[gather->count++] = page;
	return true;
}

int space_zap(struct space *space, uint64_t start_gva, uint64_t end_gva)
{
	struct gather gather = {
		.visitor.visit = zap_entry, .space = space, .start = start_gva, .end = end_gva};
	uint64_t from = start_gva;

	while (from < end_gva && !gather.no_memory) {
		const uint64_t flags = spin_lock(&space->tables);
		const uint64_t to = tables_walk(space, from, end_gva, &gather.visitor);

		spin_unlock(&space->tables, flags);
		if (gather.count)
			tlb_flush_range(space, start_gva, to);
		while (gather.count)
			space_put_page(gather.page[--gather.count]);
		from = to;
	}
	return gather.no_memory ? -ENOMEM : 0;
}

/* Entries of a parent become the child's as well. */
struct fork {
	struct tables_visitor visitor;
	struct space *parent, *child;
	uint64_t *table, table_gva; /* of the child, for the 2 MiB at table_gva */
	bool protected, no_memory;
};

static bool fork_entry(struct tables_visitor *visitor, uint64_t gva, uint64_t *entry,
		       unsigned level)
{
	struct fork *fork = container_of(visitor, struct fork, visitor);
	struct page *page = *entry & PTE_PRESENT ? pte_page(*entry) : NULL;

	if (page && !(page->flags & PAGE_ANONYMOUS))
		return true; /* a fault finds it again */
	if (level) {
		fork->no_memory = !tables_split(fork->parent, gva, entry);
		return false;
	}
	if (gva - fork->table_gva >= LARGE_PAGE_BYTES || !fork->table) {
		fork->table_gva = gva & ~(uint64_t)(LARGE_PAGE_BYTES - 1);
		fork->table = tables_make(fork->child, fork->table_gva, 0);
		fork->no_memory = !fork->table;
		if (fork->no_memory)
			return false;
	}
	if (!page) {
		swap_entry_get(*entry);
		fork->child->swapped++;
	} else {
		page_get(page);
		fork->child->resident++;
		fork->protected |= *entry & PTE_WRITE;
		*entry &= ~(uint64_t)PTE_WRITE;
	}
	fork->table[(gva - fork->table_gva) / PAGE_BYTES] = *entry & ~(uint64_t)PTE_LOCKED_MEMORY;
	return true;
}

static int fork_pages(struct space *parent, struct fork *fork, const struct vm_area *area)
{
	uint64_t gva = area->start_gva;

	if (area_is_shared(area))
		return 0;
	while (gva < area->end_gva && !fork->no_memory) {
		const uint64_t flags = spin_lock(&parent->tables);

		gva = tables_walk(parent, gva, area->end_gva, &fork->visitor);
		spin_unlock(&parent->tables, flags);
	}
	return fork->no_memory ? -ENOMEM : 0;
}

static int fork_areas(struct space *parent, struct space *child)
{
	struct fork fork = {.visitor.visit = fork_entry, .parent = parent, .child = child};
	int error = 0;

	for (struct vm_area *area = area_of(parent->areas.first); area && !error;
	     area = area_next(area)) {
		struct vm_area *copy = area_copy(area, child);

		if (!copy) {
			error = -ENOMEM;
			break;
		}
		copy->flags &= ~MAP_LOCKED;
		area_insert(copy);
		error = fork_pages(parent, &fork, area);
	}
	if (fork.protected)
		tlb_flush_range(parent, USER_LOWEST, USER_END);
	return error;
}

struct space *space_fork(struct space *from)
{
	struct space *space = create();
	int error;

	if (!space)
		return NULL;
	mutex_lock(&from->lock);
	space->brk_start_gva = from->brk_start_gva;
	space->brk_gva = from->brk_gva;
	space->mmap_base_gva = from->mmap_base_gva;
	space->stack_gva = from->stack_gva;
	space->arguments_gva = from->arguments_gva;
	space->arguments_end_gva = from->arguments_end_gva;
	space->environment_gva = from->environment_gva;
	space->environment_end_gva = from->environment_end_gva;
	memcpy(space->auxv, from->auxv, sizeof(space->auxv));
	space->executable = from->executable ? file_get(from->executable) : NULL;
	error = fork_areas(from, space);
	space->resident_peak = space->resident;
	mutex_unlock(&from->lock);
	if (!error)
		return publish(space);
	space_put(space);
	return NULL;
}

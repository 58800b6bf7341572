/* SPDX-License-Identifier: MIT
 *
 * swapoff(2): each space in turn has its pages read back by faults of ours.
 */
#include "guest/fs/vfs.h"
#include "guest/lib/errno.h"
#include "guest/mm/space_pages.h"
#include "guest/mm/swap.h"
#include "guest/mm/tables.h"

struct search {
	struct tables_visitor visitor;
	bool found;
};

static bool stop_at_swapped(struct tables_visitor *visitor, uint64_t gva, uint64_t *entry,
			    unsigned level)
{
	struct search *search = container_of(visitor, struct search, visitor);

	(void)gva, (void)level;
	search->found = !(*entry & PTE_PRESENT);
	return !search->found;
}

static int read_back(struct space *space)
{
	struct search search = {.visitor.visit = stop_at_swapped};
	uint64_t gva = 0;
	int error = 0;

	mutex_lock(&space->lock);
	while (!error && gva < USER_END) {
		const uint64_t flags = spin_lock(&space->tables);

		search.found = false;
		gva = tables_walk(space, gva, USER_END, &search.visitor);
		spin_unlock(&space->tables, flags);
		if (search.found)
			error = space_fault_locked(space, gva, SPACE_READ, true);
	}
	mutex_unlock(&space->lock);
	return error;
}

/* The first space with something in swap, referenced; or NULL. */
static struct space *find_swapped(void)
{
	const uint64_t flags = spin_lock(&space_all_lock);
	struct space *found = NULL;

	list_for_each(link, &space_all)
	{
		struct space *space = container_of(link, struct space, in_all);

		if (!space->swapped || !space_try_get(space))
			continue;
		found = space;
		break;
	}
	spin_unlock(&space_all_lock, flags);
	return found;
}

int swap_off(const struct inode *inode)
{
	struct file *file;
	struct space *space;
	int error = swap_close_begin(inode);

	if (error)
		return error;
	while (!error && (space = find_swapped())) {
		error = read_back(space);
		space_put(space);
	}
	file = swap_close_end(!error);
	if (file)
		file_put(file);
	return error ? error : file ? 0 : -EBUSY;
}

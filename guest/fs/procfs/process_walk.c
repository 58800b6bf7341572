/* SPDX-License-Identifier: MIT
 *
 * /proc/PID/walk: the page tables as the processor walks them. A read at position GVA gives, for each level from
 * the PML4 down to where the walk ends, the entry's guest-physical address and the entry, 8 bytes each. For root
 * alone: physical addresses are nobody else's business.
 */
#include "guest/fs/iobuf.h"
#include "guest/fs/procfs/proc.h"
#include "guest/lib/errno.h"
#include "guest/mm/paging.h"
#include "guest/mm/space.h"
#include "guest/proc/process.h"

#define LEVELS 4
#define ENTRY_FRAME 0x000ffffffffff000ull

struct step {
	uint64_t entry_gpa, entry;
};

/* How many steps it took. */
static unsigned walk(struct space *space, uint64_t gva, struct step step[LEVELS])
{
	const uint64_t flags = spin_lock(&space->tables);
	uint64_t table_gpa = (uint64_t)space->pml4 - DIRECT_BASE, entry = PTE_PRESENT;
	unsigned count = 0;

	while (count < LEVELS && entry & PTE_PRESENT && !(entry & PTE_LARGE && count)) {
		const unsigned slot = gva >> (12 + 9 * (LEVELS - 1 - count)) & 511;

		entry = ((uint64_t *)direct(table_gpa))[slot];
		step[count++] = (struct step){table_gpa + slot * sizeof(entry), entry};
		table_gpa = entry & ENTRY_FRAME;
	}
	spin_unlock(&space->tables, flags);
	return count;
}

static int64_t read(struct file *file, struct iobuf *to, uint64_t *position)
{
	const struct proc_node *node = file->inode->private;
	struct step step[LEVELS];
	struct space *space;
	unsigned count;

	if (!process_is_root())
		return -EPERM;
	if (*position >= USER_END)
		return 0;
	space = proc_space(&node->subject);
	if (!space)
		return 0;
	count = walk(space, *position, step);
	space_put(space);
	return iobuf_put(to, step, count * sizeof(step[0]));
}

const struct file_operations proc_walk_operations = {.read = read};

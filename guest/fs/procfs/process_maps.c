/* SPDX-License-Identifier: MIT
 *
 * Address spaces for their readers: maps, smaps, statm.
 */
#include "guest/fs/procfs/proc.h"
#include "guest/lib/print.h"
#include "guest/lib/string.h"
#include "guest/mm/page.h"
#include "guest/mm/slab.h"
#include "guest/mm/space.h"
#include "guest/proc/process.h"

#define NAME_COLUMN 73
#define TABLE_ENTRIES 512
#define ENTRY_FRAME 0x000ffffffffff000ull
#define ENTRY_DIRTY 0x40

struct presence { /* bytes */
	uint64_t resident, proportional, dirty_private, clean_private, shared, swapped;
};

/* Entries that map the page. An anonymous one counts references only: theirs, and the swap cache's. */
static uint32_t count_users(const struct page *page)
{
	const uint32_t flags = page->flags;

	return flags & PAGE_ANONYMOUS ? page->refs - !!(flags & PAGE_SWAP) : page->mapped;
}

static void count_page(uint64_t entry, uint64_t bytes, struct presence *sum)
{
	const struct page *page = page_of(entry & ENTRY_FRAME);
	const uint32_t users = page ? count_users(page) : 1;

	sum->resident += bytes;
	sum->proportional += users > 1 ? bytes / users : bytes;
	if (users > 1)
		sum->shared += bytes;
	else if (!page || !page->cache || (entry & ENTRY_DIRTY))
		sum->dirty_private += bytes;
	else
		sum->clean_private += bytes;
}

/* level 4 is the PML4. */
static void count_entries(const uint64_t *table, unsigned level, uint64_t base, uint64_t start,
			  uint64_t end, struct presence *sum)
{
	const uint64_t step = (uint64_t)PAGE_BYTES << 9 * (level - 1);

	for (unsigned i = 0; i < TABLE_ENTRIES && base + i * step < end; i++) {
		const uint64_t at = base + i * step, entry = table[i];

		if (at + step <= start || !entry)
			continue;
		if (!(entry & PTE_PRESENT))
			sum->swapped += PAGE_BYTES;
		else if (level > 1 && !(entry & PTE_LARGE))
			count_entries(direct(entry & ENTRY_FRAME), level - 1, at, start, end, sum);
		else
			count_page(entry, step, sum);
	}
}

/* Empty tables are skipped, so large reservations cost nothing. space->lock is held. */
static struct presence count_presence(struct space *space, const struct vm_area *area)
{
	const uint64_t flags = spin_lock(&space->tables);
	struct presence sum = {0};

	count_entries(space->pml4, 4, 0, area->start_gva, area->end_gva, &sum);
	spin_unlock(&space->tables, flags);
	return sum;
}

static void show_name(const struct vm_area *area, size_t line_start, char *buffer,
		      struct text *text)
{
	const char *name = area->label;

	if (!name && area->file && area->file->path.dentry)
		name = path_text(&area->file->path, buffer, PATH_MAX);
	if (name) {
		text_pad(text, line_start, NAME_COLUMN);
		text_add(text, name, strlen(name));
	}
	text_add(text, "\n", 1);
}

static void show_area(const struct vm_area *area, char *buffer, struct text *text)
{
	const struct inode *inode = area->file ? area->file->inode : NULL;
	const uint64_t device = inode ? inode->super->device : 0;
	const size_t start = text->length;

	text_print(
		text, "%08lx-%08lx %c%c%c%c %08lx %02x:%02x %lu", area->start_gva, area->end_gva,
		area->protection & PROT_READ ? 'r' : '-', area->protection & PROT_WRITE ? 'w' : '-',
		area->protection & PROT_EXEC ? 'x' : '-', area->flags & MAP_SHARED ? 's' : 'p',
		inode ? area->first_index * PAGE_BYTES : 0, (unsigned)(device >> 8 & 0xfff),
		(unsigned)((device & 0xff) | (device >> 12 & 0xfff00)), inode ? inode->number : 0);
	show_name(area, start, buffer, text);
}

static void show_presence(const struct vm_area *area, const struct presence *p, struct text *text)
{
	const struct {
		const char *name;
		uint64_t bytes;
	} row[] = {
		{"Size:", area->end_gva - area->start_gva},
		{"Rss:", p->resident},
		{"Pss:", p->proportional},
		{"Shared_Clean:", p->shared},
		{"Private_Clean:", p->clean_private},
		{"Private_Dirty:", p->dirty_private},
		{"Anonymous:", area->file ? 0 : p->resident},
		{"Swap:", p->swapped},
	};

	for (unsigned i = 0; i < sizeof(row) / sizeof(row[0]); i++)
		text_print(text, "%-16s%8lu kB\n", row[i].name, row[i].bytes >> 10);
}

static int show_areas(const struct proc_subject *subject, struct text *text, bool presence)
{
	struct space *space = proc_space(subject);
	char *buffer = kmalloc(PATH_MAX);

	if (!space || !buffer) {
		kfree(buffer);
		return space ? -ENOMEM : 0;
	}
	mutex_lock(&space->lock);
	for (struct tree_node *node = space->areas.first; node; node = tree_next(node)) {
		const struct vm_area *area = container_of(node, struct vm_area, by_address);
		struct presence sum;

		show_area(area, buffer, text);
		if (!presence)
			continue;
		sum = count_presence(space, area);
		show_presence(area, &sum, text);
	}
	mutex_unlock(&space->lock);
	space_put(space);
	kfree(buffer);
	return text->error;
}

int proc_show_maps(const struct proc_subject *subject, struct text *text)
{
	return show_areas(subject, text, false);
}

int proc_show_smaps(const struct proc_subject *subject, struct text *text)
{
	return show_areas(subject, text, true);
}

int proc_show_statm(const struct proc_subject *subject, struct text *text)
{
	struct space *space = proc_space(subject);
	uint64_t shared = 0, code = 0, data = 0;

	if (!space) {
		text_print(text, "0 0 0 0 0 0 0\n");
		return text->error;
	}
	mutex_lock(&space->lock);
	for (struct tree_node *node = space->areas.first; node; node = tree_next(node)) {
		const struct vm_area *area = container_of(node, struct vm_area, by_address);
		const uint64_t pages = (area->end_gva - area->start_gva) / PAGE_BYTES;

		if (area->protection & PROT_EXEC)
			code += pages;
		else if (area->protection & PROT_WRITE)
			data += pages;
		if (area->file)
			shared += count_presence(space, area).resident / PAGE_BYTES;
	}
	text_print(text, "%lu %lu %lu %lu 0 %lu 0\n", space->mapped_pages, space->resident, shared,
		   code, data);
	mutex_unlock(&space->lock);
	space_put(space);
	return text->error;
}

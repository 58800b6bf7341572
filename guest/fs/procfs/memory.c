/* SPDX-License-Identifier: MIT
 *
 * meminfo, vmstat, buddyinfo, slabinfo.
 */
#include "guest/fs/procfs/tables.h"
#include "guest/lib/print.h"
#include "guest/mm/page.h"
#include "guest/mm/slab.h"

#define PAGE_KIB (PAGE_BYTES >> 10)

struct row {
	const char *name;
	uint64_t value;
};

#define ROWS(rows) (sizeof(rows) / sizeof((rows)[0]))

int proc_show_meminfo(const struct proc_subject *subject, struct text *text)
{
	struct page_stats s;

	(void)subject;
	page_stats_read(&s);
	const struct row row[] = {
		{"MemTotal", s.total},
		{"MemFree", s.free},
		{"MemAvailable", s.free + (s.cached > s.shared ? s.cached - s.shared : 0)},
		{"Buffers", 0},
		{"Cached", s.cached},
		{"SwapCached", 0},
		{"SwapTotal", s.swap_total},
		{"SwapFree", s.swap_free},
		{"Dirty", s.dirty},
		{"Writeback", s.writeback},
		{"AnonPages", s.anonymous},
		{"Shmem", s.shared},
		{"Slab", s.slab},
		{"SReclaimable", 0},
		{"SUnreclaim", s.slab},
		{"KernelStack", s.kernel_stacks},
		{"PageTables", s.page_tables},
	};

	for (unsigned i = 0; i < ROWS(row); i++) {
		const size_t start = text->length;

		text_print(text, "%s:", row[i].name);
		text_pad(text, start, 15);
		text_print(text, "%9lu kB\n", row[i].value * PAGE_KIB);
	}
	return text->error;
}

int proc_show_vmstat(const struct proc_subject *subject, struct text *text)
{
	struct page_stats s;

	(void)subject;
	page_stats_read(&s);
	const struct row row[] = {
		{"nr_free_pages", s.free},
		{"nr_anon_pages", s.anonymous},
		{"nr_file_pages", s.cached},
		{"nr_dirty", s.dirty},
		{"nr_writeback", s.writeback},
		{"nr_shmem", s.shared},
		{"nr_slab_unreclaimable", s.slab},
		{"nr_page_table_pages", s.page_tables},
		{"nr_kernel_stack", s.kernel_stacks},
		{"pgalloc_normal", s.allocated},
		{"pgfree", s.freed},
		{"pgfault", s.faults_minor + s.faults_major},
		{"pgmajfault", s.faults_major},
		{"pgcow", s.copied_on_write},
		{"pgscan", s.scanned},
		{"pgsteal", s.reclaimed},
		{"pswpin", s.swapped_in},
		{"pswpout", s.swapped_out},
		{"oom_kill", s.oom_kills},
		{"thp_fault_alloc", s.huge_faults},
		{"thp_split_pmd", s.huge_splits},
	};

	for (unsigned i = 0; i < ROWS(row); i++)
		text_print(text, "%s %lu\n", row[i].name, row[i].value);
	return text->error;
}

int proc_show_buddyinfo(const struct proc_subject *subject, struct text *text)
{
	struct page_stats s;

	(void)subject;
	page_stats_read(&s);
	text_print(text, "Node 0, zone   Normal ");
	for (unsigned i = 0; i <= PAGE_ORDER_MAX; i++)
		text_print(text, "%6lu ", s.free_blocks[i]);
	text_print(text, "\n");
	return text->error;
}

int proc_show_slabinfo(const struct proc_subject *subject, struct text *text)
{
	struct slab_stats s;

	(void)subject;
	text_print(text, "slabinfo - version: 2.1\n# name            <active_objs> <num_objs> "
			 "<objsize> <objperslab> <pagesperslab> : tunables <limit> <batchcount> "
			 "<sharedfactor> : slabdata <active_slabs> <num_slabs> <sharedavail>\n");
	for (unsigned i = 0; slab_stats_read(i, &s); i++)
		text_print(text,
			   "%-17s %6lu %6lu %6lu %4lu    1 : tunables    0    0    0 : slabdata "
			   "%6lu %6lu      0\n",
			   s.name, s.used, s.total, s.object_bytes, s.pages ? s.total / s.pages : 0,
			   s.pages, s.pages);
	return text->error;
}

int proc_show_swaps(const struct proc_subject *subject, struct text *text)
{
	struct page_stats s;

	(void)subject;
	page_stats_read(&s);
	text_print(text, "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n");
	if (s.swap_total)
		text_print(text, "%-40spartition\t%lu\t\t%lu\t\t-2\n", "swap",
			   s.swap_total * PAGE_KIB, (s.swap_total - s.swap_free) * PAGE_KIB);
	return text->error;
}

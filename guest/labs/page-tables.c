/* SPDX-License-Identifier: MIT
 *
 * What page tables cost: the same number of bytes, dense, spread, and in large pages.
 *
 *   page-tables [-n PAGES] [-l LARGE-PAGES]
 */
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "lab.h"

#define PAGE 4096ul
#define LARGE (512 * PAGE) /* what one table of the last level maps, and what one large page is */
#define TOP (512ul * 512 * PAGE) /* what one table of the level above maps: 1 GiB */

/* Address space without memory, aligned so that no other mapping shares a table with it. */
static char *reserve(uint64_t bytes)
{
	char *memory = mmap(NULL, bytes + TOP, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (memory == MAP_FAILED)
		lab_die("mmap");
	return (char *)(((uintptr_t)memory + TOP - 1) & ~(TOP - 1));
}

static uint64_t tables(void)
{
	return lab_file_value("/proc/self/status", "VmPTE") / 4;
}

static uint64_t faults(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (uint64_t)usage.ru_minflt;
}

/* count accesses, step bytes apart. */
static void show(const char *layout, uint64_t count, uint64_t step, int advice)
{
	volatile char *memory = reserve(count * step);
	const uint64_t tables_before = tables(), faults_before = faults();

	if (madvise((char *)memory, count * step, advice))
		lab_die("madvise");
	for (uint64_t i = 0; i < count; i++)
		memory[i * step] = 1;
	const uint64_t its_faults = faults() - faults_before;
	const uint64_t its_tables = tables() - tables_before;
	const uint64_t kib = count * (step == LARGE && advice == MADV_HUGEPAGE ? LARGE : PAGE) /
			     1024;

	printf("%-10s %6lu KiB mapped: %5lu faults, %4lu pages of tables\n", layout, kib,
	       its_faults, its_tables);
	lab_row("tables", "layout=%s pages=%lu kib=%lu faults=%lu tables=%lu", layout, count, kib,
		its_faults, its_tables);
	munmap((char *)memory, count * step);
}

int main(int argc, char **argv)
{
	const uint64_t pages = lab_option(argc, argv, 'n', 256);
	const uint64_t large = lab_option(argc, argv, 'l', 4);

	show("dense", pages, PAGE, MADV_NOHUGEPAGE);
	show("each-2M", pages, LARGE, MADV_NOHUGEPAGE);
	show("each-1G", pages / 8, TOP, MADV_NOHUGEPAGE);
	show("large", large, LARGE, MADV_HUGEPAGE);
	return 0;
}

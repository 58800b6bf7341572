/* SPDX-License-Identifier: MIT
 *
 * When memory that was asked for really comes: page by page, with the first access to each.
 *
 *   demand-paging [-n PAGES]
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "lab.h"

#define STEPS 8
#define PAGE 4096

static uint64_t minor_faults(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (uint64_t)usage.ru_minflt;
}

/* The second number of /proc/self/statm: pages of this process that are in memory. */
static uint64_t resident_pages(void)
{
	char text[128] = "";
	const int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);

	if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0)
		lab_die("/proc/self/statm");
	close(fd);
	return strtoull(strchr(text, ' '), NULL, 10);
}

static volatile char *map(uint64_t pages)
{
	char *memory = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			    -1, 0);

	/* One page for one fault: large pages have a lab of their own, page-tables. */
	if (memory == MAP_FAILED || madvise(memory, pages * PAGE, MADV_NOHUGEPAGE))
		lab_die("mmap");
	return memory;
}

/* The page faults that one access to each of so many pages takes. */
static uint64_t faults_of(volatile char *page, uint64_t count, bool write)
{
	const uint64_t before = minor_faults();

	for (uint64_t i = 0; i < count; i++)
		if (write)
			page[i * PAGE] = 1;
		else
			(void)page[i * PAGE];
	return minor_faults() - before;
}

static void show_growth(uint64_t pages)
{
	volatile char *memory = map(pages);
	uint64_t at_first;
	uint64_t faults = 0;

	printf("%8s %8s %8s\n", "touched", "faults", "resident");
	resident_pages(); /* what looking itself costs is paid before */
	at_first = resident_pages();
	for (uint64_t touched = 0; touched <= pages; touched += pages / STEPS) {
		const uint64_t resident = resident_pages() - at_first;

		printf("%8lu %8lu %8lu\n", touched, faults, resident);
		lab_row("growth", "touched=%lu faults=%lu resident=%lu", touched, faults, resident);
		if (touched < pages)
			faults += faults_of(memory + touched * PAGE, pages / STEPS, true);
	}
	munmap((char *)memory, pages * PAGE);
}

static void show_access(const char *access, uint64_t pages, uint64_t faults)
{
	printf("%-18s %lu pages: %lu faults\n", access, pages, faults);
	lab_row("access", "access=%s pages=%lu faults=%lu", access, pages, faults);
}

/* Reading first, then writing: what was one page of zeroes for all becomes a page for each. */
static void show_kinds(uint64_t pages)
{
	volatile char *memory = map(pages);

	show_access("read", pages, faults_of(memory, pages, false));
	show_access("write-after-read", pages, faults_of(memory, pages, true));
	show_access("write-again", pages, faults_of(memory, pages, true));
	if (madvise((char *)memory, pages * PAGE, MADV_DONTNEED))
		lab_die("madvise");
	show_access("write-after-drop", pages, faults_of(memory, pages, true));
}

int main(int argc, char **argv)
{
	const uint64_t pages = lab_option(argc, argv, 'n', 256) / STEPS * STEPS;

	show_growth(pages);
	show_kinds(pages);
	return 0;
}

/* SPDX-License-Identifier: MIT
 *
 * fork() copies no memory: it shares every page until one of the two writes. The child of a process with a
 * buffer of so many pages writes some of them, and counts its page faults and what it then has of its own.
 *
 *   copy-on-write [-p PAGES]
 */
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lab.h"

#define PAGE_BYTES 4096

static char *buffer;

/* Of the buffer alone, from /proc/self/smaps. */
static void read_sizes(uint64_t *private_kb, uint64_t *shared_kb)
{
	FILE *file = fopen("/proc/self/smaps", "re");
	bool ours = false;
	char line[256];

	*private_kb = *shared_kb = 0;
	while (file && fgets(line, sizeof(line), file)) {
		uint64_t from, to;

		if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
			ours = (uint64_t)buffer >= from && (uint64_t)buffer < to;
		else if (ours && strncmp(line, "Private_", 8) == 0)
			*private_kb += strtoull(strchr(line, ':') + 1, NULL, 10);
		else if (ours && strncmp(line, "Shared_", 7) == 0)
			*shared_kb += strtoull(strchr(line, ':') + 1, NULL, 10);
	}
	if (file)
		fclose(file);
}

static uint64_t faults_so_far(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (uint64_t)usage.ru_minflt;
}

static uint64_t write_pages(uint64_t pages)
{
	volatile char *at = buffer;
	const uint64_t before = (faults_so_far(),
				 faults_so_far()); /* once for the stack's own fault */

	for (uint64_t i = 0; i < pages; i++)
		at[i * PAGE_BYTES] = 1;
	return faults_so_far() - before;
}

static void report(const char *who, uint64_t written, uint64_t faults)
{
	uint64_t private_kb, shared_kb;

	read_sizes(&private_kb, &shared_kb);
	printf("%-6s wrote %5lu pages: %5lu faults; %6lu KiB of its own, %6lu KiB shared\n", who,
	       written, faults, private_kb, shared_kb);
	lab_row("cow", "who=%s written=%lu faults=%lu private=%lu shared=%lu", who, written, faults,
		private_kb * 1024 / PAGE_BYTES, shared_kb * 1024 / PAGE_BYTES);
}

/* A child that writes so many pages; meanwhile the parent waits. */
static void in_child(uint64_t written)
{
	int status;

	if (fork() == 0) {
		const uint64_t faults = write_pages(written);

		report("child", written, faults);
		_exit(0);
	}
	wait(&status);
}

int main(int argc, char **argv)
{
	const uint64_t pages = lab_option(argc, argv, 'p', 512);

	buffer = mmap(NULL, pages * PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		      -1, 0);
	if (buffer == MAP_FAILED)
		lab_die("mmap");
	madvise(buffer, pages * PAGE_BYTES,
		MADV_NOHUGEPAGE); /* else one fault could stand for 512 pages */
	report("parent", pages, write_pages(pages));
	for (uint64_t quarter = 0; quarter <= 4; quarter++)
		in_child(pages * quarter / 4);

	/* All children are gone, but the pages are still marked. */
	report("after", pages, write_pages(pages));
	return 0;
}

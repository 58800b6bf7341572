/* SPDX-License-Identifier: MIT
 *
 * More memory than there is: the kernel makes room on a swap disk, and brings pages back with major faults.
 *
 *   swap [-m PERCENT] [-r PAGES]      uses so much of the free memory, then reads the first pages once more;
 *                                     /dev/vda is a swap device
 */
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/swap.h>
#include <unistd.h>

#include "lab.h"

#define PAGE 4096
#define STEPS 8

static uint64_t counter(const char *name)
{
	return lab_file_value("/proc/vmstat", name);
}

static uint64_t free_pages(void)
{
	return lab_file_value("/proc/meminfo", "MemFree") / (PAGE / 1024);
}

struct picture {
	uint64_t minor, major, in, out;
};

static struct picture take(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (struct picture){(uint64_t)usage.ru_minflt, (uint64_t)usage.ru_majflt,
				counter("pswpin"), counter("pswpout")};
}

/* Accesses pages [from, to) and says what it took. */
static void show(const char *pass, volatile char *memory, uint64_t from, uint64_t to, bool write)
{
	const struct picture before = take();
	const uint64_t start = lab_now_ns();

	for (uint64_t i = from; i < to; i++)
		if (write)
			*(volatile uint64_t *)(memory + i * PAGE) = i;
		else if (*(volatile uint64_t *)(memory + i * PAGE) != i)
			lab_die("a page came back with other contents");
	const double us = (double)(lab_now_ns() - start) / 1000 / (double)(to - from);
	const struct picture now = take();

	printf("%-6s %6lu %8lu %8lu %8lu %8lu %8lu %8.0f\n", pass, to, now.minor - before.minor,
	       now.major - before.major, now.out - before.out, now.in - before.in, free_pages(),
	       us);
	lab_row("pass", "pass=%s pages=%lu touched=%lu minor=%lu major=%lu out=%lu in=%lu free=%lu",
		pass, to - from, to, now.minor - before.minor, now.major - before.major,
		now.out - before.out, now.in - before.in, free_pages());
}

int main(int argc, char **argv)
{
	const uint64_t room = free_pages();
	const uint64_t pages = room * lab_option(argc, argv, 'm', 150) / 100 / STEPS * STEPS;
	const uint64_t again = lab_option(argc, argv, 'r', 512);
	volatile char *memory = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE,
				     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED || madvise((char *)memory, pages * PAGE, MADV_NOHUGEPAGE))
		lab_die("mmap");
	if (swapon("/dev/vda", 0))
		lab_die("/dev/vda");
	printf("%lu pages are free; the program is going to use %lu\n", room, pages);
	printf("%-6s %6s %8s %8s %8s %8s %8s %8s\n", "pass", "page", "minor", "major", "out", "in",
	       "free", "us/page");
	for (uint64_t i = 0; i < STEPS; i++)
		show("write", memory, i * pages / STEPS, (i + 1) * pages / STEPS, true);
	show("read", memory, 0, again < pages ? again : pages, false);
	lab_row("room", "free=%lu used=%lu", room, pages);
	return 0;
}

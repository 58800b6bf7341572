/* SPDX-License-Identifier: MIT
 *
 * What the whole system has left while one process asks for memory, uses it, and gives it back.
 *
 *   free-memory [-m MIB]
 */
#include <sys/mman.h>
#include <unistd.h>

#include "lab.h"

#define PAGE 4096

static const char meminfo[] = "/proc/meminfo", status[] = "/proc/self/status";

/* All in KiB. used is what free(1) calls so. */
struct picture {
	uint64_t size, resident, used, free, available;
};

static struct picture take(void)
{
	struct picture p = {
		.size = lab_file_value(status, "VmSize"),
		.resident = lab_file_value(status, "VmRSS"),
		.free = lab_file_value(meminfo, "MemFree"),
		.available = lab_file_value(meminfo, "MemAvailable"),
	};

	p.used = lab_file_value(meminfo, "MemTotal") - p.available;
	return p;
}

static struct picture first;

static void show(const char *step)
{
	static unsigned number;
	const struct picture p = take();

	if (!number)
		first = p;
	printf("%-14s %10lu %10lu %10lu %10lu %10lu\n", step, p.size, p.resident, p.used, p.free,
	       p.available);
	lab_row("free", "number=%u step=%s size=%ld resident=%ld used=%ld", number++, step,
		(long)(p.size - first.size), (long)(p.resident - first.resident),
		(long)(p.used - first.used));
}

static void touch(volatile char *memory, uint64_t bytes)
{
	for (uint64_t at = 0; at < bytes; at += PAGE)
		memory[at] = 1;
}

int main(int argc, char **argv)
{
	const uint64_t bytes = lab_option(argc, argv, 'm', 8) << 20;

	printf("%-14s %10s %10s %10s %10s %10s\n", "KiB", "VmSize", "VmRSS", "used", "free",
	       "available");
	take(); /* what looking itself costs is paid before */
	show("start");
	char *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			    0);

	if (memory == MAP_FAILED || madvise(memory, bytes, MADV_NOHUGEPAGE))
		lab_die("mmap");
	show("mapped");
	touch(memory, bytes / 2);
	show("half-touched");
	touch(memory, bytes);
	show("touched");
	touch(memory, bytes);
	show("touched-again");
	if (madvise(memory, bytes / 2, MADV_DONTNEED))
		lab_die("madvise");
	show("half-dropped");
	munmap(memory, bytes);
	show("unmapped");
	return 0;
}

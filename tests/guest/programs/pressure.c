/* SPDX-License-Identifier: MIT
 *
 * More memory than the machine has: pressure swap MIB writes a pattern to so much anonymous memory, shares
 * a part of it with a child, and reads it all again; pressure huge: 2 MiB pages, and what a fork does to them.
 */
#include <fcntl.h>
#include <stdint.h>
#include <sys/mman.h>

#include "check.h"

#define PAGE 4096ul
#define MIB (1ul << 20)
#define HUGE_BYTES (8 * MIB)
#define SHARED_BYTES (4 * MIB)
#define OTHERS_KIB 2048

/* The number behind "NAME " or "NAME:" in a file of /proc; -1: there is none. */
static long counter(const char *file, const char *name)
{
	char line[256];
	long value = -1;
	FILE *stream = fopen(file, "r");

	while (stream && fgets(line, sizeof line, stream))
		if (!strncmp(line, name, strlen(name)) && strchr(" :", line[strlen(name)]))
			value = atol(line + strlen(name) + 1);
	if (stream)
		fclose(stream);
	return value;
}

static void fill(char *at, size_t bytes, uint64_t seed)
{
	for (size_t i = 0; i < bytes; i += PAGE) {
		uint64_t *word = (uint64_t *)(at + i);

		word[0] = seed + i;
		word[511] = ~(seed + i);
	}
}

static size_t wrong(const char *at, size_t bytes, uint64_t seed)
{
	size_t count = 0;

	for (size_t i = 0; i < bytes; i += PAGE) {
		const uint64_t *word = (const uint64_t *)(at + i);

		count += word[0] != seed + i || word[511] != ~(seed + i);
	}
	return count;
}

static int shared_is_right(void *at)
{
	return wrong(at, SHARED_BYTES, 7) != 0;
}

static void test_swap(size_t bytes)
{
	const long faults = counter("/proc/vmstat", "pgmajfault"),
		   kills = counter("/proc/vmstat", "oom_kill");
	char *shared = mmap(NULL, SHARED_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			    -1, 0);
	char *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	need(at != MAP_FAILED && shared != MAP_FAILED);
	fill(shared, SHARED_BYTES, 7);
	fill(at, bytes, 1);
	check("swap is in use",
	      counter("/proc/meminfo", "SwapFree") < counter("/proc/meminfo", "SwapTotal"));
	check("some memory is free", counter("/proc/meminfo", "MemFree") > 0);
	check("what went to swap comes back", !wrong(at, bytes, 1));
	fill(at, bytes, 2);
	check("and again, after other writes", !wrong(at, bytes, 2));
	check("shared memory is still shared", !in_child(shared_is_right, shared));
	check("major faults are counted", counter("/proc/vmstat", "pgmajfault") > faults);
	check("nobody was killed", counter("/proc/vmstat", "oom_kill") == kills);
	munmap(at, bytes);
	munmap(shared, SHARED_BYTES);
	/* but for what others have there */
	check("swap is free again",
	      counter("/proc/meminfo", "SwapTotal") - counter("/proc/meminfo", "SwapFree") <
		      OTHERS_KIB);
}

static int write_in_child(void *at)
{
	fill(at, HUGE_BYTES / 2, 9);
	return wrong(at, HUGE_BYTES / 2, 9) ||
	       wrong((char *)at + HUGE_BYTES / 2, HUGE_BYTES / 2, 3 + HUGE_BYTES / 2);
}

static void test_huge(void)
{
	const long before = counter("/proc/vmstat", "thp_fault_alloc"),
		   splits = counter("/proc/vmstat", "thp_split_pmd");
	char *all = mmap(NULL, 2 * HUGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			 -1, 0);
	char *at = (char *)(((uintptr_t)all + HUGE_BYTES - 1) & -HUGE_BYTES);

	need(all != MAP_FAILED && !madvise(at, HUGE_BYTES, MADV_HUGEPAGE));
	fill(at, HUGE_BYTES, 3);
	check("8 MiB are four pages", counter("/proc/vmstat", "thp_fault_alloc") - before == 4);
	check("a child's writes are its own", !in_child(write_in_child, at));
	check("the parent's page is as it was", !wrong(at, HUGE_BYTES, 3));
	need(!munmap(at + PAGE, PAGE));
	check("a hole splits a page", counter("/proc/vmstat", "thp_split_pmd") > splits);
	check("the rest is there",
	      !wrong(at, PAGE, 3) && !wrong(at + 2 * PAGE, HUGE_BYTES - 2 * PAGE, 3 + 2 * PAGE));
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "swap"))
		test_swap(strtoul(argv[2], NULL, 0) * MIB);
	else
		test_huge();
	return check_end();
}

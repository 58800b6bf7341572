/* SPDX-License-Identifier: MIT
 *
 * Fragmentation, in both allocators of the kernel: frames (/proc/buddyinfo) while every second page of a
 * mapping goes, and small objects (/proc/slabinfo) while every second pipe goes.
 *
 *   allocators [-n PAGES] [-p PIPES]
 */
#include <sys/mman.h>
#include <unistd.h>

#include "lab.h"

#define PAGE 4096
#define ORDERS 11

/* Free blocks of 2^order frames each, of all zones. */
static void buddies(uint64_t blocks[ORDERS])
{
	FILE *file = fopen("/proc/buddyinfo", "re");
	char line[512];

	memset(blocks, 0, ORDERS * sizeof(*blocks));
	while (file && fgets(line, sizeof(line), file)) {
		char *at = strstr(line, "zone");

		at += at ? strcspn(at + 4, " ") + 4 : 0;
		at += at ? strspn(at, " ") : 0;
		at += at ? strcspn(at, " ") : 0; /* the zone's name */
		for (unsigned order = 0; at && order < ORDERS; order++)
			blocks[order] += strtoull(at, &at, 10);
	}
	if (file)
		fclose(file);
}

static void show_blocks(const char *step)
{
	uint64_t blocks[ORDERS], pages = 0;

	buddies(blocks);
	printf("%-12s", step);
	for (unsigned order = 0; order < ORDERS; order++) {
		printf(" %5lu", blocks[order]);
		pages += blocks[order] << order;
	}
	printf("   %lu pages\n", pages);
	for (unsigned order = 0; order < ORDERS; order++)
		lab_row("buddy", "step=%s order=%u blocks=%lu", step, order, blocks[order]);
	lab_row("free", "step=%s pages=%lu single=%lu", step, pages, blocks[0]);
}

static void fragment_frames(uint64_t pages)
{
	char *memory = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			    -1, 0);

	if (memory == MAP_FAILED || madvise(memory, pages * PAGE, MADV_NOHUGEPAGE))
		lab_die("mmap");
	printf("%-12s", "free blocks");
	for (unsigned order = 0; order < ORDERS; order++)
		printf(" %5u", 1u << order);
	printf("   pages each\n");
	show_blocks("start");
	for (uint64_t i = 0; i < pages; i++)
		memory[i * PAGE] = 1;
	show_blocks("touched");
	for (uint64_t i = 0; i < pages; i += 2)
		if (madvise(memory + i * PAGE, PAGE, MADV_DONTNEED))
			lab_die("madvise");
	show_blocks("every-2nd");
	munmap(memory, pages * PAGE);
	show_blocks("all");
}

/* The cache in which most objects came since the last call with before; its figures now. */
struct slab {
	char name[32];
	uint64_t used, total, bytes;
};

#define SLABS 256

static unsigned slabs(struct slab all[SLABS])
{
	FILE *file = fopen("/proc/slabinfo", "re");
	unsigned count = 0;
	char line[512];

	while (file && count < SLABS && fgets(line, sizeof(line), file))
		count += sscanf(line, "%31s %lu %lu %lu", all[count].name, &all[count].used,
				&all[count].total, &all[count].bytes) == 4;
	if (file)
		fclose(file);
	return count;
}

/* Index of the cache that grew most in bytes from one picture to the other. */
static unsigned grown_most(const struct slab *before, const struct slab *now, unsigned count)
{
	unsigned most = 0;

	for (unsigned i = 1; i < count; i++)
		if ((int64_t)((now[i].used - before[i].used) * now[i].bytes) >
		    (int64_t)((now[most].used - before[most].used) * now[most].bytes))
			most = i;
	return most;
}

static void show_slab(const char *step, const struct slab *slab)
{
	printf("%-12s %-12s %5lu of %5lu objects of %lu bytes in use\n", step, slab->name,
	       slab->used, slab->total, slab->bytes);
	lab_row("slab", "step=%s cache=%s used=%lu total=%lu", step, slab->name, slab->used,
		slab->total);
}

static void fragment_objects(unsigned pipes)
{
	static struct slab before[SLABS], now[SLABS];
	int(*fds)[2] = calloc(pipes, sizeof(*fds));
	const unsigned count = slabs(before);

	for (unsigned i = 0; i < pipes; i++)
		if (pipe(fds[i]))
			lab_die("pipe");
	slabs(now);
	const unsigned most = grown_most(before, now, count);

	show_slab("start", &before[most]);
	show_slab("opened", &now[most]);
	for (unsigned i = 0; i < pipes; i += 2) {
		close(fds[i][0]);
		close(fds[i][1]);
	}
	slabs(now);
	show_slab("every-2nd", &now[most]);
	for (unsigned i = 1; i < pipes; i += 2) {
		close(fds[i][0]);
		close(fds[i][1]);
	}
	slabs(now);
	show_slab("all", &now[most]);
}

int main(int argc, char **argv)
{
	fragment_frames(lab_option(argc, argv, 'n', 512));
	fragment_objects((unsigned)lab_option(argc, argv, 'p', 128));
	return 0;
}

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

/* One cache's line of /proc/slabinfo. */
struct slab {
	char name[32];
	uint64_t used, total, bytes;
};

#define SLABS 256

/* All of them; the rest of the array has no names. */
static void slabs(struct slab all[SLABS])
{
	FILE *file = fopen("/proc/slabinfo", "re");
	unsigned count = 0;
	char line[512];

	while (file && count < SLABS && fgets(line, sizeof(line), file))
		count += sscanf(line, "%31s %lu %lu %lu", all[count].name, &all[count].used,
				&all[count].total, &all[count].bytes) == 4;
	if (file)
		fclose(file);
	memset(&all[count], 0, (SLABS - count) * sizeof(*all));
}

/* Zeroes for a cache that didn't exist yet. */
static struct slab find(const struct slab all[SLABS], const char *name)
{
	struct slab none = {0};

	for (unsigned i = 0; i < SLABS && all[i].name[0]; i++)
		if (!strcmp(all[i].name, name))
			return all[i];
	snprintf(none.name, sizeof(none.name), "%s", name);
	return none;
}

/* The cache that grew most, in bytes, since before. */
static const char *grown_most(const struct slab before[SLABS], const struct slab now[SLABS])
{
	const char *name = now[0].name;
	int64_t most = 0;

	for (unsigned i = 0; i < SLABS && now[i].name[0]; i++) {
		const struct slab old = find(before, now[i].name);
		const int64_t grown = (int64_t)(now[i].used - old.used) * (int64_t)now[i].bytes;

		name = grown > most ? now[i].name : name;
		most = grown > most ? grown : most;
	}
	return name;
}

static void show_slab(const char *step, const struct slab all[SLABS], const char *name)
{
	const struct slab slab = find(all, name);

	printf("%-12s %-12s %5lu of %5lu objects of %lu bytes in use\n", step, slab.name, slab.used,
	       slab.total, slab.bytes);
	lab_row("slab", "step=%s cache=%s used=%lu total=%lu", step, slab.name, slab.used,
		slab.total);
}

static void close_every_2nd(int (*fds)[2], unsigned from, unsigned count)
{
	for (unsigned i = from; i < count; i += 2) {
		close(fds[i][0]);
		close(fds[i][1]);
	}
}

static void fragment_objects(unsigned pipes)
{
	static struct slab before[SLABS], now[SLABS];
	int(*fds)[2] = calloc(pipes, sizeof(*fds));
	struct slab one;

	slabs(before);
	for (unsigned i = 0; i < pipes; i++)
		if (pipe(fds[i]))
			lab_die("pipe");
	slabs(now);
	one = find(now, grown_most(before, now)); /* a copy: now[] is filled anew */
	show_slab("start", before, one.name);
	show_slab("opened", now, one.name);
	close_every_2nd(fds, 0, pipes);
	slabs(now);
	show_slab("every-2nd", now, one.name);
	close_every_2nd(fds, 1, pipes);
	slabs(now);
	show_slab("all", now, one.name);
}

int main(int argc, char **argv)
{
	fragment_frames(lab_option(argc, argv, 'n', 512));
	fragment_objects((unsigned)lab_option(argc, argv, 'p', 128));
	return 0;
}

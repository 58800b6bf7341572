/* SPDX-License-Identifier: MIT
 *
 * Random reads of 4 KiB past the page cache by 1, 2, 4 … threads, each with one request at a time: what one
 * costs in time, in VM exits, and in CPU time of the guest, which is different with a driver that sleeps until
 * the interrupt and one that looks again and again. Which one it is, the kernel's command line has decided.
 *
 *   polling [-n READS] [-d DEPTH_MAX] DISK
 */
#include <pthread.h>

#include "lab_disk.h"

#define BLOCK 4096ull
#define DEPTH_MAX 32
#define GOLDEN 0x9e3779b97f4a7c15ull
#define TICKS_PER_S 100
#define ASKING 2 /* reading /proc/hyper/exits is a hypercall, too; twice between two rounds */

static uint64_t next, reads, disk_blocks;

static void *read_some(void *fd)
{
	char *block = aligned_alloc(BLOCK, BLOCK);
	uint64_t index;

	while ((index = __atomic_fetch_add(&next, 1, __ATOMIC_RELAXED)) < reads)
		if (pread(*(int *)fd, block, BLOCK,
			  (off_t)((index * GOLDEN >> 20) % disk_blocks * BLOCK)) != (ssize_t)BLOCK)
			lab_die("read");
	free(block);
	return NULL;
}

static void run_threads(int fd, unsigned depth)
{
	pthread_t thread[DEPTH_MAX];

	next = 0;
	for (unsigned i = 0; i < depth; i++)
		if (pthread_create(&thread[i], NULL, read_some, &fd))
			lab_die("thread");
	for (unsigned i = 0; i < depth; i++)
		pthread_join(thread[i], NULL);
}

/* In which the CPU had something to do, in ns; the rest it was halted. */
static uint64_t cpu_busy_ns(void)
{
	uint64_t user, nice, system;
	FILE *file = fopen("/proc/stat", "re");

	if (!file || fscanf(file, "cpu %lu %lu %lu", &user, &nice, &system) != 3)
		lab_die("/proc/stat");
	fclose(file);
	return (user + nice + system) * (LAB_NS_PER_S / TICKS_PER_S);
}

/* The number in front of a word of what the driver says about itself, e.g. "84 interrupts". */
static uint64_t driver_count(const char *disk, const char *word)
{
	char path[64], text[256] = "";
	const char *at;
	FILE *file;

	snprintf(path, sizeof(path), "/sys/block/%s/driver", disk);
	file = fopen(path, "re");
	if (!file || !fgets(text, sizeof(text), file))
		lab_die(path);
	fclose(file);
	at = strstr(text, word);
	while (at && at > text && (at[-1] == ' ' || (at[-1] >= '0' && at[-1] <= '9')))
		at--;
	return at ? strtoull(at, NULL, 10) : 0;
}

/* All that has been counted so far. */
struct cost {
	uint64_t ns, busy_ns, exits, userspace, kicks, interrupts;
};

static struct cost cost_now(const char *disk)
{
	return (struct cost){
		.ns = lab_now_ns(),
		.busy_ns = cpu_busy_ns(),
		.exits = lab_exits("total"),
		.userspace = lab_exits("userspace"),
		.kicks = driver_count(disk, "kicks"),
		.interrupts = driver_count(disk, "interrupts"),
	};
}

/* Of one read. */
static double each(uint64_t before, uint64_t after)
{
	return (double)(after - before) / (double)reads;
}

static void measure(const char *disk, int fd, unsigned depth)
{
	const struct cost a = cost_now(disk);
	struct cost b;

	run_threads(fd, depth);
	b = cost_now(disk);
	b.userspace -= b.userspace == a.userspace ? 0 : ASKING;
	printf("%s depth %2u: %8.1f us, %6.2f exits, %5.2f to the VMM, %4.2f kicks, %4.2f "
	       "interrupts\n",
	       disk, depth, each(a.ns, b.ns) / 1000, each(a.exits, b.exits),
	       each(a.userspace, b.userspace), each(a.kicks, b.kicks),
	       each(a.interrupts, b.interrupts));
	lab_row("poll",
		"disk=%s depth=%u us=%.1f cpu_us=%.1f exits=%.2f userspace=%.2f kicks=%.2f "
		"interrupts=%.2f",
		disk, depth, each(a.ns, b.ns) / 1000, each(a.busy_ns, b.busy_ns) / 1000,
		each(a.exits, b.exits), each(a.userspace, b.userspace), each(a.kicks, b.kicks),
		each(a.interrupts, b.interrupts));
}

int main(int argc, char **argv)
{
	const uint64_t deepest = lab_option(argc, argv, 'd', 16);
	const char *disk = argc > 1 ? argv[argc - 1] : "";
	char path[32];

	reads = lab_option(argc, argv, 'n', 256);
	snprintf(path, sizeof(path), "/dev/%s", disk);
	const int fd = lab_open(path, O_RDONLY | O_DIRECT);

	disk_blocks = (uint64_t)lseek(fd, 0, SEEK_END) / BLOCK;
	for (unsigned depth = 1; depth <= deepest && depth <= DEPTH_MAX; depth *= 4)
		measure(disk, fd, depth);
	return 0;
}

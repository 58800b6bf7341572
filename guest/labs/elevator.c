/* SPDX-License-Identifier: MIT
 *
 * Sixteen threads write single blocks to an IDE disk, which takes one request at a time. The others wait in the
 * block layer's queue, where the elevator sorts them, and neighbours are merged.
 *
 *   elevator [-n WRITES]      overwrites hda
 *
 * Each block begins with the name of its round, so that `disk-log travel` finds the rounds in the VMM's log.
 */
#include <pthread.h>

#include "lab_disk.h"

#define BLOCK 4096ull
#define THREADS 16
#define DISK "hda"
#define GOLDEN 0x9e3779b97f4a7c15ull

static struct round {
	const char *scheduler;
	bool random;
} rounds[] = {{"none", false}, {"sweep", false}, {"none", true}, {"sweep", true}};

static const struct round *now;
static uint64_t next, writes, disk_blocks;
static pthread_barrier_t all_there;

static uint64_t place(uint64_t index)
{
	/* The same random places for each elevator. */
	return now->random ? ((index + 1) * GOLDEN >> 20) % disk_blocks : disk_blocks / 2 + index;
}

static void *write_some(void *fd)
{
	char *block = aligned_alloc(BLOCK, BLOCK);
	uint64_t index;

	snprintf(block, BLOCK, "%s-%s ", now->random ? "random" : "sequential", now->scheduler);
	pthread_barrier_wait(&all_there);
	while ((index = __atomic_fetch_add(&next, 1, __ATOMIC_RELAXED)) < writes)
		if (pwrite(*(int *)fd, block, BLOCK, (off_t)(place(index) * BLOCK)) !=
		    (ssize_t)BLOCK)
			lab_die("write");
	free(block);
	return NULL;
}

static void run_threads(int fd)
{
	pthread_t thread[THREADS];

	next = 0;
	pthread_barrier_init(&all_there, NULL, THREADS);
	for (unsigned i = 0; i < THREADS; i++)
		if (pthread_create(&thread[i], NULL, write_some, &fd))
			lab_die("thread");
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	pthread_barrier_destroy(&all_there);
}

static void measure(const struct round *round)
{
	const int fd = lab_open("/dev/" DISK, O_RDWR | O_DIRECT);
	struct lab_disk counts = lab_disk(DISK);
	const uint64_t start = lab_now_ns();
	const char *order = round->random ? "random" : "sequential";
	double ms;

	now = round;
	lab_set("/sys/block/" DISK "/queue/scheduler", round->scheduler);
	run_threads(fd);
	ms = (double)(lab_now_ns() - start) / 1e6;
	counts = lab_disk_since(DISK, counts);
	close(fd);
	printf("%-10s %-6s %4lu writes: %4lu requests, %4lu merged, %8.1f ms\n", order,
	       round->scheduler, writes, counts.writes, counts.writes_merged, ms);
	lab_row("order", "round=%s-%s order=%s scheduler=%s requests=%lu merged=%lu ms=%.1f", order,
		round->scheduler, order, round->scheduler, counts.writes, counts.writes_merged, ms);
}

int main(int argc, char **argv)
{
	writes = lab_option(argc, argv, 'n', 128);
	const int fd = lab_open("/dev/" DISK, O_RDONLY);

	disk_blocks = (uint64_t)lseek(fd, 0, SEEK_END) / BLOCK;
	close(fd);
	for (unsigned i = 0; i < sizeof(rounds) / sizeof(*rounds); i++)
		measure(&rounds[i]);
	return 0;
}

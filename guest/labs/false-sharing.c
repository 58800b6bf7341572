/* SPDX-License-Identifier: MIT
 *
 * Two threads on two CPUs, each adds to a number of its own; the distance of the two numbers decides how fast.
 * Only the time in which both were really running counts, so that a busy host makes no difference.
 *
 *   false-sharing [-t MS per distance]
 */
#define _GNU_SOURCE
#include <pthread.h>

#include "lab-cpu.h"

#define DISTANCE_MAX 256
#define STEP 100 /* additions between two signs of life */
#define CHUNK_STEPS 10
#define ATTEMPTS 20 /* on a host that has no two CPUs to spare */
#define GAP_MS 0.2  /* a chunk that took longer was interrupted */

static uint8_t memory[2 * DISTANCE_MAX] __attribute__((aligned(4096)));
static volatile uint64_t end_tsc;
static uint64_t window, gap;
static uint32_t waiting; /* threads that aren't there yet */

static struct thread {
	volatile uint64_t life; /* grows while it runs */
	pthread_t id;
	volatile uint64_t *number;
	uint64_t additions, ticks; /* while the other one ran, too */
} __attribute__((aligned(256))) thread[2];
static unsigned threads;

static void *add(void *argument)
{
	struct thread *mine = argument;
	const struct thread *other = &thread[mine == thread];

	lab_pin((unsigned)(mine - thread));
	if (__atomic_sub_fetch(&waiting, 1, __ATOMIC_ACQ_REL) == 0)
		end_tsc = lab_tsc() + window;
	while (!end_tsc)
		;
	for (uint64_t now = lab_tsc(), start; now < end_tsc;) {
		const uint64_t life = other->life;

		start = now;
		for (unsigned step = 0; step < CHUNK_STEPS; step++, mine->life++)
			for (unsigned i = 0; i < STEP; i++)
				__asm__ volatile("lock incq %0" : "+m"(*mine->number));
		now = lab_tsc();
		if (now - start > gap || (threads > 1 && other->life == life))
			continue;
		mine->additions += STEP * CHUNK_STEPS;
		mine->ticks += now - start;
	}
	return NULL;
}

static void run_once(unsigned distance, unsigned count)
{
	end_tsc = 0;
	threads = waiting = count;
	memset(thread, 0, sizeof(thread));
	for (unsigned i = 0; i < count; i++) {
		thread[i].number = (void *)(memory + i * distance);
		if (pthread_create(&thread[i].id, NULL, add, &thread[i]))
			lab_die("pthread_create");
	}
	for (unsigned i = 0; i < count; i++)
		pthread_join(thread[i].id, NULL);
}

/* Returns the time of one addition in TSC ticks, both threads' mean; 0: they never ran at the same time. */
static double run(unsigned distance, unsigned count)
{
	uint64_t additions = 0, ticks = 0;

	for (unsigned attempt = 0; !additions && attempt < ATTEMPTS; attempt++) {
		run_once(distance, count);
		for (unsigned i = 0; i < count; i++) {
			additions += thread[i].additions;
			ticks += thread[i].ticks;
		}
	}
	return additions ? (double)ticks / (double)additions : 0;
}

int main(int argc, char **argv)
{
	static const unsigned distance[] = {0, 8, 16, 32, 64, 128, 256};
	const double tsc_per_ms = lab_tsc_per_ms();
	double alone;

	lab_row("processor", "emulated=%d", lab_cpu_is_emulated());
	if (lab_cpus() < 2) {
		printf("one CPU: nothing is shared\n");
		return 0;
	}
	window = (uint64_t)((double)lab_option(argc, argv, 't', 500) * tsc_per_ms);
	gap = (uint64_t)(GAP_MS * tsc_per_ms);
	alone = run(0, 1) * 1e6 / tsc_per_ms;
	printf("one thread alone: %6.2f ns per addition\n", alone);
	lab_row("alone", "ns=%.3f", alone);
	for (unsigned i = 0; i < sizeof(distance) / sizeof(*distance); i++) {
		const double ns = run(distance[i], 2) * 1e6 / tsc_per_ms;

		printf("%3u bytes apart:  %6.2f ns per addition\n", distance[i], ns);
		lab_row("apart", "bytes=%u ns=%.3f", distance[i], ns);
	}
	return 0;
}

/* SPDX-License-Identifier: MIT
 *
 * Two threads on two CPUs, each adds to a number of its own; the distance of the two numbers decides how fast.
 *
 *   false-sharing [-t MS per distance]
 */
#define _GNU_SOURCE
#include <pthread.h>

#include "lab-cpu.h"

#define DISTANCE_MAX 256
#define ROUNDS 5

static uint8_t memory[2 * DISTANCE_MAX] __attribute__((aligned(4096)));
static uint64_t end_tsc, window;
static double tsc_per_ms;
static uint32_t waiting;

struct thread {
	pthread_t id;
	unsigned cpu;
	volatile uint64_t *number;
	uint64_t did;
};

static void *add(void *argument)
{
	struct thread *mine = argument;

	lab_pin(mine->cpu);
	if (__atomic_sub_fetch(&waiting, 1, __ATOMIC_ACQ_REL) == 0)
		__atomic_store_n(&end_tsc, lab_tsc() + window, __ATOMIC_RELEASE);
	while (!__atomic_load_n(&end_tsc, __ATOMIC_ACQUIRE))
		;
	while (lab_tsc() < end_tsc)
		for (unsigned i = 0; i < 1000; i++, mine->did++)
			__asm__ volatile("lock incq %0" : "+m"(*mine->number));
	return NULL;
}

static uint64_t run(unsigned distance, unsigned threads)
{
	struct thread thread[2];
	uint64_t sum = 0;

	end_tsc = 0;
	waiting = threads;
	for (unsigned i = 0; i < threads; i++) {
		thread[i] = (struct thread){.cpu = i, .number = (void *)(memory + i * distance)};
		if (pthread_create(&thread[i].id, NULL, add, &thread[i]))
			lab_die("pthread_create");
	}
	for (unsigned i = 0; i < threads; i++) {
		pthread_join(thread[i].id, NULL);
		sum += thread[i].did;
	}
	return sum;
}

int main(int argc, char **argv)
{
	static const unsigned distance[] = {0, 8, 16, 32, 64, 128, 256};
	const uint64_t ms = lab_option(argc, argv, 't', 120);
	const unsigned count = sizeof(distance) / sizeof(*distance);
	uint64_t alone = 0, best[count];

	lab_row("processor", "emulated=%d", lab_cpu_is_emulated());
	if (lab_cpus() < 2) {
		printf("one CPU: nothing is shared\n");
		return 0;
	}
	memset(best, 0, sizeof(best));
	tsc_per_ms = lab_tsc_per_ms();
	window = (uint64_t)((double)ms * tsc_per_ms);
	for (unsigned round = 0; round < ROUNDS; round++) {
		const uint64_t one = run(0, 1);

		alone = one > alone ? one : alone;
		for (unsigned i = 0; i < count; i++) {
			const uint64_t did = run(distance[i], 2);

			best[i] = did > best[i] ? did : best[i];
		}
	}
	printf("one thread alone: %7.1f additions per us\n", (double)alone / (double)ms / 1000);
	lab_row("alone", "per_us=%.2f", (double)alone / (double)ms / 1000);
	for (unsigned i = 0; i < count; i++) {
		const double per_us = (double)best[i] / (double)ms / 1000;

		printf("%3u bytes apart:  %7.1f additions per us, %5.2f times one thread\n",
		       distance[i], per_us, (double)best[i] / (double)alone);
		lab_row("apart", "bytes=%u per_us=%.2f times=%.3f", distance[i], per_us,
			(double)best[i] / (double)alone);
	}
	return 0;
}

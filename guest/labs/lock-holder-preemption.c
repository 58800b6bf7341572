/* SPDX-License-Identifier: MIT
 *
 * A lock that all CPUs want: one that spins and one that sleeps. How many critical sections are done, and how
 * long was the longest wait? On a VM with more vCPUs than the host gives it CPUs the holder of the lock is
 * often not running at all.
 *
 *   lock-holder-preemption [-t MS per lock] [-n THREADS (else: CPUs)]
 */
#define _GNU_SOURCE
#include <pthread.h>

#include "lab-cpu.h"

#define SECTION 1000 /* turns of a loop under the lock: nearly all the time somebody has it */
#define OUTSIDE 100
#define ROUNDS 4 /* of each kind, by turns */
#define THREADS_MAX 16

static uint32_t lock;
static volatile bool stop;
static bool spins;
static unsigned cpus;

static struct one {
	pthread_t thread;
	uint64_t sections, long_waits, longest, waited; /* the last two in TSC ticks */
} __attribute__((aligned(64))) one[THREADS_MAX];
static uint64_t long_wait; /* in TSC ticks: far longer than a section */

static void spin_lock(void)
{
	while (__atomic_exchange_n(&lock, 1, __ATOMIC_ACQUIRE))
		while (__atomic_load_n(&lock, __ATOMIC_RELAXED))
			__asm__ volatile("pause");
}

static void spin_unlock(void)
{
	__atomic_store_n(&lock, 0, __ATOMIC_RELEASE);
}

/* 0 free, 1 taken, 2 taken and somebody sleeps. */
static void futex_lock(void)
{
	uint32_t state = 0;

	if (__atomic_compare_exchange_n(&lock, &state, 1, false, __ATOMIC_ACQUIRE,
					__ATOMIC_RELAXED))
		return;
	while (__atomic_exchange_n(&lock, 2, __ATOMIC_ACQUIRE))
		lab_futex_wait(&lock, 2);
}

static void futex_unlock(void)
{
	if (__atomic_exchange_n(&lock, 0, __ATOMIC_RELEASE) == 2)
		lab_futex_wake(&lock, 1);
}

static void *contend(void *argument)
{
	struct one *mine = argument;

	lab_pin((unsigned)(mine - one) % cpus);
	while (!stop) {
		const uint64_t start = lab_tsc();
		uint64_t waited;

		spins ? spin_lock() : futex_lock();
		waited = lab_tsc() - start;
		lab_spin(SECTION);
		spins ? spin_unlock() : futex_unlock();
		mine->sections++;
		mine->waited += waited;
		mine->long_waits += waited > long_wait;
		mine->longest = waited > mine->longest ? waited : mine->longest;
		lab_spin(OUTSIDE);
	}
	return NULL;
}

static void run(unsigned threads, uint64_t ms, struct one *sum)
{
	lock = 0;
	stop = false;
	memset(one, 0, sizeof(one));
	for (unsigned i = 0; i < threads; i++)
		if (pthread_create(&one[i].thread, NULL, contend, &one[i]))
			lab_die("pthread_create");
	usleep((useconds_t)ms * 1000);
	stop = true;
	for (unsigned i = 0; i < threads; i++) {
		pthread_join(one[i].thread, NULL);
		sum->sections += one[i].sections;
		sum->long_waits += one[i].long_waits;
		sum->waited += one[i].waited;
		if (one[i].longest > sum->longest)
			sum->longest = one[i].longest;
	}
}

static void report(const char *kind, unsigned threads, const struct one *sum, double tsc_per_ms)
{
	const double longest = (double)sum->longest / tsc_per_ms;
	const double waited = (double)sum->waited / tsc_per_ms;

	printf("%-6s %u threads: %7lu sections; waited %7.1f ms in all, %4lu times over 0.5 ms, at most "
	       "%7.3f ms\n",
	       kind, threads, sum->sections, waited, sum->long_waits, longest);
	lab_row("lock",
		"kind=%s threads=%u sections=%lu waited_ms=%.1f long_waits=%lu longest_ms=%.3f",
		kind, threads, sum->sections, waited, sum->long_waits, longest);
}

int main(int argc, char **argv)
{
	const uint64_t ms = lab_option(argc, argv, 't', 800);
	const double tsc_per_ms = lab_tsc_per_ms();
	unsigned threads = (unsigned)lab_option(argc, argv, 'n', lab_cpus());
	struct one sum[2] = {0};

	lab_row("processor", "emulated=%d", lab_cpu_is_emulated());
	threads = threads < THREADS_MAX ? threads : THREADS_MAX;
	cpus = lab_cpus();
	long_wait = (uint64_t)(tsc_per_ms / 2);
	for (unsigned round = 0; round < 2 * ROUNDS; round++) {
		spins = round % 2;
		run(threads, ms / ROUNDS, &sum[spins]);
	}
	report("spin", threads, &sum[true], tsc_per_ms);
	report("futex", threads, &sum[false], tsc_per_ms);
	return 0;
}

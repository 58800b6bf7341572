/* SPDX-License-Identifier: MIT
 *
 * A lock that spins against one that sleeps, by the length of the critical section and the number of threads:
 * time per section, and how often the kernel was asked.
 *
 *   spin-futex [-t MS per measurement]
 */
#define _GNU_SOURCE
#include <pthread.h>

#include "lab-cpu.h"

#define THREADS_MAX 8

enum kind { SPIN, FUTEX };

static uint32_t lock __attribute__((aligned(64)));
static volatile bool stop __attribute__((aligned(64)));
static uint64_t length; /* of a section, in turns of a loop */

static struct one {
	pthread_t thread;
	enum kind kind;
	uint64_t sections, calls;
} __attribute__((aligned(64))) one[THREADS_MAX];

static void spin_section(struct one *mine)
{
	while (__atomic_exchange_n(&lock, 1, __ATOMIC_ACQUIRE))
		while (__atomic_load_n(&lock, __ATOMIC_RELAXED) && !stop)
			__asm__ volatile("pause");
	lab_spin(length);
	__atomic_store_n(&lock, 0, __ATOMIC_RELEASE);
	mine->sections++;
}

/* 0 free, 1 taken, 2 taken and somebody sleeps: a free lock costs no system call. */
static void futex_section(struct one *mine)
{
	uint32_t state = 0;

	if (!__atomic_compare_exchange_n(&lock, &state, 1, false, __ATOMIC_ACQUIRE,
					 __ATOMIC_RELAXED))
		while (__atomic_exchange_n(&lock, 2, __ATOMIC_ACQUIRE)) {
			mine->calls++;
			lab_futex_wait(&lock, 2);
		}
	lab_spin(length);
	if (__atomic_exchange_n(&lock, 0, __ATOMIC_RELEASE) == 2) {
		mine->calls++;
		lab_futex_wake(&lock, 1);
	}
	mine->sections++;
}

static void *contend(void *argument)
{
	struct one *mine = argument;

	do {
		mine->kind == SPIN ? spin_section(mine) : futex_section(mine);
		lab_spin(length / 10); /* the lock is wanted nearly always */
	} while (!stop);
	return NULL;
}

static void measure(enum kind kind, unsigned threads, uint64_t ms)
{
	static const char *const name[] = {"spin", "futex"};
	uint64_t sections = 0, calls = 0, start;

	lock = 0;
	stop = false;
	memset(one, 0, sizeof(one));
	start = lab_now_ns();
	for (unsigned i = 0; i < threads; i++) {
		one[i].kind = kind;
		if (pthread_create(&one[i].thread, NULL, contend, &one[i]))
			lab_die("pthread_create");
	}
	usleep((useconds_t)ms * 1000);
	stop = true;
	const double us = (double)(lab_now_ns() - start) / 1e3;

	for (unsigned i = 0; i < threads; i++) {
		pthread_join(one[i].thread, NULL);
		sections += one[i].sections;
		calls += one[i].calls;
	}
	printf("%-5s %u threads, section of %6lu turns: %10.3f us per section, %.4f system calls\n",
	       name[kind], threads, length, us / (double)sections,
	       (double)calls / (double)sections);
	lab_row("section", "kind=%s threads=%u turns=%lu us=%.4f calls=%.5f sections=%lu",
		name[kind], threads, length, us / (double)sections,
		(double)calls / (double)sections, sections);
}

int main(int argc, char **argv)
{
	static const uint64_t lengths[] = {10, 1000, 100000};
	static const unsigned threads[] = {1, 2, 4};
	const uint64_t ms = lab_option(argc, argv, 't', 150);

	for (unsigned i = 0; i < sizeof(lengths) / sizeof(*lengths); i++)
		for (unsigned j = 0; j < sizeof(threads) / sizeof(*threads); j++) {
			length = lengths[i];
			measure(SPIN, threads[j], ms);
			measure(FUTEX, threads[j], ms);
		}
	return 0;
}

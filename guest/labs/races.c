/* SPDX-License-Identifier: MIT
 *
 * Threads add 1 to one number, N times each. How many additions are lost, without a lock and with wrong and right
 * ones, and what does being right cost?
 *
 *   races [-n ADDITIONS per thread] [-p THREADS]
 */
#define _GNU_SOURCE
#include <pthread.h>

#include "lab-cpu.h"

#define THREADS_MAX 8
#define ROUNDS_MAX \
	200 /* until a wrong way has lost something; two threads may happen to run one after the other */

static volatile uint64_t counter;
static volatile uint32_t flag;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static uint64_t additions;
static uint32_t waiting; /* threads that aren't there yet */
static unsigned cpus;

struct adder {
	pthread_t thread;
	unsigned cpu;
	void (*add)(void);
};

static void plain(void)
{
	counter = counter + 1;
}

/* Looks right: waits while it is taken, then takes it. Between the two there's room for another. */
static void test_then_set(void)
{
	while (flag)
		;
	flag = 1;
	counter = counter + 1;
	flag = 0;
}

/* One instruction, but not one access: only a lock prefix makes it one for other CPUs. */
static void one_instruction(void)
{
	__asm__ volatile("incq %0" : "+m"(counter));
}

static void locked_instruction(void)
{
	__asm__ volatile("lock incq %0" : "+m"(counter));
}

static void spin(void)
{
	while (__atomic_exchange_n(&flag, 1, __ATOMIC_ACQUIRE))
		sched_yield();
	counter = counter + 1;
	__atomic_store_n(&flag, 0, __ATOMIC_RELEASE);
}

static void with_mutex(void)
{
	pthread_mutex_lock(&mutex);
	counter = counter + 1;
	pthread_mutex_unlock(&mutex);
}

static void *add_all(void *argument)
{
	const struct adder *mine = argument;

	lab_pin(mine->cpu);
	__atomic_sub_fetch(&waiting, 1, __ATOMIC_ACQ_REL);
	while (__atomic_load_n(&waiting, __ATOMIC_ACQUIRE))
		if (cpus == 1)
			sched_yield(); /* else it would be late for the race */
	for (uint64_t i = 0; i < additions; i++)
		mine->add();
	return NULL;
}

/* Returns the time it took. */
static uint64_t run(void (*add)(void), unsigned threads)
{
	struct adder adder[THREADS_MAX];
	const uint64_t start = lab_now_ns();

	counter = 0;
	flag = 0;
	waiting = threads;
	for (unsigned i = 0; i < threads; i++) {
		adder[i] = (struct adder){.cpu = i % cpus, .add = add};
		if (pthread_create(&adder[i].thread, NULL, add_all, &adder[i]))
			lab_die("pthread_create");
	}
	for (unsigned i = 0; i < threads; i++)
		pthread_join(adder[i].thread, NULL);
	return lab_now_ns() - start;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*add)(void);
		bool right;
	} way[] = {
		{"plain", plain, false},	 {"test-then-set", test_then_set, false},
		{"inc", one_instruction, false}, {"lock-inc", locked_instruction, true},
		{"spin-lock", spin, true},	 {"mutex", with_mutex, true},
	};
	unsigned threads = (unsigned)lab_option(argc, argv, 'p', 2);

	cpus = lab_cpus();
	additions = lab_option(argc, argv, 'n', 1000000);
	threads = threads < THREADS_MAX ? threads : THREADS_MAX;
	const unsigned rounds = cpus > 1 ? ROUNDS_MAX : 1;

	printf("%u threads on %u CPUs, %lu additions each\n", threads, cpus, additions);
	for (unsigned i = 0; i < sizeof(way) / sizeof(*way); i++) {
		const uint64_t expected = additions * threads;
		uint64_t ns = run(way[i].add, threads);

		for (unsigned round = 1; !way[i].right && counter == expected && round < rounds;
		     round++)
			ns = run(way[i].add, threads);
		printf("%-14s %9lu of %lu lost, %6.1f ns per addition\n", way[i].name,
		       expected - counter, expected, (double)ns / (double)expected);
		lab_row("add", "way=%s right=%d lost=%lu percent=%.3f ns=%.2f", way[i].name,
			way[i].right, expected - counter,
			100.0 * (double)(expected - counter) / (double)expected,
			(double)ns / (double)expected);
	}
	return 0;
}

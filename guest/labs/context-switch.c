/* SPDX-License-Identifier: MIT
 *
 * What it costs to hand the CPU to somebody else and get it back: two who take turns, through a pipe (two
 * processes, two address spaces) and through a futex (two threads, one address space), on one CPU and on two;
 * beside the same calls without anybody to switch to.
 *
 *   context-switch [-n ROUND_TRIPS]
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "lab-cpu.h"

static uint64_t rounds;
static int to_child[2], to_parent[2];
static uint32_t turn; /* futex: whose turn it is, 0 or 1 */

static void pass(int out, int in)
{
	char byte = 0;

	if (write(out, &byte, 1) != 1 || read(in, &byte, 1) != 1)
		lab_die("pipe");
}

static void own_pipe(unsigned other_cpu)
{
	(void)other_cpu;
	for (uint64_t i = 0; i < rounds; i++)
		pass(to_child[1], to_child[0]);
}

static void two_processes(unsigned other_cpu)
{
	const pid_t child = fork();
	char byte;

	if (child < 0)
		lab_die("fork");
	if (!child) {
		lab_pin(other_cpu);
		for (uint64_t i = 0; i < rounds; i++)
			if (read(to_child[0], &byte, 1) != 1 || write(to_parent[1], &byte, 1) != 1)
				lab_die("pipe");
		_exit(0);
	}
	for (uint64_t i = 0; i < rounds; i++)
		pass(to_child[1], to_parent[0]);
	waitpid(child, NULL, 0);
}

static void wake_nobody(unsigned other_cpu)
{
	(void)other_cpu;
	for (uint64_t i = 0; i < rounds; i++) {
		lab_futex_wake(&turn, 1);
		lab_futex_wait(&turn, turn + 1); /* it isn't: returns at once */
	}
}

static void take_turns(uint32_t mine)
{
	for (uint64_t i = 0; i < rounds; i++) {
		while (__atomic_load_n(&turn, __ATOMIC_ACQUIRE) != mine)
			lab_futex_wait(&turn, !mine);
		__atomic_store_n(&turn, !mine, __ATOMIC_RELEASE);
		lab_futex_wake(&turn, 1);
	}
}

static void *second_thread(void *cpu)
{
	lab_pin((unsigned)(uintptr_t)cpu);
	take_turns(1);
	return NULL;
}

static void two_threads(unsigned other_cpu)
{
	pthread_t other;

	turn = 0;
	if (pthread_create(&other, NULL, second_thread, (void *)(uintptr_t)other_cpu))
		lab_die("pthread_create");
	take_turns(0);
	pthread_join(other, NULL);
}

static uint64_t switches(int who)
{
	struct rusage used;

	getrusage(who, &used);
	return (uint64_t)(used.ru_nvcsw + used.ru_nivcsw);
}

static void measure(const char *name, const char *cpus, void (*way)(unsigned), unsigned other_cpu)
{
	const uint64_t before = switches(RUSAGE_SELF) + switches(RUSAGE_CHILDREN);
	const uint64_t start = lab_now_ns();

	way(other_cpu);
	const double us = (double)(lab_now_ns() - start) / 1e3 / (double)rounds;
	const double per = (double)(switches(RUSAGE_SELF) + switches(RUSAGE_CHILDREN) - before) /
			   (double)rounds;

	printf("%-9s %-9s %9.2f us and %5.2f switches per round trip\n", name, cpus, us, per);
	lab_row("trip", "case=%s-%s us=%.3f switches=%.3f", name, cpus, us, per);
}

int main(int argc, char **argv)
{
	const unsigned cpus = lab_cpus();

	rounds = lab_option(argc, argv, 'n', 2000);
	if (pipe(to_child) || pipe(to_parent))
		lab_die("pipe");
	lab_pin(0);
	measure("pipe", "alone", own_pipe, 0);
	measure("pipe", "same", two_processes, 0);
	if (cpus > 1)
		measure("pipe", "other", two_processes, 1);
	measure("futex", "alone", wake_nobody, 0);
	measure("futex", "same", two_threads, 0);
	if (cpus > 1)
		measure("futex", "other", two_threads, 1);
	return 0;
}

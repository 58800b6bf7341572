/* SPDX-License-Identifier: MIT
 *
 * Processes and kernel threads beside each other: making one, switching between two, memory, and what stops when
 * one of them blocks in a system call. threads-models-go.go answers the same for M:N user threads.
 *
 *   threads-models [-n HOW_MANY] [-r ROUND_TRIPS]
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "lab-cpu.h"

#define MANY_MAX 1000
#define BLOCK_MS 50

static int gate[2];
static unsigned *arrived;
static uint64_t rounds;
static int ping[2], pong[2];

static void wait_for(unsigned many)
{
	while (__atomic_load_n(arrived, __ATOMIC_ACQUIRE) < many)
		usleep(1000);
}

static uint64_t free_kib(void)
{
	return lab_file_value("/proc/meminfo", "MemFree");
}

/* What each of the many does: says that it is there, and waits for the end. */
static void *stay(void *argument)
{
	char byte;

	__atomic_add_fetch(arrived, 1, __ATOMIC_ACQ_REL);
	(void)!read(gate[0], &byte, 1);
	return argument;
}

static void begin(bool as_thread, pthread_t *thread)
{
	if (as_thread) {
		if (pthread_create(thread, NULL, stay, NULL))
			lab_die("pthread_create");
		return;
	}
	const pid_t child = fork();

	if (child < 0)
		lab_die("fork");
	if (!child) {
		close(gate[1]);
		stay(NULL);
		_exit(0);
	}
}

static void create(bool as_thread, unsigned many)
{
	static pthread_t thread[MANY_MAX];
	uint64_t before, start, took;
	int64_t taken;

	if (pipe(gate))
		lab_die("pipe");
	*arrived = 0;
	before = free_kib();
	start = lab_now_ns();
	for (unsigned i = 0; i < many; i++)
		begin(as_thread, &thread[i]);
	wait_for(many);
	took = lab_now_ns() - start;
	taken = (int64_t)(before - free_kib());
	close(gate[1]);
	for (unsigned i = 0; i < many; i++)
		as_thread ? pthread_join(thread[i], NULL) : (void)wait(NULL);
	close(gate[0]);
	printf("%-8s %4u made in %8.1f us each, %6.1f KiB of RAM each\n",
	       as_thread ? "thread" : "process", many, (double)took / 1e3 / many,
	       (double)taken / many);
	lab_row("create", "model=%s many=%u us=%.3f kib=%.2f", as_thread ? "thread" : "process",
		many, (double)took / 1e3 / many, (double)taken / many);
}

static void *echo(void *argument)
{
	char byte;

	for (uint64_t i = 0; i < rounds; i++)
		if (read(ping[0], &byte, 1) != 1 || write(pong[1], &byte, 1) != 1)
			lab_die("pipe");
	return argument;
}

/* Of this process and of its children that have ended. */
static uint64_t switches(void)
{
	struct rusage own, ended;

	getrusage(RUSAGE_SELF, &own);
	getrusage(RUSAGE_CHILDREN, &ended);
	return (uint64_t)(own.ru_nvcsw + own.ru_nivcsw + ended.ru_nvcsw + ended.ru_nivcsw);
}

static void switching(bool as_thread)
{
	const uint64_t before = switches();
	char byte = 0;
	pthread_t thread;
	pid_t child = -1;
	uint64_t start;

	if (as_thread && pthread_create(&thread, NULL, echo, NULL))
		lab_die("pthread_create");
	if (!as_thread && (child = fork()) == 0) {
		echo(NULL);
		_exit(0);
	}
	start = lab_now_ns();
	for (uint64_t i = 0; i < rounds; i++)
		if (write(ping[1], &byte, 1) != 1 || read(pong[0], &byte, 1) != 1)
			lab_die("pipe");
	const double us = (double)(lab_now_ns() - start) / 1e3 / (double)rounds;

	as_thread ? pthread_join(thread, NULL) : (void)waitpid(child, NULL, 0);
	const double per = (double)(switches() - before) / (double)rounds;

	printf("%-8s there and back in %8.2f us, %.2f switches by the kernel\n",
	       as_thread ? "thread" : "process", us, per);
	lab_row("switch", "model=%s us=%.3f switches=%.3f", as_thread ? "thread" : "process", us,
		per);
}

static volatile bool over;
static volatile uint64_t *turns; /* of who doesn't block */

static void *work(void *argument)
{
	while (!over) {
		lab_spin(1000);
		(*turns)++;
	}
	return argument;
}

/* Does the other one go on while this one sleeps in the kernel? */
static void blocking(bool as_thread)
{
	pthread_t thread;
	pid_t child = -1;
	uint64_t before, after;

	*turns = 0;
	over = false;
	if (as_thread && pthread_create(&thread, NULL, work, NULL))
		lab_die("pthread_create");
	if (!as_thread && (child = fork()) == 0) {
		lab_die_with_parent();
		work(NULL);
	}
	before = *turns;
	usleep(BLOCK_MS * 1000);
	after = *turns;
	over = true;
	if (!as_thread)
		kill(child, SIGKILL);
	as_thread ? pthread_join(thread, NULL) : (void)waitpid(child, NULL, 0);
	printf("%-8s while one sleeps, the other goes on: %s\n", as_thread ? "thread" : "process",
	       after > before ? "yes" : "no");
	lab_row("blocks", "model=%s others_go_on=%d", as_thread ? "thread" : "process",
		after > before);
}

int main(int argc, char **argv)
{
	unsigned many = (unsigned)lab_option(argc, argv, 'n', 200);

	many = many < MANY_MAX ? many : MANY_MAX;
	rounds = lab_option(argc, argv, 'r', 500);
	arrived = lab_shared(sizeof(*arrived));
	turns = lab_shared(sizeof(*turns));
	if (pipe(ping) || pipe(pong))
		lab_die("pipe");
	lab_row("processor", "emulated=%d", lab_cpu_is_emulated());
	lab_pin(0);
	for (int as_thread = 0; as_thread < 2; as_thread++) {
		create(as_thread, many);
		switching(as_thread);
		blocking(as_thread);
	}
	return 0;
}

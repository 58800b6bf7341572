/* SPDX-License-Identifier: MIT
 *
 * Two loops on one CPU, one of them nice: what share of the time does it get, and what share does its weight
 * promise?
 *
 *   nice-weights [-t MS per pair]
 */
#define _GNU_SOURCE
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "lab-cpu.h"

static const struct {
	int level;
	unsigned weight; /* 1024 / 1.25^level, as both kernels round it */
} all[] = {{0, 1024}, {1, 820}, {3, 526}, {5, 335}, {10, 110}, {15, 36}, {19, 15}};

static volatile uint64_t *count; /* [2]: turns of each loop */

static pid_t start_loop(unsigned index, int level)
{
	const pid_t child = fork();

	if (child < 0)
		lab_die("fork");
	if (child)
		return child;
	lab_die_with_parent();
	if (setpriority(PRIO_PROCESS, 0, level))
		lab_die("setpriority");
	for (;;) {
		lab_spin(1000);
		count[index]++;
	}
}

/* CPU time of a child that was killed and waited for just now. */
static double cpu_ms_of(pid_t child)
{
	struct rusage used;

	kill(child, SIGKILL);
	if (wait4(child, NULL, 0, &used) != child)
		lab_die("wait4");
	return (double)used.ru_utime.tv_sec * 1e3 + (double)used.ru_utime.tv_usec / 1e3 +
	       (double)used.ru_stime.tv_sec * 1e3 + (double)used.ru_stime.tv_usec / 1e3;
}

static void measure(int level, unsigned weight, uint64_t ms)
{
	const double promised = 100.0 * weight / (1024 + weight);
	double polite, rude;
	pid_t child[2];

	count[0] = count[1] = 0;
	for (unsigned i = 0; i < 2; i++)
		child[i] = start_loop(i, i ? level : 0);
	usleep((useconds_t)ms * 1000);
	for (unsigned i = 0; i < 2; i++)
		kill(child[i], SIGSTOP);
	rude = cpu_ms_of(child[0]);
	polite = cpu_ms_of(child[1]);

	const double share = 100 * polite / (polite + rude);
	const double work = 100.0 * (double)count[1] / (double)(count[0] + count[1]);

	printf("nice %2d: weight %4u promises %5.1f %%, got %5.1f %% of the CPU time, did %5.1f %% of the "
	       "work\n",
	       level, weight, promised, share, work);
	lab_row("share", "nice=%d weight=%u promised=%.2f time=%.2f work=%.2f", level, weight,
		promised, share, work);
}

int main(int argc, char **argv)
{
	const uint64_t ms = lab_option(argc, argv, 't', 600);

	count = lab_shared(2 * sizeof(*count));
	lab_pin(0);
	setpriority(PRIO_PROCESS, 0, -20); /* to be back in time */
	for (unsigned i = 0; i < sizeof(all) / sizeof(*all); i++)
		measure(all[i].level, all[i].weight, ms);
	return 0;
}

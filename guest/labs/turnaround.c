/* SPDX-License-Identifier: MIT
 *
 * N loops of the same length, started at once: how each of them gets on, when the last one is done, and how
 * many are done in a second.
 *
 *   turnaround [-w MS_OF_WORK] [-n MOST_LOOPS] [-r ROUNDS]
 */
#define _GNU_SOURCE
#include <sys/wait.h>

#include "lab-cpu.h"

#define STEPS 25
#define LOOPS_MAX 16

static uint64_t *used_ns;	   /* [loop]: CPU time of its work */
static uint64_t (*step_at)[STEPS]; /* [loop][step]: TSC at the end of that part of its work */
static uint64_t part;		   /* iterations in a step */
static double tsc_per_ms;

static void loop(unsigned index, int gate)
{
	char byte;

	(void)!read(gate, &byte, 1); /* until the gate is closed: end of file */
	used_ns[index] = lab_clock_ns(CLOCK_PROCESS_CPUTIME_ID);
	for (unsigned step = 0; step < STEPS; step++) {
		lab_spin(part);
		step_at[index][step] = lab_tsc();
	}
	used_ns[index] = lab_clock_ns(CLOCK_PROCESS_CPUTIME_ID) - used_ns[index];
	_exit(0);
}

/* Returns the TSC at which all were let go. */
static uint64_t run(unsigned loops)
{
	int gate[2];
	uint64_t start;

	if (pipe(gate))
		lab_die("pipe");
	for (unsigned i = 0; i < loops; i++) {
		const pid_t child = fork();

		if (child < 0)
			lab_die("fork");
		if (!child) {
			close(gate[1]);
			loop(i, gate[0]);
		}
	}
	usleep(2000); /* let them reach the gate */
	start = lab_tsc();
	close(gate[1]);
	close(gate[0]);
	while (wait(NULL) > 0)
		;
	return start;
}

static double ms_since(uint64_t start, uint64_t end)
{
	return (double)(end - start) / tsc_per_ms;
}

/* Time until all loops were done. */
static double makespan_ms(unsigned loops, uint64_t start)
{
	double last = 0;

	for (unsigned i = 0; i < loops; i++) {
		const double ms = ms_since(start, step_at[i][STEPS - 1]);

		last = ms > last ? ms : last;
	}
	return last;
}

static double mean_ms(unsigned loops, uint64_t start)
{
	double sum = 0;

	for (unsigned i = 0; i < loops; i++)
		sum += ms_since(start, step_at[i][STEPS - 1]);
	return sum / loops;
}

/* How many times as long as its CPU time a loop took, in the mean: 1 if it never had to wait. */
static double slowdown(unsigned loops, uint64_t start)
{
	double sum = 0;

	for (unsigned i = 0; i < loops; i++)
		sum += ms_since(start, step_at[i][STEPS - 1]) * 1e6 / (double)used_ns[i];
	return sum / loops;
}

static void print_progress(unsigned loops, uint64_t start)
{
	for (unsigned i = 0; i < loops; i++)
		for (unsigned step = 0; step < STEPS; step++)
			lab_row("progress", "loop=%u ms=%.2f percent=%u", i,
				ms_since(start, step_at[i][step]), (step + 1) * 100 / STEPS);
}

int main(int argc, char **argv)
{
	const uint64_t work_ms = lab_option(argc, argv, 'w', 50);
	const uint64_t rounds = lab_option(argc, argv, 'r', 3);
	uint64_t most = lab_option(argc, argv, 'n', 8);

	most = most < LOOPS_MAX ? most : LOOPS_MAX;
	used_ns = lab_shared(LOOPS_MAX * sizeof(*used_ns));
	step_at = lab_shared(LOOPS_MAX * sizeof(*step_at));
	tsc_per_ms = lab_tsc_per_ms();
	part = lab_spins_per_ms(tsc_per_ms) * work_ms / STEPS;
	printf("%u CPUs, loops of %lu ms each; the best of %lu rounds\n", lab_cpus(), work_ms,
	       rounds);
	for (unsigned loops = 1; loops <= most; loops += loops < 4 ? 1 : 2) {
		double mean = 1e9, all = 1e9, slow = 1e9;

		for (uint64_t round = 0; round < rounds; round++) {
			const uint64_t start = run(loops);
			const double ms = makespan_ms(loops, start),
				     its_mean = mean_ms(loops, start);

			const double times = slowdown(loops, start);

			all = ms < all ? ms : all;
			slow = times < slow ? times : slow;
			mean = its_mean < mean ? its_mean : mean;
			if (loops == 4 && round == rounds - 1)
				print_progress(loops, start);
		}
		printf("%2u loops: turnaround %7.1f ms, %6.1f loops/s\n", loops, mean,
		       loops * 1000 / all);
		lab_row("turnaround", "cpus=%u loops=%u ms=%.1f per_s=%.2f slowdown=%.2f",
			lab_cpus(), loops, mean, loops * 1000 / all, slow);
	}
	return 0;
}

/* SPDX-License-Identifier: MIT
 *
 * Loops on one CPU, and the scheduler's own record of who had it when: slices, turns, and what ended them.
 *
 *   time-slices [-t MS] [-n LOOPS] [-p NICE of the last loop]
 *
 * Needs /proc/sched_trace, which only the bundled guest has; lines "time_ns,cpu,event,from,to,name,reason".
 */
#define _GNU_SOURCE
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "lab-cpu.h"

#define LOOPS_MAX 8
#define TRACE "/proc/sched_trace"
#define SLICE_NS 3000000 /* guest/sched/fair.h */

static struct loop {
	pid_t pid;
	unsigned slices, whole; /* whole: not cut short */
	uint64_t ns;
} loop[LOOPS_MAX];
static unsigned loops;

static void trace(const char *word)
{
	FILE *file = fopen(TRACE, "w");

	if (!file || fputs(word, file) < 0 || fclose(file))
		lab_die(TRACE);
}

static pid_t start_loop(int nice_level)
{
	const pid_t child = fork();

	if (child < 0)
		lab_die("fork");
	if (!child) {
		lab_die_with_parent();
		setpriority(PRIO_PROCESS, 0, nice_level);
		for (;;)
			lab_spin(1000000);
	}
	return child;
}

static struct loop *loop_of(pid_t pid)
{
	for (unsigned i = 0; i < loops; i++)
		if (loop[i].pid == pid)
			return &loop[i];
	return NULL;
}

/* Each slice is a row; from and to in ms since the first switch. */
static void print_slices(FILE *file)
{
	unsigned long long now, start = 0, first = 0;
	struct loop *running = NULL;
	char line[256], reason[32];
	int from, to;

	while (fgets(line, sizeof(line), file)) {
		reason[0] = 0;
		if (sscanf(line, "%llu,%*d,switch,%d,%d,%*[^,],%31s", &now, &from, &to, reason) < 3)
			continue;
		first = first ? first : now;
		if (running) {
			running->slices++;
			running->whole += now - start >= SLICE_NS;
			running->ns += now - start;
			lab_row("slice", "loop=%c from=%.3f to=%.3f length=%.3f end=%s",
				(char)('A' + (running - loop)), (double)(start - first) / 1e6,
				(double)(now - first) / 1e6, (double)(now - start) / 1e6, reason);
		}
		running = loop_of(to);
		start = now;
	}
}

int main(int argc, char **argv)
{
	const uint64_t ms = lab_option(argc, argv, 't', 60);
	const int last_nice = (int)lab_option(argc, argv, 'p', 0);
	FILE *file;

	loops = (unsigned)lab_option(argc, argv, 'n', 3);
	loops = loops < LOOPS_MAX ? loops : LOOPS_MAX;
	if (access(TRACE, W_OK))
		lab_die(TRACE); /* before there are loops to be stopped */
	lab_pin(0);
	setpriority(PRIO_PROCESS, 0, -20); /* so that the loops don't keep us from stopping them */
	for (unsigned i = 0; i < loops; i++)
		loop[i].pid = start_loop(i + 1 == loops ? last_nice : 0);
	trace("1\n");
	usleep((useconds_t)ms * 1000);
	trace("0\n");
	for (unsigned i = 0; i < loops; i++)
		kill(loop[i].pid, SIGKILL);
	while (wait(NULL) > 0)
		;
	file = fopen(TRACE, "r");
	if (!file)
		lab_die(TRACE);
	print_slices(file);
	fclose(file);
	for (unsigned i = 0; i < loops; i++) {
		const double total = (double)loop[i].ns / 1e6;

		printf("loop %c: %3u slices, %3u of them whole, %7.2f ms\n", 'A' + i,
		       loop[i].slices, loop[i].whole, total);
		lab_row("loop", "loop=%c nice=%d slices=%u whole=%u ms=%.2f", 'A' + i,
			i + 1 == loops ? last_nice : 0, loop[i].slices, loop[i].whole, total);
	}
	return 0;
}

/* SPDX-License-Identifier: MIT
 *
 * What two loops get from two CPUs, by how near these are: the same one, siblings (two threads of one core) or
 * two cores. Which CPUs are siblings is read from /sys/devices/system/cpu.
 *
 *   siblings [-t MS per pair; 0: only the topology]
 */
#define _GNU_SOURCE
#include <sys/wait.h>

#include "lab-cpu.h"

#define CPUS_MAX 64
#define ROUNDS 5
#define LEAD_MS 40 /* for both to be there: a fork is slow where ring 0 is emulated */

static volatile uint64_t *work; /* [2] */
static double tsc_per_ms;

/* The mask of a CPU's siblings, itself among them; 0: the kernel doesn't tell. */
static uint64_t siblings_of(unsigned cpu)
{
	char path[96], text[64] = "";
	FILE *file;

	snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%u/topology/thread_siblings", cpu);
	file = fopen(path, "re");
	if (!file || !fgets(text, sizeof(text), file))
		return 0;
	fclose(file);
	/* groups of 32 bits with commas between, the lowest last */
	for (char *comma = strchr(text, ','); comma; comma = strchr(text, ','))
		memmove(comma, comma + 1, strlen(comma));
	return strtoull(text, NULL, 16);
}

/* A chain of multiplications hides behind another thread's; independent additions fill the whole core. */
static uint64_t compute(uint64_t until)
{
	uint64_t a = 1, b = 2, c = 3, d = 4, count = 0;

	while (lab_tsc() < until) {
		for (unsigned i = 0; i < 1000; i++)
			__asm__ volatile("add %3, %0\n\tadd %3, %1\n\tadd %3, %2\n\timul %3, %3"
					 : "+r"(a), "+r"(b), "+r"(c), "+r"(d));
		count++;
	}
	return count;
}

static double together(int first, int second, uint64_t ms)
{
	const int cpu[2] = {first, second};
	const uint64_t start = lab_tsc() + (uint64_t)(LEAD_MS * tsc_per_ms);

	work[0] = work[1] = 0;
	for (unsigned i = 0; i < 2; i++) {
		if (cpu[i] < 0)
			continue;
		const pid_t child = fork();

		if (child < 0)
			lab_die("fork");
		if (!child) {
			lab_pin((unsigned)cpu[i]);
			while (lab_tsc() < start)
				;
			work[i] = compute(start + (uint64_t)((double)ms * tsc_per_ms));
			_exit(0);
		}
	}
	while (wait(NULL) > 0)
		;
	return (double)(work[0] + work[1]) / (double)ms;
}

int main(int argc, char **argv)
{
	const uint64_t ms = lab_option(argc, argv, 't', 100), siblings = siblings_of(0);
	const unsigned cpus = lab_cpus() < CPUS_MAX ? lab_cpus() : CPUS_MAX;
	struct {
		const char *kind;
		int other; /* beside CPU 0; -1: there is none */
		double did;
	} pair[] = {{"alone", -1, 0}, {"same", 0, 0}, {"sibling", -1, 0}, {"core", -1, 0}};

	for (unsigned cpu = cpus; --cpu > 0;)
		pair[siblings >> cpu & 1 ? 2 : 3].other = (int)cpu;
	printf("%u CPUs; siblings of CPU 0: %s\n", cpus,
	       !siblings	   ? "the kernel doesn't say"
	       : pair[2].other < 0 ? "none"
				   : "see below");
	lab_row("topology", "cpus=%u told=%d sibling=%d core=%d", cpus, siblings != 0,
		pair[2].other, pair[3].other);
	work = lab_shared(2 * sizeof(*work));
	tsc_per_ms = lab_tsc_per_ms();
	for (unsigned round = 0; ms && round < ROUNDS;
	     round++) /* by turns: whatever else runs meets all alike */
		for (unsigned i = 0; i < 4; i++) {
			const double did = !i || pair[i].other >= 0 ? together(0, pair[i].other, ms)
								    : 0;

			pair[i].did = did > pair[i].did ? did : pair[i].did;
		}
	lab_row("processor", "emulated=%d", lab_cpu_is_emulated());
	if (ms)
		lab_row("sibling", "times=%.3f", pair[2].did / pair[0].did); /* 0: there is none */
	for (unsigned i = 1; ms && i < 4; i++) {
		if (pair[i].other < 0)
			continue;
		printf("%-8s CPU 0 and %d do %.2f times the work of one loop alone\n", pair[i].kind,
		       pair[i].other, pair[i].did / pair[0].did);
		lab_row("pair", "kind=%s cpu=%d times=%.3f", pair[i].kind, pair[i].other,
			pair[i].did / pair[0].did);
	}
	return 0;
}

/* SPDX-License-Identifier: MIT
 *
 * One loop on each CPU of this machine, and what became of the CPUs' time: used, idle, or stolen, i.e. the
 * virtual CPU wanted to run and its thread on the host had to wait. Beside the kernel's account each loop's
 * own: when its TSC jumped, it hadn't the CPU.
 *
 *   two-levels [-t MS]
 */
#define _GNU_SOURCE
#include <sys/wait.h>

#include "lab-cpu.h"

#define SPANS_MAX 2000
#define GAP_MS 1.0
#define CPUS_MAX 16

static struct life {
	volatile uint64_t count, turns;
	struct span {
		uint64_t from, to;
	} span[SPANS_MAX];
} * life;

struct times {
	uint64_t user, system, idle, steal; /* in clock ticks, all CPUs */
};

static unsigned *arrived; /* loops that are on their CPU: all start together */
static double tsc_per_ms;

static struct times read_times(void)
{
	FILE *file = fopen("/proc/stat", "re");
	struct times times = {0};
	uint64_t nice, iowait, irq, softirq;

	if (!file || fscanf(file, "cpu %lu %lu %lu %lu %lu %lu %lu %lu", &times.user, &nice,
			    &times.system, &times.idle, &iowait, &irq, &softirq, &times.steal) != 8)
		lab_die("/proc/stat");
	fclose(file);
	return times;
}

static void loop(unsigned cpu, unsigned cpus, uint64_t ms)
{
	const uint64_t gap = (uint64_t)(GAP_MS * tsc_per_ms);
	struct life *its = &life[cpu];
	struct span *span = its->span;
	uint64_t turns = 0, end;

	lab_pin(cpu);
	__atomic_add_fetch(arrived, 1, __ATOMIC_ACQ_REL);
	while (__atomic_load_n(arrived, __ATOMIC_ACQUIRE) < cpus)
		;
	span->from = span->to = lab_tsc();
	end = span->from + (uint64_t)((double)ms * tsc_per_ms);
	for (; span->to < end; turns++) {
		const uint64_t tsc = lab_tsc();

		if (tsc - span->to > gap && span < its->span + SPANS_MAX - 1)
			(++span)->from = tsc;
		span->to = tsc;
	}
	its->count = (uint64_t)(span - its->span) + 1;
	its->turns = turns;
	_exit(0);
}

static void report(unsigned cpus, uint64_t start, double wall, const struct times *a,
		   const struct times *b)
{
	const double per_ms = (double)sysconf(_SC_CLK_TCK) / 1000;
	const double user = (double)(b->user - a->user) / per_ms;
	const double system = (double)(b->system - a->system) / per_ms;
	/* what is idle is known a little late */
	const double idle = b->idle > a->idle ? (double)(b->idle - a->idle) / per_ms : 0;
	const double steal = (double)(b->steal - a->steal) / per_ms;
	const double all = user + system + idle + steal;
	uint64_t turns = 0;

	for (unsigned i = 0; i < cpus; i++) {
		turns += life[i].turns;
		for (uint64_t j = 0; j < life[i].count; j++)
			lab_row("ran", "cpu=%u from=%.2f to=%.2f", i,
				(double)(life[i].span[j].from - start) / tsc_per_ms,
				(double)(life[i].span[j].to - start) / tsc_per_ms);
	}
	printf("%u CPUs, %.0f ms: %.0f ms user, %.0f system, %.0f idle, %.0f stolen (%.0f %%); %lu turns of a loop\n",
	       cpus, wall, user, system, idle, steal, 100 * steal / all, turns);
	lab_row("time",
		"cpus=%u wall=%.0f user=%.0f system=%.0f idle=%.0f steal=%.0f percent=%.1f turns=%lu",
		cpus, wall, user, system, idle, steal, 100 * steal / all, turns);
}

int main(int argc, char **argv)
{
	const uint64_t ms = lab_option(argc, argv, 't', 1000);
	const unsigned cpus = lab_cpus() < CPUS_MAX ? lab_cpus() : CPUS_MAX;
	struct times before, after;
	uint64_t start, start_ns;

	arrived = lab_shared(sizeof(*arrived));
	life = lab_shared(cpus * sizeof(*life));
	tsc_per_ms = lab_tsc_per_ms();
	start = lab_tsc();
	start_ns = lab_now_ns();
	before = read_times();
	for (unsigned cpu = 0; cpu < cpus; cpu++) {
		const pid_t child = fork();

		if (child < 0)
			lab_die("fork");
		if (!child)
			loop(cpu, cpus, ms);
	}
	while (wait(NULL) > 0)
		;
	after = read_times();
	report(cpus, start, (double)(lab_now_ns() - start_ns) / 1e6, &before, &after);
	return 0;
}

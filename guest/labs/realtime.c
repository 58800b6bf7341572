/* SPDX-License-Identifier: MIT
 *
 * Loops of the real-time and the fair class on one CPU: who runs while whom? A loop sees by the TSC when it
 * had the CPU and when it had not, so no kernel's trace is needed.
 *
 *   realtime [-t MS of the whole]
 */
#define _GNU_SOURCE
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "lab-cpu.h"

#define SPANS_MAX 4096
#define GAP_MS 1.0 /* longer without the CPU than an interrupt takes */

static const struct plan {
	const char *name;
	int policy, priority;
	double from, until; /* parts of the whole time in which it wants the CPU */
} plan[] = {
	{"fair-A", SCHED_OTHER, 0, 0.0, 1.0},  {"fair-B", SCHED_OTHER, 0, 0.0, 1.0},
	{"RR-10-A", SCHED_RR, 10, 0.1, 0.5},   {"RR-10-B", SCHED_RR, 10, 0.1, 0.5},
	{"FIFO-20", SCHED_FIFO, 20, 0.6, 0.8}, {"FIFO-30", SCHED_FIFO, 30, 0.65, 0.75},
};
#define LOOPS (sizeof(plan) / sizeof(*plan))

static struct life {
	volatile uint64_t count, last; /* spans; last: its loop was over */
	struct span {
		uint64_t from, to;
	} span[SPANS_MAX];
} * life;

static double tsc_per_ms;
static uint64_t whole;		 /* in TSC ticks */
static volatile uint64_t *begin; /* the TSC when all are there */

static void set_class(const struct plan *mine)
{
	const struct sched_param param = {.sched_priority = mine->priority};

	/* musl's sched_setscheduler() refuses on principle */
	if (syscall(SYS_sched_setscheduler, 0, mine->policy, &param))
		lab_die("sched_setscheduler");
}

/* Runs until its time is over; whenever the clock has jumped, somebody else ran. */
static void loop(const struct plan *mine, struct life *its)
{
	const uint64_t start =
		*begin; /* the parent, more urgent, has forked us all before we run */
	const uint64_t end = start + (uint64_t)((double)whole * mine->until);
	const uint64_t gap = (uint64_t)(GAP_MS * tsc_per_ms);
	const uint64_t from = start + (uint64_t)((double)whole * mine->from), now = lab_tsc();
	struct span *span = its->span;

	set_class(mine);
	if (from > now)
		usleep((useconds_t)((double)(from - now) / tsc_per_ms * 1000));
	span->from = span->to = lab_tsc();
	while (span->to < end) {
		const uint64_t tsc = lab_tsc();

		if (tsc - span->to > gap && span < its->span + SPANS_MAX - 1)
			(++span)->from = tsc;
		span->to = tsc;
	}
	its->count = (uint64_t)(span - its->span) + 1;
	_exit(0);
}

/* How long `its` ran within the interval. */
static double ms_within(const struct life *its, uint64_t from, uint64_t to)
{
	uint64_t sum = 0;

	for (uint64_t i = 0; i < its->count; i++) {
		const uint64_t a = its->span[i].from > from ? its->span[i].from : from;
		const uint64_t b = its->span[i].to < to ? its->span[i].to : to;

		sum += b > a ? b - a : 0;
	}
	return (double)sum / tsc_per_ms;
}

static void report(void)
{
	const uint64_t start = *begin;
	const struct life *rr = &life[2], *fifo = &life[4], *urgent = &life[5];
	const uint64_t rr_from = rr->span[0].from, rr_to = rr->span[rr->count - 1].to;
	const uint64_t fifo_from = fifo->span[0].from, fifo_to = fifo->span[fifo->count - 1].to;
	const uint64_t urgent_from = urgent->span[0].from,
		       urgent_to = urgent->span[urgent->count - 1].to;

	for (unsigned i = 0; i < LOOPS; i++) {
		for (uint64_t j = 0; j < life[i].count; j++)
			lab_row("ran", "loop=%s from=%.2f to=%.2f", plan[i].name,
				(double)(life[i].span[j].from - start) / tsc_per_ms,
				(double)(life[i].span[j].to - start) / tsc_per_ms);
		lab_row("loop",
			"loop=%s spans=%lu ms=%.2f while_rr=%.2f while_fifo=%.2f while_urgent=%.2f",
			plan[i].name, life[i].count, ms_within(&life[i], start, UINT64_MAX),
			ms_within(&life[i], rr_from, rr_to),
			ms_within(&life[i], fifo_from, fifo_to),
			ms_within(&life[i], urgent_from, urgent_to));
		printf("%-8s ran %7.1f ms: %6.1f while RR 10 wanted to, %6.1f while FIFO 20, %6.1f while FIFO 30\n",
		       plan[i].name, ms_within(&life[i], start, UINT64_MAX),
		       ms_within(&life[i], rr_from, rr_to), ms_within(&life[i], fifo_from, fifo_to),
		       ms_within(&life[i], urgent_from, urgent_to));
	}
}

int main(int argc, char **argv)
{
	const uint64_t ms = lab_option(argc, argv, 't', 1500);

	life = lab_shared(LOOPS * sizeof(*life));
	begin = lab_shared(sizeof(*begin));
	tsc_per_ms = lab_tsc_per_ms();
	lab_pin(0);
	set_class(&(struct plan){.policy = SCHED_FIFO, .priority = 50}); /* until all are started */
	whole = (uint64_t)((double)ms * tsc_per_ms);
	for (unsigned i = 0; i < LOOPS; i++) {
		const pid_t child = fork();

		if (child < 0)
			lab_die("fork");
		if (!child)
			loop(&plan[i], &life[i]);
	}
	*begin = lab_tsc();
	while (wait(NULL) > 0)
		;
	report();
	return 0;
}

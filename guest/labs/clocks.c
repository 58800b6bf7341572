/* SPDX-License-Identifier: MIT
 *
 * Six clocks of one machine, read again and again by a program that never sleeps. Halfway it sets the real-time
 * clock forward; and whoever runs the machine may stop it for a while (clocks-stall.sh). What does each clock say?
 *
 *   clocks [-m MILLISECONDS] [-s SECONDS to step] [-i INTERVAL in ms]
 */
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "lab.h"

enum { REAL, MONOTONIC, CPU, TSC, RTC, STEAL, CLOCKS };
static const char *const names[CLOCKS] = {"real", "monotonic", "cpu", "tsc", "rtc", "steal"};

struct reading {
	double ms[CLOCKS];
};

static double tsc_per_ms;

/* In ms. -1: there is no such clock here. */
static double file_ms(const char *path, const char *format, double unit_ms)
{
	unsigned long value;
	FILE *file = fopen(path, "re");
	const bool found = file && fscanf(file, format, &value) == 1;

	if (file)
		fclose(file);
	return found ? (double)value * unit_ms : -1;
}

/* Two that are files, and take longer. */
static void read_slow_ones(struct reading *r)
{
	r->ms[RTC] = file_ms("/sys/class/rtc/rtc0/since_epoch", "%lu", 1000);
	r->ms[STEAL] = file_ms("/proc/stat", "cpu %*u %*u %*u %*u %*u %*u %*u %lu", 10);
}

static void read_fast_ones(struct reading *r)
{
	r->ms[MONOTONIC] = (double)lab_clock_ns(CLOCK_MONOTONIC) / 1e6;
	r->ms[REAL] = (double)lab_clock_ns(CLOCK_REALTIME) / 1e6;
	r->ms[CPU] = (double)lab_clock_ns(CLOCK_PROCESS_CPUTIME_ID) / 1e6;
	r->ms[TSC] = (double)lab_tsc() / tsc_per_ms;
}

static struct reading read_all(void)
{
	struct reading r;

	read_slow_ones(&r);
	read_fast_ones(&r);
	return r;
}

/* How many TSC ticks a millisecond of the monotonic clock has. */
static void calibrate(void)
{
	const uint64_t start_ns = lab_now_ns(), start_tsc = lab_tsc();

	while (lab_now_ns() - start_ns < 100000000)
		;
	tsc_per_ms = (double)(lab_tsc() - start_tsc) / ((double)(lab_now_ns() - start_ns) / 1e6);
}

static void report_sample(const struct reading *now, const struct reading *start)
{
	const double at_ms = now->ms[MONOTONIC] - start->ms[MONOTONIC];

	for (unsigned i = 0; i < STEAL; i++)
		if (now->ms[i] >= 0)
			lab_row("sample", "clock=%s at_ms=%.1f shows_ms=%.1f", names[i], at_ms,
				now->ms[i] - start->ms[i]);
}

/* What each clock moved by between two readings. */
static void report_move(const char *event, const struct reading *from, const struct reading *to)
{
	printf("%s:", event);
	for (unsigned i = 0; i < CLOCKS; i++)
		if (to->ms[i] >= 0)
			printf("  %s %+.1f ms", names[i], to->ms[i] - from->ms[i]);
	printf("\n");
	for (unsigned i = 0; i < CLOCKS; i++)
		if (to->ms[i] >= 0)
			lab_row("move", "event=%s clock=%s ms=%.1f", event, names[i],
				to->ms[i] - from->ms[i]);
}

static bool step_real_time(uint64_t seconds)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	now.tv_sec += (time_t)seconds;
	return clock_settime(CLOCK_REALTIME, &now) == 0;
}

/* A reading that was stopped in the middle says nothing about how clocks stand to each other. */
#define DISTURBED_MS 300

static bool is_disturbed(const struct reading *r)
{
	return (double)lab_clock_ns(CLOCK_MONOTONIC) / 1e6 - r->ms[MONOTONIC] > DISTURBED_MS;
}

/* The longest time between two looks at the clock: then the machine stood still. */
struct gap {
	struct reading before, after;
	double ms;
};

/* What follows a reading, undisturbed. */
static struct reading read_next(const struct reading *last)
{
	struct reading now = *last;

	do
		read_fast_ones(&now);
	while (is_disturbed(&now));
	return now;
}

/* Reads until so much time has passed; the interval is that of rows, not of readings. */
static void watch(const struct reading *start, double until_ms, double interval_ms, struct gap *gap)
{
	struct reading last = read_all(), now = last;
	double next_ms = last.ms[MONOTONIC];

	while (now.ms[MONOTONIC] - start->ms[MONOTONIC] < until_ms) {
		last = now;
		if (now.ms[MONOTONIC] >= next_ms) {
			next_ms = now.ms[MONOTONIC] + interval_ms;
			read_slow_ones(&now);
			report_sample(&now, start);
		}
		now = read_next(&now);
		if (now.ms[MONOTONIC] - last.ms[MONOTONIC] > gap->ms) {
			gap->ms = now.ms[MONOTONIC] - last.ms[MONOTONIC];
			read_slow_ones(&now);
			gap->before = last;
			gap->after = now;
		}
	}
	report_sample(&now, start);
}

int main(int argc, char **argv)
{
	const double length_ms = (double)lab_option(argc, argv, 'm', 4000);
	const double interval_ms = (double)lab_option(argc, argv, 'i', 100);
	const uint64_t step_s = lab_option(argc, argv, 's', 0);
	struct reading start, before, after;
	struct gap gap = {.ms = 0};

	calibrate();
	start = read_all();
	printf("clocks: go\n"); /* who wants to stop the machine waits for that */
	fflush(stdout);
	watch(&start, length_ms / (step_s ? 2 : 1), interval_ms, &gap);
	report_move("gap", &gap.before, &gap.after);
	if (step_s) {
		before = read_all();
		if (!step_real_time(step_s))
			lab_die("clock_settime");
		after = read_all();
		report_move("step", &before, &after);
		watch(&start, length_ms, interval_ms, &gap);
	}
	return 0;
}

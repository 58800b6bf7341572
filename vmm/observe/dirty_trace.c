/* SPDX-License-Identifier: MIT
 *
 * A timer of the event loop, and a line for each time it fires. See dirty_trace.h.
 */
#include "observe/dirty_trace.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "loop/clock.h"
#include "loop/loop.h"

#define NS_PER_MS 1000000u

struct dirty_trace {
	FILE *file;
	struct loop_timer *timer;
	uint64_t start_ns, every_ns;
	dirty_count_fn *count; /* NULL: stopped */
	void *ctx;
};

/* A count that fails is the last one. */
static void write_line(struct dirty_trace *trace)
{
	const int64_t pages = trace->count(trace->ctx);
	const uint64_t since = clock_read_ns(CLOCK_MONOTONIC) - trace->start_ns;

	if (pages < 0) {
		fprintf(stderr, "vitrine: the dirty log can't be read: %s\n",
			strerror((int)-pages));
		trace->count = NULL;
		return;
	}
	fprintf(trace->file, "%7" PRIu64 ".%03u %8" PRId64 "\n", since / NS_PER_MS,
		(unsigned)(since / 1000 % 1000), pages);
}

static void tick(void *ctx)
{
	struct dirty_trace *trace = ctx;

	if (!trace->count)
		return;
	write_line(trace);
	fflush(trace->file); /* somebody may watch it grow */
	loop_timer_arm(trace->timer, trace->every_ns);
}

int dirty_trace_open(const char *path, unsigned every_ms, struct loop *loop,
		     struct dirty_trace **out)
{
	struct dirty_trace *trace = calloc(1, sizeof(*trace));
	int error;

	if (!trace)
		return -ENOMEM;
	trace->file = fopen(path, "we");
	error = trace->file ? loop_timer_create(loop, tick, trace, &trace->timer) : -errno;
	if (error < 0) {
		dirty_trace_close(trace);
		return error;
	}
	trace->every_ns = (uint64_t)every_ms * NS_PER_MS;
	trace->start_ns = clock_read_ns(CLOCK_MONOTONIC);
	fprintf(trace->file, "    time/ms    pages\n");
	*out = trace;
	return 0;
}

void dirty_trace_start(struct dirty_trace *trace, dirty_count_fn *count, void *ctx)
{
	if (!trace)
		return;
	trace->count = count;
	trace->ctx = ctx;
	loop_timer_arm(trace->timer, trace->every_ns);
}

void dirty_trace_stop(struct dirty_trace *trace)
{
	if (!trace || !trace->count)
		return;
	write_line(trace);
	loop_timer_arm(trace->timer, 0);
	trace->count = NULL;
}

void dirty_trace_close(struct dirty_trace *trace)
{
	if (!trace)
		return;
	loop_timer_destroy(trace->timer);
	if (trace->file && fclose(trace->file))
		fprintf(stderr, "vitrine: --trace dirty: %s\n", strerror(errno));
	free(trace);
}

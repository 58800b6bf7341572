/* SPDX-License-Identifier: MIT
 *
 * The dirty trace: a line per interval, what is left at the end, a count that fails, a file that can't be.
 */
#include "observe/dirty_trace.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "loop/loop.h"

#define EVERY_MS 2

struct guest {
	struct loop *loop;
	int64_t calls, fail_at; /* 0: never */
};

/* As a guest would that writes one page more in each interval. */
static int64_t count(void *ctx)
{
	struct guest *guest = ctx;

	if (++guest->calls == 4)
		loop_stop(guest->loop);
	return guest->calls == guest->fail_at ? -EIO : guest->calls * 10;
}

/* Runs until the fourth count and returns the file's pages, in order. */
static unsigned pages_of_run(struct guest *guest, long pages[8])
{
	char path[] = "/tmp/dirty-trace-XXXXXX", line[64];
	const int fd = mkstemp(path);
	struct dirty_trace *trace;
	unsigned lines = 0;
	double ms, before = 0;
	FILE *file;

	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(loop_create(&guest->loop), 0);
	assert_int_equal(dirty_trace_open(path, EVERY_MS, guest->loop, &trace), 0);
	dirty_trace_stop(trace); /* not started: nothing */
	dirty_trace_start(trace, count, guest);
	if (!guest->fail_at)
		assert_int_equal(loop_run(guest->loop), 0);
	dirty_trace_stop(trace);
	dirty_trace_stop(trace);
	dirty_trace_close(trace);
	loop_destroy(guest->loop);
	file = fopen(path, "re");
	assert_non_null(fgets(line, sizeof(line), file));
	assert_string_equal(line, "    time/ms    pages\n");
	for (; fgets(line, sizeof(line), file); lines++) {
		assert_int_equal(sscanf(line, "%lf %ld", &ms, &pages[lines]), 2);
		assert_true(ms > before);
		before = ms;
	}
	fclose(file);
	unlink(path);
	return lines;
}

static void one_line_per_interval(void **state)
{
	struct guest guest = {0};
	long pages[8];

	(void)state;
	assert_int_equal(pages_of_run(&guest, pages), 5);
	for (long i = 0; i < 5; i++)
		assert_int_equal(pages[i], (i + 1) * 10);
}

static void a_count_that_fails_ends_it(void **state)
{
	struct guest guest = {.fail_at = 1};
	long pages[8];

	(void)state;
	assert_int_equal(pages_of_run(&guest, pages), 0);
	assert_int_equal(guest.calls, 1);
}

static void a_file_that_cannot_be(void **state)
{
	struct dirty_trace *trace = NULL;
	struct loop *loop;

	(void)state;
	assert_int_equal(loop_create(&loop), 0);
	assert_int_equal(dirty_trace_open("/nowhere/file", EVERY_MS, loop, &trace), -ENOENT);
	assert_null(trace);
	loop_destroy(loop);
	dirty_trace_start(NULL, count, NULL);
	dirty_trace_stop(NULL);
	dirty_trace_close(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_line_per_interval),
		cmocka_unit_test(a_count_that_fails_ends_it),
		cmocka_unit_test(a_file_that_cannot_be),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

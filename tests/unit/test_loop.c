/* SPDX-License-Identifier: MIT
 *
 * Event loop: descriptors, timers, removal from within a callback, stop from another thread.
 */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <cmocka.h>

#include "loop/loop.h"

struct pair {
	struct loop *loop;
	int pipe[2][2];
	int calls;
};

/* Both pipes are readable in one batch: the first callback removes both, the second may not come. */
static void remove_both(void *ctx, uint32_t events)
{
	struct pair *pair = ctx;

	assert_true(events & EPOLLIN);
	pair->calls++;
	loop_remove_fd(pair->loop, pair->pipe[0][0]);
	loop_remove_fd(pair->loop, pair->pipe[1][0]);
	loop_stop(pair->loop);
}

static void test_remove_in_callback(void **state)
{
	struct pair pair = {.calls = 0};

	(void)state;
	assert_int_equal(loop_create(&pair.loop), 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(pipe(pair.pipe[i]), 0);
		assert_int_equal(write(pair.pipe[i][1], "x", 1), 1);
		assert_int_equal(
			loop_add_fd(pair.loop, pair.pipe[i][0], EPOLLIN, remove_both, &pair), 0);
	}
	assert_int_equal(loop_add_fd(pair.loop, pair.pipe[0][0], EPOLLIN, remove_both, &pair),
			 -EEXIST);
	assert_int_equal(loop_run(pair.loop), 0);
	assert_int_equal(pair.calls, 1);
	assert_int_equal(loop_modify_fd(pair.loop, pair.pipe[0][0], EPOLLIN), -ENOENT);
	loop_destroy(pair.loop);
	for (int i = 0; i < 4; i++)
		close(pair.pipe[i / 2][i % 2]);
}

static void hung_up(void *ctx, uint32_t events)
{
	*(uint32_t *)ctx |= events;
}

static void stop_now(void *ctx)
{
	loop_stop(ctx);
}

/* A descriptor that nobody waits for does not keep the loop busy, whatever happens at its other end. */
static void test_sleeping_fd_is_deaf(void **state)
{
	struct loop_timer *timer;
	struct loop *loop;
	uint32_t seen = 0;
	int ends[2];

	(void)state;
	assert_int_equal(loop_create(&loop), 0);
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(loop_add_fd(loop, ends[0], EPOLLIN, hung_up, &seen), 0);
	assert_int_equal(loop_modify_fd(loop, ends[0], 0), 0);
	close(ends[1]);
	assert_int_equal(loop_timer_create(loop, stop_now, loop, &timer), 0);
	loop_timer_arm(timer, 1000000);
	assert_int_equal(loop_run(loop), 0);
	assert_int_equal(seen, 0);
	assert_int_equal(loop_modify_fd(loop, ends[0], EPOLLIN), 0);
	loop_timer_arm(timer, 1000000);
	assert_int_equal(loop_run(loop), 0);
	assert_true(seen & EPOLLHUP);
	loop_timer_destroy(timer);
	loop_destroy(loop);
	close(ends[0]);
}

struct ticks {
	struct loop *loop;
	struct loop_timer *timer;
	int left;
};

static void tick(void *ctx)
{
	struct ticks *ticks = ctx;

	if (--ticks->left == 0)
		loop_stop(ticks->loop);
	else
		loop_timer_arm(ticks->timer, 1000);
}

static void never(void *ctx)
{
	(void)ctx;
	fail();
}

static void test_timers(void **state)
{
	struct ticks ticks = {.left = 3};
	struct loop_timer *disarmed;

	(void)state;
	assert_int_equal(loop_create(&ticks.loop), 0);
	assert_int_equal(loop_timer_create(ticks.loop, tick, &ticks, &ticks.timer), 0);
	assert_int_equal(loop_timer_create(ticks.loop, never, NULL, &disarmed), 0);
	loop_timer_arm(disarmed, 1);
	loop_timer_arm(disarmed, 0);
	loop_timer_arm(ticks.timer, 1000);
	assert_int_equal(loop_run(ticks.loop), 0);
	assert_int_equal(ticks.left, 0);
	loop_timer_destroy(disarmed);
	loop_timer_destroy(ticks.timer);
	loop_timer_destroy(NULL);
	loop_destroy(ticks.loop);
}

static void *stop_it(void *loop)
{
	loop_stop(loop);
	return NULL;
}

static void test_stop_from_thread(void **state)
{
	struct loop *loop;
	pthread_t thread;

	(void)state;
	assert_int_equal(loop_create(&loop), 0);
	for (int i = 0; i < 20; i++) {
		assert_int_equal(pthread_create(&thread, NULL, stop_it, loop), 0);
		assert_int_equal(loop_run(loop), 0);
		pthread_join(thread, NULL);
	}
	loop_destroy(loop);
	loop_destroy(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_remove_in_callback),
		cmocka_unit_test(test_sleeping_fd_is_deaf),
		cmocka_unit_test(test_timers),
		cmocka_unit_test(test_stop_from_thread),
	};

	return cmocka_run_group_tests_name("loop", tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT
 *
 * Event loop: descriptors, timers, removal from within a callback, stop from another thread.
 */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
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

struct bells {
	struct loop *loop;
	int fd[2];
	unsigned rings[2];
};

static void second_rang(void *ctx, uint32_t events)
{
	struct bells *bells = ctx;

	assert_true(events & EPOLLIN);
	if (++bells->rings[1] == 1)
		eventfd_write(bells->fd[0], 1); /* the first, now that there are two */
	else
		loop_remove_fd(bells->loop, bells->fd[1]);
}

/* Alone for two rings, then with another one, then alone again. */
static void first_rang(void *ctx, uint32_t events)
{
	struct bells *bells = ctx;

	assert_true(events & EPOLLIN);
	switch (++bells->rings[0]) {
	case 1: eventfd_write(bells->fd[0], 1); break;
	case 2:
		assert_int_equal(loop_add_bell(bells->loop, bells->fd[1], second_rang, bells), 0);
		eventfd_write(bells->fd[1], 1);
		break;
	case 3:
		loop_remove_fd(bells->loop, bells->fd[1]);
		eventfd_write(bells->fd[0], 1);
		break;
	default: loop_stop(bells->loop);
	}
}

static void test_bell_alone_and_in_company(void **state)
{
	struct bells bells = {.rings = {0, 0}};

	(void)state;
	assert_int_equal(loop_create(&bells.loop), 0);
	for (int i = 0; i < 2; i++) {
		bells.fd[i] = eventfd(0, EFD_CLOEXEC);
		assert_true(bells.fd[i] >= 0);
	}
	assert_int_equal(loop_add_bell(bells.loop, bells.fd[0], first_rang, &bells), 0);
	assert_int_equal(loop_add_bell(bells.loop, bells.fd[0], first_rang, &bells), -EEXIST);
	eventfd_write(bells.fd[0], 1);
	alarm(10); /* a ring that got lost */
	assert_int_equal(loop_run(bells.loop), 0);
	alarm(0);
	assert_int_equal(bells.rings[0], 4);
	assert_int_equal(bells.rings[1], 1);
	loop_destroy(bells.loop);
	for (int i = 0; i < 2; i++)
		close(bells.fd[i]);
}

static void count_ring(void *ctx, uint32_t events)
{
	(void)events;
	atomic_fetch_add((atomic_uint *)ctx, 1);
}

static void *run_it(void *loop)
{
	return (void *)(intptr_t)loop_run(loop);
}

/* Stop finds a loop on its way into read(), in it and on its way out; a ring may come with it, or be made up. */
static void test_stop_of_a_loop_that_reads(void **state)
{
	int fd = eventfd(0, EFD_CLOEXEC);
	struct loop *loop;
	pthread_t thread;
	atomic_uint rings = 0;
	void *result;

	(void)state;
	assert_int_equal(loop_create(&loop), 0);
	assert_int_equal(loop_add_bell(loop, fd, count_ring, &rings), 0);
	alarm(10);
	for (int i = 0; i < 200; i++) {
		assert_int_equal(pthread_create(&thread, NULL, run_it, loop), 0);
		if (i % 2)
			eventfd_write(fd, 1);
		if (i % 4 == 3)
			while (atomic_load(&rings) == 0)
				usleep(10);
		loop_stop(loop);
		pthread_join(thread, &result);
		assert_null(result);
		atomic_store(&rings, 0);
	}
	alarm(0);
	loop_remove_fd(loop, fd);
	loop_destroy(loop);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_remove_in_callback),
		cmocka_unit_test(test_sleeping_fd_is_deaf),
		cmocka_unit_test(test_timers),
		cmocka_unit_test(test_stop_from_thread),
		cmocka_unit_test(test_bell_alone_and_in_company),
		cmocka_unit_test(test_stop_of_a_loop_that_reads),
	};

	return cmocka_run_group_tests_name("loop", tests, NULL, NULL);
}

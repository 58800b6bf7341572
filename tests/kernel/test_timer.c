/* SPDX-License-Identifier: MIT
 *
 * Kernel timers against an array of due times, and what the LAPIC is told.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "guest/sched/timer.c"
#include "tests/kernel/host.h"

#define TIMERS 40
#define ROUNDS 20000

static struct timer timers[TIMERS];
static uint64_t due[TIMERS]; /* 0: not set */
static unsigned expired_count, ticks;
static uint64_t last_at, lapic_in_ns;
static void (*interrupt)(unsigned vector);

static struct timer *rearmed; /* by its expired() on CPU 1, while CPU 0 waits for that to end */

void tlb_serve(void)
{
	if (!rearmed)
		return;
	timer_set(rearmed, 1);
	rearmed = NULL;
	bases[1].running = NULL;
}

void trap_set_handler(unsigned vector, void (*function)(unsigned vector))
{
	(void)vector;
	interrupt = function;
}

void lapic_timer_use_count(unsigned vector)
{
	(void)vector;
}

void lapic_timer_use_deadline(unsigned vector)
{
	(void)vector;
}

void lapic_timer_deadline(uint64_t tsc)
{
	(void)tsc;
	fail();
}

void lapic_timer_once(uint32_t count)
{
	lapic_in_ns = count;
}

uint64_t clock_ns_to_tsc(uint64_t ns)
{
	return ns;
}

uint32_t clock_ns_to_lapic(uint64_t ns)
{
	return ns > UINT32_MAX ? UINT32_MAX : (uint32_t)ns;
}

void sched_tick(uint64_t now_ns)
{
	(void)now_ns;
	ticks++;
}

void task_sleep(enum task_state state)
{
	(void)state;
}

int wait_sleep(enum task_state state, uint64_t deadline_ns)
{
	(void)state, (void)deadline_ns;
	return -ETIMEDOUT;
}

static void on_expired(struct timer *timer)
{
	const unsigned i = timer - timers;

	assert_true(due[i] && due[i] <= host_clock_ns);
	assert_false(timer->set);
	assert_true(timer->at_ns >= last_at); /* in order */
	last_at = timer->at_ns;
	due[i] = 0;
	expired_count++;
}

static void run_interrupt(void)
{
	host_rflags &= ~RFLAGS_IF;
	last_at = 0;
	interrupt(0);
	host_rflags |= RFLAGS_IF;
}

static int setup(void **state)
{
	(void)state;
	bases[0] = (struct timer_base){0};
	host_clock_ns = 1000000;
	timer_start_cpu();
	expired_count = ticks = 0;
	lapic_in_ns = 0;
	for (unsigned i = 0; i < TIMERS; i++) {
		timer_init(&timers[i], on_expired);
		due[i] = 0;
	}
	return 0;
}

static uint64_t earliest(void)
{
	uint64_t first = TIMER_NEVER;

	for (unsigned i = 0; i < TIMERS; i++)
		if (due[i] && due[i] < first)
			first = due[i];
	return first;
}

static void test_against_model(void **state)
{
	(void)state;
	for (unsigned round = 0; round < ROUNDS; round++) {
		const unsigned i = rand() % TIMERS;

		switch (rand() % 4) {
		case 0:
		case 1:
			due[i] = host_clock_ns + rand() % 1000000;
			timer_set(&timers[i], due[i]);
			break;
		case 2:
			assert_int_equal(timer_cancel(&timers[i]), due[i] != 0);
			due[i] = 0;
			break;
		case 3:
			host_clock_ns += rand() % 200000;
			run_interrupt();
			assert_true(earliest() > host_clock_ns);
			assert_true(bases[0].armed_ns == earliest());
		}
		assert_true(bases[0].armed_ns <= earliest()); /* never too late */
	}
	assert_true(expired_count > ROUNDS / 10);
}

static void test_nothing_is_armed_for_nothing(void **state)
{
	(void)state;
	timer_set(&timers[0], due[0] = host_clock_ns + 5000);
	assert_int_equal(lapic_in_ns, 5000);
	timer_cancel(&timers[0]);
	due[0] = lapic_in_ns = 0;
	host_clock_ns += 10000;
	run_interrupt();
	assert_int_equal(lapic_in_ns, 0);
	assert_true(bases[0].armed_ns == TIMER_NEVER);
	assert_int_equal(ticks, 0);
}

static void test_preempt(void **state)
{
	(void)state;
	timer_preempt_at(host_clock_ns + 3000);
	assert_int_equal(lapic_in_ns, 3000);
	lapic_in_ns = 0;
	timer_preempt_at(host_clock_ns + 9000); /* later: the early one is left to find nothing */
	assert_int_equal(lapic_in_ns, 0);
	host_clock_ns += 3000;
	run_interrupt();
	assert_int_equal(ticks, 0);
	assert_int_equal(lapic_in_ns, 6000);
	host_clock_ns += 6000;
	run_interrupt();
	assert_int_equal(ticks, 1);
	assert_true(bases[0].armed_ns == TIMER_NEVER);
}

static uint64_t missed;

static void repeats(struct timer *timer)
{
	missed += timer_repeat(timer, 10, 0);
	expired_count++;
}

/* An interval of 10 ns must not keep the CPU in the interrupt. */
static void test_short_interval(void **state)
{
	uint64_t start;

	(void)state;
	missed = 0;
	timer_init(&timers[0], repeats);
	start = host_clock_ns;
	timer_set(&timers[0], start);
	run_interrupt();
	assert_int_equal(expired_count, 1);
	assert_true(timers[0].at_ns >= host_clock_ns + REPEAT_SOONEST_NS);
	assert_int_equal((timers[0].at_ns - start) % 10, 0);
	assert_int_equal(start + (missed + 1) * 10, timers[0].at_ns);
}

static void test_left(void **state)
{
	(void)state;
	assert_int_equal(timer_left(&timers[1]), 0);
	timer_set(&timers[1], host_clock_ns + 70);
	assert_int_equal(timer_left(&timers[1]), 70);
	host_clock_ns += 100;
	assert_int_equal(timer_left(&timers[1]), 1); /* due, not yet done */
	timer_cancel(&timers[1]);
}

static void does_nothing(struct timer *timer)
{
	(void)timer;
}

/* Whoever cancels a timer may free it then. */
static void test_cancel_while_it_repeats(void **state)
{
	(void)state;
	timer_init(&timers[0], does_nothing);
	timers[0].ran_on = 2;
	bases[1].running = rearmed = &timers[0];
	assert_true(timer_cancel(&timers[0]));
	assert_null(rearmed);
	assert_false(timers[0].set);
	assert_null(bases[0].tree.first);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_against_model, setup),
		cmocka_unit_test_setup(test_nothing_is_armed_for_nothing, setup),
		cmocka_unit_test_setup(test_preempt, setup),
		cmocka_unit_test_setup(test_short_interval, setup),
		cmocka_unit_test_setup(test_left, setup),
		cmocka_unit_test_setup(test_cancel_while_it_repeats, setup),
	};

	return cmocka_run_group_tests_name("timer", tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT
 *
 * Threads that spin, sleep and wait, and what the scheduler made of them.
 */
#include "guest/prompt/selftest_sched.h"

#include <stddef.h>
#include <stdint.h>

#include "guest/arch/cpu.h"
#include "guest/arch/insn.h"
#include "guest/arch/smp.h"
#include "guest/board/machine.h"
#include "guest/lib/print.h"
#include "guest/lib/string.h"
#include "guest/proc/process.h"
#include "guest/sched/account.h"
#include "guest/sched/mutex.h"
#include "guest/sched/priority.h"
#include "guest/sched/schedule.h"
#include "guest/sched/task.h"
#include "guest/sched/timer.h"
#include "guest/sched/trace.h"
#include "guest/sched/wait.h"
#include "guest/time/clock.h"

#define MS ((uint64_t)1000000)
#define WORKERS_MAX 64

/* A thread of a test. Reference and `ended` last until join(). */
struct worker {
	struct task *task;
	uint64_t value;
	bool stop, ended;
};

static struct worker workers[WORKERS_MAX];
static void (*check)(bool condition, const char *what);

/* What a host that takes our CPUs away spoils through no fault of ours: judged only with the word strict, which
 * is for hosts whose clock counts instructions. */
static void check_time(bool condition, const char *what)
{
	if (machine_has_word("strict"))
		check(condition, what);
	else if (!condition)
		print("  note   not so here, on a busy host: %s\n", what);
}

static void sleep_ns(uint64_t ns)
{
	timer_sleep_until(clock_ns() + ns);
}

/* A thread on the CPUs of mask, not yet started. */
static struct worker *create(unsigned index, void (*function)(void *argument), uint64_t mask)
{
	struct worker *worker = &workers[index];

	*worker = (struct worker){0};
	worker->task = task_create(&kernel_process, "test", function, worker);
	if (!worker->task) {
		check(false, "there is memory for a thread");
		return NULL;
	}
	priority_set_allowed(worker->task, mask);
	return worker;
}

static struct worker *start(unsigned index, void (*function)(void *argument), uint64_t mask)
{
	struct worker *worker = create(index, function, mask);

	if (worker)
		task_start(worker->task);
	return worker;
}

static void join(struct worker *worker)
{
	__atomic_store_n(&worker->stop, true, __ATOMIC_RELAXED);
	while (!__atomic_load_n(&worker->ended, __ATOMIC_ACQUIRE))
		sleep_ns(MS);
	task_put(worker->task);
}

static void end(struct worker *worker)
{
	__atomic_store_n(&worker->ended, true, __ATOMIC_RELEASE);
}

static void spin(void *argument)
{
	struct worker *worker = argument;

	while (!__atomic_load_n(&worker->stop, __ATOMIC_RELAXED))
		for (unsigned i = 0; i < 1000; i++)
			memory_order();
	end(worker);
}

static uint64_t ran_ns(struct worker *worker)
{
	struct task_times times;

	account_task(worker->task, &times);
	return times.user + times.system;
}

/* --- each CPU */

static void sleep_here(void *argument)
{
	struct worker *worker = argument;

	sleep_ns(20 * MS);
	irq_disable();
	worker->value = 1 + cpu_this()->index;
	irq_enable();
	end(worker);
}

bool selftest_each_cpu_runs(void)
{
	const unsigned count = smp_online_count() < WORKERS_MAX ? smp_online_count() : WORKERS_MAX;
	bool good = true;

	for (unsigned i = 0; i < count; i++)
		if (!start(i, sleep_here, 1ull << i))
			return false;
	for (unsigned i = 0; i < count; i++) {
		join(&workers[i]);
		good = good && workers[i].value == 1 + i;
	}
	return good;
}

/* --- shares */

#define EQUALS 8
#define FAIRNESS_TRIES 4
#define LIMIT_OFF 200 /* 2 % */

static void read_all(uint64_t ran[EQUALS])
{
	const uint64_t flags = irq_save(); /* all at one time */

	for (unsigned i = 0; i < EQUALS; i++)
		ran[i] = ran_ns(&workers[i]);
	irq_restore(flags);
}

/* How far in a second one of them was from its share, which is the mean, in 1/10000 of that. */
static uint64_t measure_fairness(bool *all_ran)
{
	uint64_t before[EQUALS], after[EQUALS], most = 0, least = UINT64_MAX, mean = 0, off;

	read_all(before);
	sleep_ns(1000 * MS);
	read_all(after);
	for (unsigned i = 0; i < EQUALS; i++) {
		const uint64_t ran = after[i] - before[i];

		most = ran > most ? ran : most;
		least = ran < least ? ran : least;
		mean += ran / EQUALS;
	}
	*all_ran = *all_ran || least > 0;
	off = most - mean > mean - least ? most - mean : mean - least;
	off = mean ? off * 10000 / mean : UINT64_MAX;
	print("         %u equal threads: %lu to %lu us each, at most %lu.%02lu %% from their share\n",
	      EQUALS, least / 1000, most / 1000, off / 100, off % 100);
	return off;
}

/* Equal spinners on the first two CPUs. A host that takes a CPU away for a while is no fault of ours, and
 * not always there: more than one try. */
static void test_fairness(void)
{
	const uint64_t cpus = smp_online_count() > 1 ? 3 : 1;
	const unsigned tries = machine_has_word("strict") ? 1 : FAIRNESS_TRIES;
	uint64_t off = UINT64_MAX;
	bool all_ran = false;

	for (unsigned i = 0; i < EQUALS; i++)
		if (!start(i, spin, cpus))
			return;
	sleep_ns(100 * MS); /* places are found */
	for (unsigned i = 0; i < tries && off > LIMIT_OFF; i++)
		off = measure_fairness(&all_ran);
	for (unsigned i = 0; i < EQUALS; i++) /* all at once: no CPU is left spinning alone */
		__atomic_store_n(&workers[i].stop, true, __ATOMIC_RELAXED);
	for (unsigned i = 0; i < EQUALS; i++)
		join(&workers[i]);
	check(all_ran, "no thread starves beside its equals");
	check_time(off <= LIMIT_OFF, "equal threads get their equal shares within 2 %");
}

static void test_nice(void)
{
	uint64_t normal, nice;

	if (!create(0, spin, 1) || !create(1, spin, 1))
		return;
	priority_set_nice(workers[1].task, 5);
	task_start(workers[0].task);
	task_start(workers[1].task);
	sleep_ns(600 * MS);
	normal = ran_ns(&workers[0]);
	nice = ran_ns(&workers[1]);
	join(&workers[0]);
	join(&workers[1]);
	print("         nice 0 has %lu.%02lu times the share of nice 5 (1.25^5 = 3.05)\n",
	      nice ? normal / nice : 0, nice ? normal * 100 / nice % 100 : 0);
	check(nice > 0, "a nice thread doesn't starve");
	check_time(normal * 10 > nice * 27 && normal * 10 < nice * 34,
		   "five nice levels are a factor of 3");
}

/* --- real time */

/* Sleeps, and notes how late it woke; then keeps the CPU for a while, and notes what that left for the
 * fair thread, workers[0]. */
static uint64_t late_ns, left_over_ns;

static void urgent(void *argument)
{
	uint64_t until, had;

	for (unsigned i = 0; i < 10; i++) {
		const uint64_t due = clock_ns() + 5 * MS;

		timer_sleep_until(due);
		late_ns += clock_ns() - due;
	}
	had = ran_ns(&workers[0]);
	until = clock_ns() + 50 * MS;
	while (clock_ns() < until)
		cpu_relax();
	left_over_ns = ran_ns(&workers[0]) - had;
	end(argument);
}

static void test_realtime(void)
{
	struct worker *fair = start(0, spin, 1), *fifo = create(1, urgent, 1);
	uint64_t before;

	if (!fair || !fifo)
		return;
	late_ns = left_over_ns = 0;
	priority_set_policy(fifo->task, SCHED_FIFO, 50);
	task_start(fifo->task);
	join(fifo);
	before = ran_ns(fair);
	join(fair);
	print("         a FIFO thread wakes %lu us late beside one that spins\n",
	      late_ns / 10 / 1000);
	check(before > 0, "a fair thread has what a real-time one leaves");
	check(left_over_ns == 0, "and nothing while that runs");
}

/* --- sleeping, waiting, moving */

static void test_sleep(void)
{
	uint64_t late = 0;
	bool early = false;

	for (unsigned i = 0; i < 10; i++) {
		const uint64_t due = clock_ns() + 20 * MS;
		uint64_t now;

		timer_sleep_until(due);
		now = clock_ns();
		early = early || now < due;
		late += now - due;
	}
	print("         sleeps of 20 ms are %lu us late on average\n", late / 10 / 1000);
	check(!early, "no sleep ends early");
	check_time(late / 10 < 20 * MS, "nor twice as late as asked for");
}

static void test_tickless(void)
{
	const unsigned last = smp_online_count() - 1;
	uint64_t ticks;

	if (!last) {
		print("  skip   one CPU: it is never idle while a test waits\n");
		return;
	}
	priority_set_allowed(task_this(), 1);
	sleep_ns(50 * MS);
	ticks = cpu_at(last)->tick_count;
	sleep_ns(500 * MS);
	ticks = cpu_at(last)->tick_count - ticks;
	priority_set_allowed(task_this(), UINT64_MAX);
	print("         %lu timer interrupts of an idle CPU in 500 ms\n", ticks);
	check(ticks <= 2, "an idle CPU isn't interrupted");
}

static struct waitq turn_changed = WAITQ_EMPTY(turn_changed);
static uint32_t turn;
#define TURNS 400

/* value: whose turn it is waiting for. */
static void take_turns(void *argument)
{
	struct worker *worker = argument;

	for (unsigned i = 0; i < TURNS; i++) {
		wait_uninterruptible(&turn_changed,
				     __atomic_load_n(&turn, __ATOMIC_ACQUIRE) == worker->value);
		__atomic_store_n(&turn, !worker->value, __ATOMIC_RELEASE);
		waitq_wake(&turn_changed);
	}
	end(worker);
}

static void test_wait(uint64_t mask, uint64_t mask2, const char *where)
{
	const uint64_t start_ns = clock_ns();

	turn = 0;
	if (!create(0, take_turns, mask) || !create(1, take_turns, mask2))
		return;
	workers[1].value = 1;
	task_start(workers[0].task);
	task_start(workers[1].task);
	join(&workers[0]);
	join(&workers[1]);
	print("         %u turns %s took %lu us\n", 2 * TURNS, where,
	      (clock_ns() - start_ns) / 1000);
	check(turn == 0, "no wake-up is lost");
}

static void test_affinity(void)
{
	struct worker *worker;
	const unsigned cpus = smp_online_count();
	bool good = true;

	if (cpus < 2) {
		print("  skip   one CPU: nowhere to move to\n");
		return;
	}
	worker = start(0, spin, 1);
	if (!worker)
		return;
	for (unsigned i = 1; i < 20; i++) {
		const uint64_t limit = clock_ns() + 2000 * MS;
		const unsigned to = i % (cpus < 64 ? cpus : 64);

		priority_set_allowed(worker->task, 1ull << to);
		while (worker->task->sched.cpu != to && clock_ns() < limit)
			sleep_ns(MS);
		good = good && worker->task->sched.cpu == to;
	}
	join(worker);
	check(good, "a running thread moves to where it may be");
}

static struct mutex counter_lock = MUTEX_FREE(counter_lock);
static volatile uint64_t counter;
#define COUNTERS 6
#define COUNTS 300

static void count_up(void *argument)
{
	for (unsigned i = 0; i < COUNTS; i++) {
		uint64_t seen;

		mutex_lock(&counter_lock);
		seen = counter;
		if (i % 16 == 0)
			sched_yield();
		counter = seen + 1;
		mutex_unlock(&counter_lock);
	}
	end(argument);
}

static void test_mutex(void)
{
	counter = 0;
	for (unsigned i = 0; i < COUNTERS; i++)
		if (!start(i, count_up, UINT64_MAX))
			return;
	for (unsigned i = 0; i < COUNTERS; i++)
		join(&workers[i]);
	check(counter == COUNTERS * COUNTS, "a mutex lets one in at a time");
}

static uint32_t short_lived;

static void nothing(void *argument)
{
	(void)argument;
	__atomic_fetch_add(&short_lived, 1, __ATOMIC_RELAXED);
}

#define SHORT_LIVED 100

static void test_threads(void)
{
	const uint64_t frames = stack_frame_count(), limit = clock_ns() + 20000 * MS;
	const uint64_t kept = frames + 16 * STACK_BYTES / PAGE_BYTES;
	unsigned started = 0;

	short_lived = 0;
	for (unsigned i = 0; i < SHORT_LIVED; i++)
		started += kthread_start("short", nothing, NULL) != NULL;
	while (__atomic_load_n(&short_lived, __ATOMIC_RELAXED) < started && clock_ns() < limit)
		sleep_ns(MS);
	while (stack_frame_count() > kept && clock_ns() < limit)
		sleep_ns(MS);
	print("         %u threads, %lu frames of stacks before, %lu after\n", started, frames,
	      stack_frame_count());
	check(started == SHORT_LIVED && short_lived == started, "100 threads come and go");
	check(stack_frame_count() <= kept, "and their stacks are free, but for a few");
}

/* With trace=sched: what the last test did, for scripts/plot-sched. */
static void print_trace(void)
{
	char line[256];
	uint64_t position = 0;

	trace_stop();
	while (trace_read_line(TRACE_CSV, &position, line, sizeof(line)))
		print("%s", line);
}

void selftest_fairness(void (*check_with)(bool condition, const char *what))
{
	check = check_with;
	test_fairness();
}

void selftest_shares(void (*check_with)(bool condition, const char *what))
{
	selftest_fairness(check_with);
	test_nice();
	test_realtime();
	test_sleep();
	test_tickless();
}

void selftest_sched(void (*check_with)(bool condition, const char *what))
{
	check = check_with;
	check(selftest_each_cpu_runs(), "each CPU runs what is bound to it");
	selftest_shares(check);
	test_wait(1, 1, "on one CPU");
	test_wait(UINT64_MAX, UINT64_MAX, "anywhere");
	if (smp_online_count() > 1)
		test_wait(1, 2, "on two CPUs");
	test_affinity();
	test_mutex();
	test_threads();
	if (trace_is_on)
		print_trace();
}

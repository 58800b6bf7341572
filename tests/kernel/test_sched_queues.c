/* SPDX-License-Identifier: MIT
 *
 * Run queues of several CPUs: the two classes against plain arrays, fair shares by simulation, placement
 * and balancing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "guest/arch/cpu.h"

#define CPUS 4
static struct cpu test_cpus[CPUS];
#define cpu_at(index) (&test_cpus[index])

#include "guest/sched/balance.c"
#include "guest/sched/fair.c"
#include "guest/sched/priority.h"
#include "guest/sched/realtime.c"
#include "guest/sched/run_queue.c"

#define TASKS 60
#define ROUNDS 30000
#define MS 1000000ull

uint64_t sched_online = (1 << CPUS) - 1;
bool trace_is_on;
static struct run_queue queues[CPUS];
static struct task tasks[TASKS], idle[CPUS];
static unsigned demands[CPUS];

void sched_demand(struct run_queue *queue)
{
	demands[queue->cpu]++;
}

void trace_record_migration(const struct task *task, unsigned from_cpu, unsigned to_cpu)
{
	(void)task, (void)from_cpu, (void)to_cpu;
}

uint64_t steal_read(const struct cpu *cpu)
{
	(void)cpu;
	return 0;
}

static int setup(void **state)
{
	(void)state;
	for (unsigned i = 0; i < CPUS; i++) {
		queues[i] = (struct run_queue){.cpu = i, .idle = &idle[i], .current = &idle[i]};
		fair_init(&queues[i].fair);
		test_cpus[i] = (struct cpu){.index = i, .queue = &queues[i]};
		demands[i] = 0;
	}
	for (unsigned i = 0; i < TASKS; i++)
		tasks[i] = (struct task){.sched = {.allowed = UINT64_MAX,
						   .since_ns = 1,
						   .weight = FAIR_WEIGHT_NICE_0}};
	return 0;
}

static void wants_cpu(struct task *task, unsigned cpu)
{
	task->sched.cpu = cpu;
	run_queue_arrive(&queues[cpu], task, 0);
}

/* --- real time: highest priority first, in the order of arrival */

static void test_realtime_model(void **state)
{
	static struct realtime_queue queue;
	struct sched_entity *in[TASKS];
	unsigned count = 0;

	(void)state;
	for (unsigned i = 0; i < TASKS; i++)
		tasks[i].sched.priority = 1 + rand() % REALTIME_PRIORITY_MAX;
	for (unsigned round = 0; round < ROUNDS; round++) {
		struct sched_entity *entity = &tasks[rand() % TASKS].sched;
		unsigned at = 0;
		bool first = rand() % 4 == 0;

		while (at < count && in[at] != entity)
			at++;
		if (at < count) {
			realtime_remove(&queue, entity);
			for (count--; at < count; at++)
				in[at] = in[at + 1];
		} else {
			realtime_insert(&queue, entity, first);
			for (at = count++;
			     at && (in[at - 1]->priority < entity->priority ||
				    (first && in[at - 1]->priority == entity->priority));
			     at--)
				in[at] = in[at - 1];
			in[at] = entity;
		}
		assert_ptr_equal(realtime_first(&queue), count ? in[0] : NULL);
		for (at = 0; at < count; at++)
			assert_ptr_equal(realtime_after(&queue, in[at]),
					 at + 1 < count ? in[at + 1] : NULL);
	}
}

static void test_priority_limits(void **state)
{
	static struct realtime_queue queue;
	static const uint8_t priority[] = {1, 63, 64, 65, 99};

	(void)state;
	for (unsigned i = 0; i < 5; i++) {
		tasks[i].sched.priority = priority[i];
		realtime_insert(&queue, &tasks[i].sched, false);
		assert_ptr_equal(realtime_first(&queue), &tasks[i].sched);
	}
	for (unsigned i = 5; i--;) {
		assert_ptr_equal(realtime_after(&queue, &tasks[i].sched),
				 i ? &tasks[i - 1].sched : NULL);
	}
}

/* --- fair */

/* Runs queue 0 for total_ns in slices; ran[i] is what task i had. */
static void simulate(unsigned count, uint64_t total_ns, uint64_t ran[])
{
	struct run_queue *queue = &queues[0];
	uint64_t now = 1;

	for (unsigned i = 0; i < count; i++)
		wants_cpu(&tasks[i], 0);
	while (now < total_ns) {
		struct task *task = run_queue_pick(queue);

		queue->current = task;
		task->sched.since_ns = now;
		now += FAIR_SLICE_NS;
		run_queue_charge(queue, now);
		run_queue_insert(queue, task, false);
	}
	for (unsigned i = 0; i < count; i++)
		ran[i] = tasks[i].sched.user_ns + tasks[i].sched.system_ns;
}

static void test_equal_shares(void **state)
{
	uint64_t ran[4];

	(void)state;
	simulate(4, 1000 * MS, ran);
	for (unsigned i = 1; i < 4; i++) /* within 2 % over a second: four on a CPU */
		assert_true(llabs((int64_t)(ran[i] - ran[0])) * 100 <= (int64_t)ran[0] * 2);
}

static void test_nice_shares(void **state)
{
	uint64_t ran[2];

	(void)state;
	tasks[1].sched.nice = 5;
	tasks[1].sched.weight = fair_weight(5);
	simulate(2, 10000 * MS, ran);
	assert_in_range(ran[0] * 100 / ran[1], 295, 315); /* 1.25^5 = 3.05 */
}

static void test_weights(void **state)
{
	(void)state;
	assert_int_equal(fair_weight(0), FAIR_WEIGHT_NICE_0);
	for (int nice = NICE_MIN; nice < NICE_MAX; nice++)
		assert_in_range(fair_weight(nice) * 100 / fair_weight(nice + 1), 115, 130);
}

static void test_sleeper_credit_is_bounded(void **state)
{
	struct fair_queue *queue = &queues[0].fair;

	(void)state;
	queue->min_vruntime = 1000 * MS;
	tasks[0].sched.vruntime = 5;
	fair_place_woken(queue, &tasks[0].sched);
	assert_int_equal(tasks[0].sched.vruntime, 1000 * MS - FAIR_CREDIT_NS);
	tasks[0].sched.vruntime = 2000 * MS; /* has had more than others: no gift */
	fair_place_woken(queue, &tasks[0].sched);
	assert_int_equal(tasks[0].sched.vruntime, 2000 * MS);
}

static void test_vruntime_wraps(void **state)
{
	struct fair_queue *queue = &queues[0].fair;

	(void)state;
	tasks[0].sched.vruntime = UINT64_MAX - 5;
	tasks[1].sched.vruntime = 10; /* later, beyond the end */
	fair_insert(queue, &tasks[1].sched);
	fair_insert(queue, &tasks[0].sched);
	assert_ptr_equal(fair_first(queue), &tasks[0].sched);
	assert_ptr_equal(fair_last(queue), &tasks[1].sched);
}

static void test_preemption(void **state)
{
	struct run_queue *queue = &queues[0];
	struct task *running = &tasks[0], *woken = &tasks[1];

	(void)state;
	assert_true(run_queue_preempts(queue, woken)); /* of the idle task */
	queue->current = running;
	running->sched.vruntime = FAIR_GRANULARITY_NS;
	assert_false(run_queue_preempts(queue, woken)); /* too small a lead */
	running->sched.vruntime++;
	assert_true(run_queue_preempts(queue, woken));
	woken->sched.policy = SCHED_BATCH;
	assert_false(run_queue_preempts(queue, woken));
	woken->sched.policy = SCHED_FIFO;
	woken->sched.priority = 1;
	assert_true(run_queue_preempts(queue, woken));
	running->sched.priority = 1;
	assert_false(run_queue_preempts(queue, woken)); /* equals don't */
}

/* --- where */

static void test_placement(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 3; i++)
		wants_cpu(&tasks[i], i);
	tasks[9].sched.cpu = 1;
	assert_int_equal(balance_choose_cpu(&tasks[9].sched), 3); /* the idle one */
	wants_cpu(&tasks[3], 3);
	assert_int_equal(balance_choose_cpu(&tasks[9].sched), 1); /* where it ran */
	tasks[9].sched.allowed = 1 << 2;
	assert_int_equal(balance_choose_cpu(&tasks[9].sched), 2);
	wants_cpu(&tasks[4], 0);
	wants_cpu(&tasks[5], 1);
	wants_cpu(&tasks[6], 3);
	tasks[9].sched = (struct sched_entity){.allowed = UINT64_MAX, .cpu = 1}; /* new */
	assert_int_equal(balance_choose_cpu(&tasks[9].sched), 2);
}

static void test_pull(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 8; i++)
		wants_cpu(&tasks[i], 0);
	assert_true(balance_pull(&queues[1]));
	assert_int_equal(queues[0].count, 4);
	assert_int_equal(queues[1].count, 4);
	assert_int_equal(queues[0].load, queues[1].load);
	assert_true(demands[1] > 0);
	assert_false(balance_pull(&queues[0])); /* nothing to be gained */
}

static void test_pull_heeds_affinity_and_one_task(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		tasks[i].sched.allowed = 1;
		wants_cpu(&tasks[i], 0);
	}
	assert_false(balance_pull(&queues[1]));
	tasks[1].sched.allowed = 3;
	assert_false(balance_pull(&queues[2]));
	wants_cpu(&tasks[4], 3);
	assert_true(balance_pull(&queues[1])); /* an idle CPU takes the one that may */
	assert_int_equal(tasks[1].sched.cpu, 1);
	assert_int_equal(queues[1].count, 1);
}

static void test_pull_real_time(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		tasks[i].sched.priority = 50;
		wants_cpu(&tasks[i], 0);
	}
	tasks[0].sched.allowed = 1;
	assert_true(balance_pull(&queues[1]));
	assert_int_equal(tasks[0].sched.cpu, 0);
	assert_int_equal(queues[0].count + queues[1].count, 3);
}

/* Tasks come, go and are pulled at random: counts and loads stay true. */
static void test_random_balance(void **state)
{
	bool in[TASKS] = {0};

	(void)state;
	for (unsigned round = 0; round < ROUNDS; round++) {
		const unsigned i = rand() % TASKS;
		struct task *task = &tasks[i];
		struct run_queue *queue = &queues[task->sched.cpu];

		if (round % 7 == 0) {
			balance_pull(&queues[rand() % CPUS]);
		} else if (in[i]) {
			run_queue_remove(queue, task);
			run_queue_depart(queue, task);
			in[i] = false;
		} else {
			task->sched.priority = rand() % 3 ? 0 : 1 + rand() % 99;
			task->sched.allowed = 1 + rand() % 15;
			wants_cpu(task, balance_choose_cpu(&task->sched));
			assert_true(task->sched.allowed >> task->sched.cpu & 1);
			in[i] = true;
		}
	}
	for (unsigned cpu = 0; cpu < CPUS; cpu++) {
		unsigned count = 0;

		for (unsigned i = 0; i < TASKS; i++)
			if (in[i] && tasks[i].sched.cpu == cpu) {
				assert_true(tasks[i].sched.queued);
				assert_true(tasks[i].sched.allowed >> cpu & 1);
				count++;
			}
		assert_int_equal(queues[cpu].count, count);
		assert_int_equal(queues[cpu].load, (uint64_t)count * FAIR_WEIGHT_NICE_0);
		while (run_queue_pick(&queues[cpu]) != &idle[cpu])
			count--;
		assert_int_equal(count, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_realtime_model, setup),
		cmocka_unit_test_setup(test_priority_limits, setup),
		cmocka_unit_test_setup(test_equal_shares, setup),
		cmocka_unit_test_setup(test_nice_shares, setup),
		cmocka_unit_test_setup(test_weights, setup),
		cmocka_unit_test_setup(test_sleeper_credit_is_bounded, setup),
		cmocka_unit_test_setup(test_vruntime_wraps, setup),
		cmocka_unit_test_setup(test_preemption, setup),
		cmocka_unit_test_setup(test_placement, setup),
		cmocka_unit_test_setup(test_pull, setup),
		cmocka_unit_test_setup(test_pull_heeds_affinity_and_one_task, setup),
		cmocka_unit_test_setup(test_pull_real_time, setup),
		cmocka_unit_test_setup(test_random_balance, setup),
	};

	return cmocka_run_group_tests_name("sched_queues", tests, NULL, NULL);
}

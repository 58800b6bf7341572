/* SPDX-License-Identifier: MIT
 *
 * Load averages: every 5 s each moves towards the number of tasks that want a CPU by 1 - e^(-5 s / T).
 * Nobody looks while all CPUs are idle; the next one to look makes up for what was missed.
 */
#include "guest/sched/account.h"

#include "guest/arch/insn.h"
#include "guest/proc/process.h"
#include "guest/sched/run_queue.h"
#include "guest/sched/schedule.h"
#include "guest/time/clock.h"

#define LOAD_PERIOD_NS 5000000000ull
#define MISSED_MAX 1000 /* after that many periods of nothing there is nothing left */

/* e^(-5 s / T) * 2^16. */
static const uint32_t load_keep[3] = {60297, 64453, 65173};
static uint64_t load_average[3];
static uint64_t load_due_ns = LOAD_PERIOD_NS;
static struct spinlock load_lock;

void account_sample(struct task *task, bool in_user_mode)
{
	const unsigned share = task->sched.user_share;

	task->sched.user_share = share - share / 4 + (in_user_mode ? 64 : 0);
	if (in_user_mode && share >= 252)
		task->sched.user_share = 255;
}

unsigned account_runnable(void)
{
	unsigned count = 0;

	for (uint64_t left = sched_online; left; left &= left - 1)
		count += __atomic_load_n(&run_queue_of(__builtin_ctzll(left))->count,
					 __ATOMIC_RELAXED);
	return count;
}

unsigned account_blocked(void)
{
	int64_t count = 0; /* of one queue it may be negative: who blocked there woke elsewhere */

	for (uint64_t left = sched_online; left; left &= left - 1)
		count += run_queue_of(__builtin_ctzll(left))->uninterruptible;
	return count > 0 ? (unsigned)count : 0;
}

static void load_step(uint64_t tasks)
{
	for (unsigned i = 0; i < 3; i++)
		load_average[i] = (load_average[i] * load_keep[i] +
				   (tasks << ACCOUNT_LOAD_SHIFT) * (65536 - load_keep[i])) >>
				  16;
}

void account_load(uint64_t now_ns)
{
	uint64_t flags, missed;

	if (now_ns < __atomic_load_n(&load_due_ns, __ATOMIC_RELAXED))
		return;
	flags = spin_lock(&load_lock);
	if (now_ns >= load_due_ns) {
		missed = (now_ns - load_due_ns) / LOAD_PERIOD_NS;
		for (uint64_t i = 0; i < missed && i < MISSED_MAX; i++)
			load_step(0);
		load_step(account_runnable() + account_blocked());
		load_due_ns += (missed + 1) * LOAD_PERIOD_NS;
	}
	spin_unlock(&load_lock, flags);
}

void account_load_averages(uint64_t load[3])
{
	uint64_t flags;

	account_load(clock_ns());
	flags = spin_lock(&load_lock);
	for (unsigned i = 0; i < 3; i++)
		load[i] = load_average[i];
	spin_unlock(&load_lock, flags);
}

void account_cpu(unsigned cpu, struct cpu_times *times)
{
	struct run_queue *queue = run_queue_of(cpu);
	const uint64_t flags = spin_lock(&queue->lock);
	const uint64_t now = clock_ns(), since = queue->current->sched.since_ns;

	*times = (struct cpu_times){queue->user_ns, queue->system_ns, queue->idle_ns,
				    queue->steal_ns, queue->switches};
	if (queue->current == queue->idle && now > since)
		times->idle += now - since;
	spin_unlock(&queue->lock, flags);
}

void account_task(struct task *task, struct task_times *times)
{
	uint64_t flags;
	struct run_queue *queue = sched_lock_queue_of(task, &flags);
	const struct sched_entity *entity = &task->sched;
	const uint64_t now = clock_ns();
	uint64_t more = now > entity->since_ns ? now - entity->since_ns : 0;

	*times = (struct task_times){entity->user_ns, entity->system_ns, entity->wait_ns,
				     entity->steal_ns};
	if (entity->queued) {
		times->wait += more;
	} else if (queue->current == task) {
		const uint64_t stolen = run_queue_pending_steal(queue);
		uint64_t user;

		more = more > stolen ? more - stolen : 0;
		user = more * entity->user_share >> 8;
		times->user += user;
		times->system += more - user;
	}
	spin_unlock(&queue->lock, flags);
}

void account_process(struct process *process, struct task_times *times)
{
	const uint64_t flags = spin_lock(&process_lock);

	*times = (struct task_times){process->ended.user_ns, process->ended.system_ns, 0, 0};
	list_for_each(link, &process->threads)
	{
		struct task_times one;

		account_task(container_of(link, struct task, in_process), &one);
		times->user += one.user;
		times->system += one.system;
		times->wait += one.wait;
		times->steal += one.steal;
	}
	spin_unlock(&process_lock, flags);
}

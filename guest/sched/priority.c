/* SPDX-License-Identifier: MIT
 *
 * A queued task is taken out, changed, and put back in, so no queue ever sees a key change.
 */
#include "guest/sched/priority.h"

#include "guest/arch/insn.h"
#include "guest/sched/fair.h"
#include "guest/sched/run_queue.h"
#include "guest/sched/schedule.h"

uint32_t priority_weight(const struct sched_entity *entity)
{
	if (entity->priority)
		return fair_weight(NICE_MIN);
	return entity->policy == SCHED_IDLE ? FAIR_WEIGHT_IDLE : fair_weight(entity->nice);
}

struct change {
	struct task *task;
	struct run_queue *queue;
	uint64_t flags;
	bool queued, counted;
};

static struct change begin(struct task *task)
{
	struct change change = {.task = task};

	change.queue = sched_lock_queue_of(task, &change.flags);
	change.queued = task->sched.queued;
	change.counted = change.queued || change.queue->current == task;
	if (change.queued)
		run_queue_remove(change.queue, task);
	if (change.counted)
		change.queue->load -= task->sched.weight;
	return change;
}

static void end(const struct change *change)
{
	struct run_queue *queue = change->queue;
	struct task *task = change->task;

	task->sched.weight = priority_weight(&task->sched);
	if (change->counted)
		queue->load += task->sched.weight;
	if (change->queued)
		run_queue_insert(queue, task, false);
	if (change->counted) /* someone else may be first now */
		sched_demand(queue);
	spin_unlock(&queue->lock, change->flags);
}

void priority_set_nice(struct task *task, int nice)
{
	struct change change = begin(task);

	task->sched.nice = nice;
	end(&change);
}

void priority_set_policy(struct task *task, enum sched_policy policy, unsigned priority)
{
	struct change change = begin(task);

	if (task->sched.priority && !priority)
		fair_place_new(&change.queue->fair, &task->sched);
	task->sched.policy = policy;
	task->sched.priority = priority;
	end(&change);
}

void priority_set_allowed(struct task *task, uint64_t cpus)
{
	uint64_t flags;
	struct run_queue *queue = sched_lock_queue_of(task, &flags);

	task->sched.allowed = cpus;
	if (cpus >> queue->cpu & 1) {
		spin_release(&queue->lock);
	} else if (task->sched.queued) {
		run_queue_remove(queue, task);
		run_queue_depart(queue, task);
		sched_place(queue, task);
	} else {
		if (queue->current == task)
			sched_demand(queue);
		spin_release(&queue->lock);
	}
	irq_restore(flags);
}

/* SPDX-License-Identifier: MIT
 *
 * Real time before fair before idle.
 */
#include "guest/sched/run_queue.h"

#include "guest/hyper/steal.h"

static struct task *task_of(struct sched_entity *entity)
{
	return container_of(entity, struct task, sched);
}

void run_queue_insert(struct run_queue *queue, struct task *task, bool first)
{
	if (task->sched.priority)
		realtime_insert(&queue->realtime, &task->sched, first);
	else
		fair_insert(&queue->fair, &task->sched);
	task->sched.queued = true;
}

void run_queue_remove(struct run_queue *queue, struct task *task)
{
	if (task->sched.priority)
		realtime_remove(&queue->realtime, &task->sched);
	else
		fair_remove(&queue->fair, &task->sched);
	task->sched.queued = false;
}

void run_queue_arrive(struct run_queue *queue, struct task *task, uint64_t now_ns)
{
	queue->count++;
	queue->load += task->sched.weight;
	task->sched.since_ns = now_ns;
	run_queue_insert(queue, task, false);
}

void run_queue_depart(struct run_queue *queue, struct task *task)
{
	queue->count--;
	queue->load -= task->sched.weight;
}

struct task *run_queue_pick(struct run_queue *queue)
{
	struct sched_entity *next = realtime_first(&queue->realtime);
	struct task *task;

	if (!next)
		next = fair_first(&queue->fair);
	if (!next)
		return queue->idle;
	task = task_of(next);
	run_queue_remove(queue, task);
	return task;
}

bool run_queue_preempts(const struct run_queue *queue, const struct task *task)
{
	const struct task *current = queue->current;

	if (current == queue->idle)
		return true;
	if (task->sched.priority || current->sched.priority)
		return task->sched.priority > current->sched.priority;
	return fair_preempts(&task->sched, &current->sched);
}

/* The hypervisor ran somebody else for part of that time. */
static void book_steal(struct run_queue *queue, struct sched_entity *entity)
{
	const uint64_t steal_ns = steal_read(cpu_at(queue->cpu));
	const uint64_t more = steal_ns - queue->steal_seen_ns;

	if (!more)
		return;
	queue->steal_seen_ns = steal_ns;
	queue->steal_ns += more;
	entity->steal_ns += more;
}

void run_queue_charge(struct run_queue *queue, uint64_t now_ns)
{
	struct sched_entity *entity = &queue->current->sched;
	const uint64_t ran = now_ns - entity->since_ns;
	const uint64_t user = ran * entity->user_share >> 8;

	entity->since_ns = now_ns;
	book_steal(queue, entity);
	if (queue->current == queue->idle) {
		queue->idle_ns += ran;
		return;
	}
	entity->user_ns += user;
	entity->system_ns += ran - user;
	queue->user_ns += user;
	queue->system_ns += ran - user;
	if (!entity->priority)
		fair_charge(&queue->fair, entity, ran);
}

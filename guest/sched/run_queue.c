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

uint64_t run_queue_pending_steal(const struct run_queue *queue)
{
	return steal_read(cpu_at(queue->cpu)) - queue->steal_seen_ns;
}

/* The hypervisor ran somebody else for part of that time: nobody here has used it. Returns the rest. */
static uint64_t book_steal(struct run_queue *queue, struct sched_entity *entity, uint64_t ran)
{
	const uint64_t more = run_queue_pending_steal(queue);

	queue->steal_seen_ns += more;
	queue->steal_ns += more;
	entity->steal_ns += more;
	return ran > more ? ran - more : 0;
}

void run_queue_charge(struct run_queue *queue, uint64_t now_ns)
{
	struct sched_entity *entity = &queue->current->sched;
	const uint64_t ran = book_steal(queue, entity, now_ns - entity->since_ns);
	const uint64_t user = ran * entity->user_share >> 8;

	entity->since_ns = now_ns;
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

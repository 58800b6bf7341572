/* SPDX-License-Identifier: MIT
 *
 * Two queues are never locked at once: tasks that move are taken out of one into a list, then put into
 * the other.
 */
#include "guest/sched/balance.h"

#include "guest/arch/insn.h"
#include "guest/sched/run_queue.h"
#include "guest/sched/schedule.h"
#include "guest/sched/trace.h"
#include "guest/time/clock.h"

#define PERIOD_TICKS 4 /* between two looks of a busy CPU */
#define MOVE_MAX 32    /* tasks at once; bounds the time with interrupts off */

static uint64_t load_of(unsigned cpu)
{
	return __atomic_load_n(&run_queue_of(cpu)->load, __ATOMIC_RELAXED);
}

static unsigned least_loaded(uint64_t cpus, unsigned preferred)
{
	unsigned best = cpus >> preferred & 1 ? preferred : (unsigned)__builtin_ctzll(cpus);

	for (uint64_t left = cpus; left && load_of(best); left &= left - 1) {
		const unsigned cpu = __builtin_ctzll(left);

		if (load_of(cpu) < load_of(best))
			best = cpu;
	}
	return best;
}

unsigned balance_choose_cpu(const struct sched_entity *entity)
{
	const uint64_t online = __atomic_load_n(&sched_online, __ATOMIC_ACQUIRE);
	uint64_t cpus = entity->allowed & online;
	unsigned best;

	if (!(online & (online - 1)))
		return entity->cpu;
	if (!cpus)
		cpus = online;
	best = least_loaded(cpus, entity->cpu);
	/* Caches are warm where it ran; only an idle CPU is worth leaving it. */
	if (entity->since_ns && load_of(best) && cpus >> entity->cpu & 1)
		return entity->cpu;
	return best;
}

uint64_t balance_share(uint64_t ours, uint64_t theirs)
{
	return theirs > ours ? (theirs - ours) / 2 : 0;
}

static struct run_queue *busiest(const struct run_queue *queue)
{
	struct run_queue *best = NULL;
	uint64_t most = queue->load;

	for (uint64_t left = sched_online & ~(1ull << queue->cpu); left; left &= left - 1) {
		struct run_queue *other = run_queue_of(__builtin_ctzll(left));

		if (__atomic_load_n(&other->count, __ATOMIC_RELAXED) > 1 && other->load > most) {
			best = other;
			most = other->load;
		}
	}
	return best;
}

/* From the task whose turn is farthest away; after them the real-time ones, most urgent first. */
static struct sched_entity *first_candidate(const struct run_queue *from)
{
	struct sched_entity *entity = fair_last(&from->fair);

	return entity ? entity : realtime_first(&from->realtime);
}

static struct sched_entity *next_candidate(const struct run_queue *from,
					   const struct sched_entity *entity)
{
	struct sched_entity *next;

	if (entity->priority)
		return realtime_after(&from->realtime, entity);
	next = fair_before(entity);
	return next ? next : realtime_first(&from->realtime);
}

/* Takes up to share of load out of from, for CPU to; an idle CPU gets one task in any case. */
static unsigned take(struct run_queue *from, struct run_queue *to, uint64_t share,
		     struct task *taken[MOVE_MAX])
{
	struct sched_entity *entity = first_candidate(from);
	unsigned count = 0;

	while (entity && count < MOVE_MAX) {
		struct task *task = container_of(entity, struct task, sched);

		entity = next_candidate(from, entity);
		if (!(task->sched.allowed >> to->cpu & 1) ||
		    (task->sched.weight > share && (count || to->count)))
			continue;
		share -= task->sched.weight < share ? task->sched.weight : share;
		run_queue_remove(from, task);
		run_queue_depart(from, task);
		fair_leave(&from->fair, &task->sched);
		trace_migration(task, from->cpu, to->cpu);
		__atomic_store_n(&task->sched.cpu, to->cpu, __ATOMIC_RELAXED);
		taken[count++] = task;
	}
	return count;
}

bool balance_pull(struct run_queue *queue)
{
	struct run_queue *from = busiest(queue);
	struct task *taken[MOVE_MAX];
	unsigned count;

	if (!from)
		return false;
	spin_take(&from->lock);
	count = take(from, queue, balance_share(queue->load, from->load), taken);
	spin_release(&from->lock);
	spin_take(&queue->lock);
	for (unsigned i = 0; i < count; i++) {
		fair_join(&queue->fair, &taken[i]->sched);
		run_queue_arrive(queue, taken[i], clock_ns());
		if (run_queue_preempts(queue, taken[i]))
			sched_demand(queue);
	}
	spin_release(&queue->lock);
	return count;
}

void balance_tick(struct run_queue *queue, uint64_t now_ns)
{
	if (!(sched_online & (sched_online - 1)) ||
	    now_ns - queue->balanced_ns < PERIOD_TICKS * SCHED_TICK_NS)
		return;
	queue->balanced_ns = now_ns;
	balance_pull(queue);
	if (queue->count < 2)
		return;
	for (uint64_t left = sched_online; left; left &= left - 1) {
		struct run_queue *other = run_queue_of(__builtin_ctzll(left));

		if (__atomic_load_n(&other->count, __ATOMIC_RELAXED))
			continue;
		spin_take(&other->lock); /* its idle loop pulls */
		sched_demand(other);
		spin_release(&other->lock);
		return;
	}
}

/* SPDX-License-Identifier: MIT
 *
 * The tasks that want one CPU: the one that runs, and those that wait, by class. Inside the scheduler
 * only. Everything is called with the queue locked and interrupts off.
 */
#ifndef GUEST_SCHED_RUN_QUEUE_H
#define GUEST_SCHED_RUN_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include "guest/arch/cpu.h"
#include "guest/arch/spinlock.h"
#include "guest/sched/fair.h"
#include "guest/sched/realtime.h"
#include "guest/sched/task.h"

struct run_queue {
	struct spinlock lock; /* held across a switch, and released by the task switched to */
	uint32_t cpu;
	struct task *current; /* in no class's queue */
	struct task *idle;    /* runs when nobody else wants to */
	bool previous_moves;  /* during a switch: who ran before must go on elsewhere */
	uint32_t count;	      /* of tasks, with the running one, without the idle one */
	uint64_t load;	      /* the sum of their weights */
	struct fair_queue fair;
	struct realtime_queue realtime;

	uint64_t balanced_ns; /* when balance_tick() last looked */
	uint64_t steal_seen_ns;
	uint64_t switches, user_ns, system_ns, idle_ns, steal_ns; /* since boot */
	int64_t uninterruptible; /* went to sleep here less woken here; the sum counts */
};

static inline struct run_queue *run_queue_of(unsigned cpu)
{
	return cpu_at(cpu)->queue;
}

/* In and out of its class, without a change of count. first: real time, it keeps its place. */
void run_queue_insert(struct run_queue *queue, struct task *task, bool first);
void run_queue_remove(struct run_queue *queue, struct task *task);

/* A task begins to want this CPU, or no longer does (sleeps, ends, moves). */
void run_queue_arrive(struct run_queue *queue, struct task *task, uint64_t now_ns);
void run_queue_depart(struct run_queue *queue, struct task *task);

/* Takes out who goes next; the idle task if nobody waits. */
struct task *run_queue_pick(struct run_queue *queue);

/* Whether task should run at once in place of the one that does. */
bool run_queue_preempts(const struct run_queue *queue, const struct task *task);

/* Steal time that run_queue_charge() hasn't seen yet. */
uint64_t run_queue_pending_steal(const struct run_queue *queue);

/* Books the time since the last call on the running task, less what was stolen. */
void run_queue_charge(struct run_queue *queue, uint64_t now_ns);

#endif

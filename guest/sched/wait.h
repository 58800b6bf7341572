/* SPDX-License-Identifier: MIT
 *
 * Waiting for a condition. The sleeper joins the queue, looks at the condition, and only then sleeps;
 * who changes the condition wakes the queue afterwards, so nothing is missed.
 */
#ifndef GUEST_SCHED_WAIT_H
#define GUEST_SCHED_WAIT_H

#include <stdbool.h>
#include <stdint.h>

#include "guest/arch/spinlock.h"
#include "guest/lib/errno.h"
#include "guest/lib/list.h"
#include "guest/sched/task.h"

#define WAIT_FOREVER UINT64_MAX

struct waitq {
	struct spinlock lock;
	struct list waits;
};

#define WAITQ_EMPTY(queue)                     \
	{                                      \
		{0}, LIST_EMPTY((queue).waits) \
	}

/* One membership of a queue, usually on the waiter's stack. */
struct wait {
	struct list link;
	struct waitq *queue;
	struct task *task;
	/* Called in place of task_wake(task), with the queue locked and interrupts off. NULL: that. */
	void (*wake)(struct wait *wait);
	bool exclusive; /* waitq_wake_one() wakes only one of these */
};

void waitq_init(struct waitq *queue);
void waitq_add(struct waitq *queue, struct wait *wait);
void waitq_remove(struct wait *wait);

/* Wakes all; or those that aren't exclusive, and one that is. From any context. */
void waitq_wake(struct waitq *queue);
void waitq_wake_one(struct waitq *queue);

/* Steps of wait_until(). Begin: queues the running task and marks it as sleeping in state. Step: 0
 * after a sleep; -ERESTART: a signal is pending; -ETIMEDOUT: clock_ns() has passed deadline_ns. */
void wait_begin(struct waitq *queue, struct wait *wait, enum task_state state);
int wait_step(struct wait *wait, enum task_state state, uint64_t deadline_ns);
void wait_end(struct wait *wait);

/* wait_step() for a task that has called task_sleep(state) and looked at its condition, in no queue. It
 * may be marked as sleeping or not afterwards. */
int wait_sleep(enum task_state state, uint64_t deadline_ns);

/* Sleeps until condition (an expression) is true: 0, or -ERESTART or -ETIMEDOUT. */
#define wait_until_in(queue, condition, state, deadline_ns)                                   \
	({                                                                                    \
		const uint64_t wait_deadline_ns = deadline_ns; /* once: it may be "in 5 s" */ \
		struct wait wait_one;                                                         \
		int wait_result = 0;                                                          \
                                                                                              \
		if (!(condition)) {                                                           \
			wait_begin(queue, &wait_one, state);                                  \
			while (!(condition) && !wait_result)                                  \
				wait_result = wait_step(&wait_one, state, wait_deadline_ns);  \
			wait_end(&wait_one);                                                  \
		}                                                                             \
		wait_result;                                                                  \
	})
#define wait_until(queue, condition) wait_until_in(queue, condition, TASK_SLEEPING, WAIT_FOREVER)
#define wait_until_deadline(queue, condition, deadline_ns) \
	wait_until_in(queue, condition, TASK_SLEEPING, deadline_ns)
#define wait_uninterruptible(queue, condition) \
	wait_until_in(queue, condition, TASK_UNINTERRUPTIBLE, WAIT_FOREVER)

#endif

/* SPDX-License-Identifier: MIT
 *
 * Wait queues. Those who want to be woken one at a time stand at the end.
 */
#include "guest/sched/wait.h"

#include <stddef.h>

#include "guest/arch/insn.h"
#include "guest/sched/schedule.h"
#include "guest/sched/timer.h"
#include "guest/time/clock.h"

void waitq_init(struct waitq *queue)
{
	queue->lock = (struct spinlock){0};
	list_init(&queue->waits);
}

void waitq_add(struct waitq *queue, struct wait *wait)
{
	const uint64_t flags = spin_lock(&queue->lock);

	wait->queue = queue;
	if (wait->exclusive)
		list_add_last(&queue->waits, &wait->link);
	else
		list_add_first(&queue->waits, &wait->link);
	spin_unlock(&queue->lock, flags);
}

void waitq_remove(struct wait *wait)
{
	const uint64_t flags = spin_lock(&wait->queue->lock);

	list_remove(&wait->link);
	spin_unlock(&wait->queue->lock, flags);
}

/* Whether that made somebody go on. */
static bool wake(struct wait *wait)
{
	if (!wait->wake)
		return task_wake(wait->task);
	wait->wake(wait);
	return true;
}

static void wake_some(struct waitq *queue, bool one)
{
	uint64_t flags;

	memory_fence(); /* the condition is stored before; pairs with the lock in waitq_add() */
	if (list_is_empty(&queue->waits))
		return;
	flags = spin_lock(&queue->lock);
	list_for_each_safe(link, &queue->waits)
	{
		struct wait *wait_one = container_of(link, struct wait, link);

		if (wake(wait_one) && one && wait_one->exclusive)
			break;
	}
	spin_unlock(&queue->lock, flags);
}

void waitq_wake(struct waitq *queue)
{
	wake_some(queue, false);
}

void waitq_wake_one(struct waitq *queue)
{
	wake_some(queue, true);
}

void wait_begin(struct waitq *queue, struct wait *wait, enum task_state state)
{
	wait->task = task_this();
	wait->wake = NULL;
	wait->exclusive = false;
	waitq_add(queue, wait);
	task_sleep(state);
}

struct wake_up {
	struct timer timer;
	struct task *task;
};

static void time_is_up(struct timer *timer)
{
	task_wake(container_of(timer, struct wake_up, timer)->task);
}

static int sleep_until(uint64_t deadline_ns)
{
	struct wake_up up = {.task = task_this()};

	if (clock_ns() >= deadline_ns)
		return -ETIMEDOUT;
	timer_init(&up.timer, time_is_up);
	timer_set(&up.timer, deadline_ns);
	schedule();
	timer_cancel(&up.timer);
	return 0;
}

int wait_sleep(enum task_state state, uint64_t deadline_ns)
{
	if (state == TASK_SLEEPING && signal_is_pending())
		return -ERESTART;
	if (deadline_ns != WAIT_FOREVER)
		return sleep_until(deadline_ns);
	schedule();
	return 0;
}

int wait_step(struct wait *wait, enum task_state state, uint64_t deadline_ns)
{
	const int result = wait_sleep(state, deadline_ns);

	(void)wait;
	task_sleep(state);
	return result;
}

void wait_end(struct wait *wait)
{
	task_sleep(TASK_RUNNABLE);
	waitq_remove(wait);
}

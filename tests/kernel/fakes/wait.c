/* SPDX-License-Identifier: MIT
 *
 * Wait queues of one thread: nobody could end a wait, so having to wait is a failed test.
 */
#include "guest/sched/wait.h"

#include <stdlib.h>

void waitq_init(struct waitq *queue)
{
	list_init(&queue->waits);
}

void waitq_add(struct waitq *queue, struct wait *wait)
{
	wait->queue = queue;
	list_add_last(&queue->waits, &wait->link);
}

void waitq_remove(struct wait *wait)
{
	list_remove(&wait->link);
}

void waitq_wake(struct waitq *queue)
{
	list_for_each_safe(link, &queue->waits)
	{
		struct wait *wait = container_of(link, struct wait, link);

		if (wait->wake)
			wait->wake(wait);
	}
}

void waitq_wake_one(struct waitq *queue)
{
	waitq_wake(queue);
}

void wait_begin(struct waitq *queue, struct wait *wait, enum task_state state)
{
	(void)state;
	*wait = (struct wait){.task = task_this()};
	waitq_add(queue, wait);
}

int wait_step(struct wait *wait, enum task_state state, uint64_t deadline_ns)
{
	(void)wait, (void)state;
	if (deadline_ns == WAIT_FOREVER)
		abort();
	return -ETIMEDOUT;
}

void wait_end(struct wait *wait)
{
	waitq_remove(wait);
}

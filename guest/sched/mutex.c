/* SPDX-License-Identifier: MIT
 *
 * Whoever comes first after an unlock gets it, be it one who never waited: no task is woken only to
 * find that it must wait for another one to run.
 */
#include "guest/sched/mutex.h"

#include <stddef.h>

#include "guest/sched/schedule.h"

void mutex_init(struct mutex *mutex)
{
	mutex->owner = NULL;
	waitq_init(&mutex->waiters);
}

bool mutex_try_lock(struct mutex *mutex)
{
	struct task *nobody = NULL;

	return __atomic_compare_exchange_n(&mutex->owner, &nobody, task_this(), false,
					   __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

static void wait_for(struct mutex *mutex)
{
	struct wait wait = {.task = task_this(), .exclusive = true};

	waitq_add(&mutex->waiters, &wait);
	for (;;) {
		task_sleep(TASK_UNINTERRUPTIBLE);
		if (mutex_try_lock(mutex))
			break;
		schedule();
	}
	task_sleep(TASK_RUNNABLE);
	waitq_remove(&wait);
}

void mutex_lock(struct mutex *mutex)
{
	spin_check_may_sleep();
	if (!mutex_try_lock(mutex))
		wait_for(mutex);
}

void mutex_unlock(struct mutex *mutex)
{
	__atomic_store_n(&mutex->owner, NULL, __ATOMIC_RELEASE); /* pairs with mutex_try_lock() */
	waitq_wake_one(&mutex->waiters);
}

/* SPDX-License-Identifier: MIT
 *
 * A lock whose holder may sleep. Not for interrupt handlers.
 */
#ifndef GUEST_SCHED_MUTEX_H
#define GUEST_SCHED_MUTEX_H

#include <stdbool.h>

#include "guest/sched/wait.h"

struct mutex {
	struct task *owner; /* NULL: free */
	struct waitq waiters;
};

#define MUTEX_FREE(mutex)                          \
	{                                          \
		NULL, WAITQ_EMPTY((mutex).waiters) \
	}

void mutex_init(struct mutex *mutex);
void mutex_lock(struct mutex *mutex);
bool mutex_try_lock(struct mutex *mutex);
void mutex_unlock(struct mutex *mutex);

#endif

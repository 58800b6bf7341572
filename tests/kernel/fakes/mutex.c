/* SPDX-License-Identifier: MIT
 *
 * Mutexes of one thread: taken twice, given back when free, or taken under a spinlock is the end.
 */
#include "guest/sched/mutex.h"

#include <stdlib.h>

#include "guest/arch/insn.h"

void mutex_init(struct mutex *mutex)
{
	mutex->owner = NULL;
	waitq_init(&mutex->waiters);
}

void mutex_lock(struct mutex *mutex)
{
	if (host_spinlocks_held || mutex->owner)
		abort();
	mutex->owner = task_this();
}

bool mutex_try_lock(struct mutex *mutex)
{
	if (mutex->owner)
		return false;
	mutex->owner = task_this();
	return true;
}

void mutex_unlock(struct mutex *mutex)
{
	if (!mutex->owner)
		abort();
	mutex->owner = NULL;
}

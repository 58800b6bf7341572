/* SPDX-License-Identifier: MIT
 *
 * Kernel threads never run: tests call their functions.
 */
#include "guest/sched/schedule.h"
#include "guest/sched/task.h"

struct task *kthread_start(const char *name, void (*function)(void *argument), void *argument)
{
	static struct task thread;

	(void)name, (void)function, (void)argument;
	return &thread;
}

void sched_yield(void)
{
}

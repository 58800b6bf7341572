/* SPDX-License-Identifier: MIT
 *
 * Nice levels and I/O priorities, of threads, process groups and users. I/O priorities are kept and
 * reported, and change nothing.
 */
#include <stddef.h>

#include "guest/lib/errno.h"
#include "guest/proc/process.h"
#include "guest/sched/priority.h"
#include "guest/sched/task.h"

#define NICE_TO_CALL(nice) (20 - (nice)) /* getpriority(2) returns nothing negative */
#define IOPRIO_CLASS_MAX 3
#define IOPRIO_CLASS(value) ((value) >> 13)

enum priority_which { PRIO_PROCESS, PRIO_PGRP, PRIO_USER };

int64_t sys_getpriority(int which, int who);
int64_t sys_setpriority(int which, int who, int nice);
int64_t sys_ioprio_get(int which, int who);
int64_t sys_ioprio_set(int which, int who, int value);

/* What to do with each task that is meant; results are combined in it. */
struct visit {
	void (*task)(struct visit *visit, struct task *task);
	int64_t result;
	int value;
	bool found;
};

static bool is_meant(const struct process *process, int which, int who)
{
	if (which == PRIO_PGRP)
		return process->group == (who ? who : process_this()->group);
	return process->credentials.uid == (who ? (uint32_t)who : process_this()->credentials.uid);
}

/* Under process_lock. */
static void visit_all(int which, int who, struct visit *visit)
{
	const uint64_t flags = spin_lock(&process_lock);

	list_for_each(link, &process_all)
	{
		struct process *process = container_of(link, struct process, in_all);

		if (!is_meant(process, which, who))
			continue;
		list_for_each(thread, &process->threads)
		{
			visit->found = true;
			visit->task(visit, container_of(thread, struct task, in_process));
		}
	}
	spin_unlock(&process_lock, flags);
}

static int64_t visit_meant(int which, int who, struct visit *visit)
{
	struct task *task;

	if (which == PRIO_PGRP || which == PRIO_USER) {
		visit_all(which, who, visit);
	} else if (which == PRIO_PROCESS) {
		task = who ? task_find(who) : task_get(task_this());
		visit->found = task != NULL;
		if (task) {
			visit->task(visit, task);
			task_put(task);
		}
	} else {
		return -EINVAL;
	}
	return visit->found ? visit->result : -ESRCH;
}

static void least_nice(struct visit *visit, struct task *task)
{
	const int64_t value = NICE_TO_CALL(task->sched.nice);

	if (value > visit->result)
		visit->result = value;
}

int64_t sys_getpriority(int which, int who)
{
	struct visit visit = {.task = least_nice};

	return visit_meant(which, who, &visit);
}

static bool may_change(const struct task *task)
{
	const struct credentials *self = &process_this()->credentials;
	const struct credentials *other = &task->process->credentials;

	return self->euid == 0 || self->euid == other->euid || self->euid == other->uid;
}

static void set_nice(struct visit *visit, struct task *task)
{
	const struct limit *limit = &process_this()->limits[RLIMIT_NICE];

	if (!may_change(task))
		visit->result = -EPERM;
	else if (visit->value < task->sched.nice && !process_is_root() &&
		 (uint64_t)NICE_TO_CALL(visit->value) > limit->soft)
		visit->result = -EACCES;
	else
		priority_set_nice(task, visit->value);
}

int64_t sys_setpriority(int which, int who, int nice)
{
	struct visit visit = {.task = set_nice};

	visit.value = nice < NICE_MIN ? NICE_MIN : nice > NICE_MAX ? NICE_MAX : nice;
	return visit_meant(which, who, &visit);
}

static void get_io(struct visit *visit, struct task *task)
{
	visit->result = task->sched.io_priority;
}

/* Linux counts these from 1. */
int64_t sys_ioprio_get(int which, int who)
{
	struct visit visit = {.task = get_io};

	return visit_meant(which - 1, who, &visit);
}

static void set_io(struct visit *visit, struct task *task)
{
	if (may_change(task))
		task->sched.io_priority = visit->value;
	else
		visit->result = -EPERM;
}

int64_t sys_ioprio_set(int which, int who, int value)
{
	struct visit visit = {.task = set_io, .value = value};

	if (value < 0 || IOPRIO_CLASS(value) > IOPRIO_CLASS_MAX || (value & 0x1fff) > 7)
		return -EINVAL;
	return visit_meant(which - 1, who, &visit);
}

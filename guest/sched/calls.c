/* SPDX-License-Identifier: MIT
 *
 * System calls about policies, CPUs, and giving way. A task is named by its thread ID; 0 is the caller.
 */
#include <stddef.h>

#include "guest/arch/insn.h"
#include "guest/lib/errno.h"
#include "guest/lib/string.h"
#include "guest/mm/user.h"
#include "guest/proc/process.h"
#include "guest/sched/balance.h"
#include "guest/sched/fair.h"
#include "guest/sched/priority.h"
#include "guest/sched/realtime.h"
#include "guest/sched/schedule.h"
#include "guest/time/time_calls.h"

#define SCHED_RESET_ON_FORK 0x40000000
#define SCHED_ATTR_BYTES_0 48 /* the first version of struct sched_attr */
#define ATTR_RESET_ON_FORK 1

int64_t sys_sched_yield(void);
int64_t sys_sched_setscheduler(int tid, int policy, uint64_t param_gva);
int64_t sys_sched_getscheduler(int tid);
int64_t sys_sched_setparam(int tid, uint64_t param_gva);
int64_t sys_sched_getparam(int tid, uint64_t param_gva);
int64_t sys_sched_get_priority_max(int policy);
int64_t sys_sched_get_priority_min(int policy);
int64_t sys_sched_rr_get_interval(int tid, uint64_t spec_gva);
int64_t sys_sched_setaffinity(int tid, uint64_t bytes, uint64_t mask_gva);
int64_t sys_sched_getaffinity(int tid, uint64_t bytes, uint64_t mask_gva);
int64_t sys_sched_setattr(int tid, uint64_t attr_gva, uint32_t flags);
int64_t sys_sched_getattr(int tid, uint64_t attr_gva, uint32_t bytes, uint32_t flags);
int64_t sys_getcpu(uint64_t cpu_gva, uint64_t node_gva);

int64_t sys_sched_yield(void)
{
	sched_yield();
	return 0;
}

/* Referenced, or NULL. */
static struct task *find(int tid)
{
	if (!tid)
		return task_get(task_this());
	return tid > 0 ? task_find(tid) : NULL;
}

/* Whether the running process may change task: it is root, or the same user. */
static bool may_change(const struct task *task)
{
	const struct credentials *self = &process_this()->credentials;
	struct process *process = process_of(task);
	const struct credentials *other = &process->credentials;
	const bool may = self->euid == 0 || self->euid == other->euid || self->euid == other->uid;

	process_put(process);
	return may;
}

static bool is_realtime(int policy)
{
	return policy == SCHED_FIFO || policy == SCHED_RR;
}

static bool is_known(int policy)
{
	return is_realtime(policy) || policy == SCHED_NORMAL || policy == SCHED_BATCH ||
	       policy == SCHED_IDLE;
}

/* Without privilege: real time as far as RLIMIT_RTPRIO goes. */
static int check_policy(const struct task *task, int policy, int priority)
{
	if (!is_known(policy) || priority < 0 || priority > REALTIME_PRIORITY_MAX ||
	    is_realtime(policy) != (priority > 0))
		return -EINVAL;
	if (!may_change(task) || (!process_is_root() && priority > task->sched.priority &&
				  (uint64_t)priority > process_this()->limits[RLIMIT_RTPRIO].soft))
		return -EPERM;
	return 0;
}

static int64_t set_policy(int tid, int policy, int priority, int reset_on_fork)
{
	struct task *task = find(tid);
	int result;

	if (!task)
		return tid < 0 ? -EINVAL : -ESRCH;
	if (policy < 0)
		policy = task->sched.policy;
	result = check_policy(task, policy, priority);
	if (!result) {
		if (reset_on_fork >= 0)
			task->sched.reset_on_fork = reset_on_fork;
		priority_set_policy(task, policy, priority);
	}
	task_put(task);
	return result;
}

int64_t sys_sched_setscheduler(int tid, int policy, uint64_t param_gva)
{
	int32_t priority;

	if (policy < 0)
		return -EINVAL;
	if (user_read(&priority, param_gva, sizeof(priority)))
		return -EFAULT;
	return set_policy(tid, policy & ~SCHED_RESET_ON_FORK, priority,
			  (policy & SCHED_RESET_ON_FORK) != 0);
}

int64_t sys_sched_setparam(int tid, uint64_t param_gva)
{
	int32_t priority;

	if (user_read(&priority, param_gva, sizeof(priority)))
		return -EFAULT;
	return set_policy(tid, -1, priority, -1);
}

int64_t sys_sched_getscheduler(int tid)
{
	struct task *task = find(tid);
	int64_t policy;

	if (!task)
		return tid < 0 ? -EINVAL : -ESRCH;
	policy = task->sched.policy | (task->sched.reset_on_fork ? SCHED_RESET_ON_FORK : 0);
	task_put(task);
	return policy;
}

int64_t sys_sched_getparam(int tid, uint64_t param_gva)
{
	struct task *task = find(tid);
	int32_t priority;

	if (!task)
		return tid < 0 ? -EINVAL : -ESRCH;
	priority = task->sched.priority;
	task_put(task);
	return user_write(param_gva, &priority, sizeof(priority));
}

int64_t sys_sched_get_priority_max(int policy)
{
	return !is_known(policy) ? -EINVAL : is_realtime(policy) ? REALTIME_PRIORITY_MAX : 0;
}

int64_t sys_sched_get_priority_min(int policy)
{
	return !is_known(policy) ? -EINVAL : is_realtime(policy) ? 1 : 0;
}

int64_t sys_sched_rr_get_interval(int tid, uint64_t spec_gva)
{
	struct task *task = find(tid);
	struct user_timespec spec;

	if (!task)
		return tid < 0 ? -EINVAL : -ESRCH;
	spec = time_to_spec(task->sched.policy == SCHED_FIFO ? 0
			    : task->sched.policy == SCHED_RR ? REALTIME_SLICE_NS
							     : FAIR_SLICE_NS);
	task_put(task);
	return user_write(spec_gva, &spec, sizeof(spec));
}

int64_t sys_sched_setaffinity(int tid, uint64_t bytes, uint64_t mask_gva)
{
	struct task *task;
	uint64_t mask = 0;

	if (user_read(&mask, mask_gva, bytes < sizeof(mask) ? bytes : sizeof(mask)))
		return -EFAULT;
	task = find(tid);
	if (!task)
		return -ESRCH;
	if (!may_change(task)) {
		task_put(task);
		return -EPERM;
	}
	if (mask & sched_online) {
		priority_set_allowed(task, mask);
		if (task == task_this())
			schedule(); /* off this CPU, if that isn't one of them */
	}
	task_put(task);
	return mask & sched_online ? 0 : -EINVAL;
}

int64_t sys_sched_getaffinity(int tid, uint64_t bytes, uint64_t mask_gva)
{
	struct task *task;
	uint64_t mask;

	if (bytes % sizeof(mask) || !bytes)
		return -EINVAL;
	task = find(tid);
	if (!task)
		return -ESRCH;
	mask = task->sched.allowed & sched_online;
	task_put(task);
	return user_write(mask_gva, &mask, sizeof(mask)) ? -EFAULT : (int64_t)sizeof(mask);
}

struct sched_attr { /* Linux's, version 0 */
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
};
_Static_assert(sizeof(struct sched_attr) == SCHED_ATTR_BYTES_0, "sched_attr");

int64_t sys_sched_setattr(int tid, uint64_t attr_gva, uint32_t flags)
{
	struct sched_attr attr;
	struct task *task;
	int64_t result;

	if (flags || tid < 0)
		return -EINVAL;
	if (user_read(&attr, attr_gva, sizeof(attr)))
		return -EFAULT;
	if (attr.size < sizeof(attr))
		return -E2BIG;
	if (attr.policy > INT32_MAX || attr.priority > REALTIME_PRIORITY_MAX ||
	    attr.nice < NICE_MIN || attr.nice > NICE_MAX)
		return -EINVAL;
	result = set_policy(tid, attr.policy, attr.priority, attr.flags & ATTR_RESET_ON_FORK);
	task = result || attr.priority ? NULL : find(tid);
	if (task) {
		if (attr.nice < task->sched.nice && !process_is_root())
			result = -EPERM;
		else
			priority_set_nice(task, attr.nice);
		task_put(task);
	}
	return result;
}

int64_t sys_sched_getattr(int tid, uint64_t attr_gva, uint32_t bytes, uint32_t flags)
{
	struct sched_attr attr = {.size = sizeof(attr)};
	struct task *task;

	if (flags || tid < 0 || bytes < sizeof(attr))
		return -EINVAL;
	task = find(tid);
	if (!task)
		return -ESRCH;
	attr.policy = task->sched.policy;
	attr.flags = task->sched.reset_on_fork ? ATTR_RESET_ON_FORK : 0;
	attr.nice = task->sched.nice;
	attr.priority = task->sched.priority;
	task_put(task);
	return user_write(attr_gva, &attr, sizeof(attr));
}

int64_t sys_getcpu(uint64_t cpu_gva, uint64_t node_gva)
{
	const uint64_t flags = irq_save();
	const uint32_t cpu = cpu_this()->index, node = 0;

	irq_restore(flags);
	if (cpu_gva && user_write(cpu_gva, &cpu, sizeof(cpu)))
		return -EFAULT;
	return node_gva ? user_write(node_gva, &node, sizeof(node)) : 0;
}

/* SPDX-License-Identifier: MIT
 *
 * Process groups and sessions (POSIX 3.290, 3.343, setpgid(), setsid()).
 */
#include <stddef.h>

#include "guest/proc/process.h"
#include "guest/syscall/calls.h"

bool process_group_is_orphaned(int32_t group, const struct process *ignored)
{
	list_for_each(link, &process_all)
	{
		const struct process *process = container_of(link, struct process, in_all);
		const struct process *parent = process->parent;

		if (process->group == group && process != ignored &&
		    process->state < PROCESS_ZOMBIE && parent->group != group &&
		    parent->session == process->session)
			return false;
	}
	return true;
}

static bool has_stopped(int32_t group)
{
	list_for_each(link, &process_all)
	{
		const struct process *process = container_of(link, struct process, in_all);

		if (process->group == group && process->state == PROCESS_STOPPED)
			return true;
	}
	return false;
}

void process_group_check_orphaned(int32_t group, const struct process *ignored)
{
	const struct signal_info hang_up = {.number = SIGHUP, .code = SI_KERNEL};
	const struct signal_info go_on = {.number = SIGCONT, .code = SI_KERNEL};

	if (!has_stopped(group) || !process_group_is_orphaned(group, ignored))
		return;
	signal_send_group_locked(group, &hang_up);
	signal_send_group_locked(group, &go_on);
}

/* With process_lock held; 0 is the running process. */
static struct process *find_locked(int32_t pid)
{
	if (!pid)
		return process_this();
	list_for_each(link, &process_all)
	{
		struct process *process = container_of(link, struct process, in_all);

		if (process->pid == pid)
			return process;
	}
	return NULL;
}

static bool session_has_group(int32_t session, int32_t group)
{
	list_for_each(link, &process_all)
	{
		const struct process *process = container_of(link, struct process, in_all);

		if (process->group == group && process->session == session)
			return true;
	}
	return false;
}

static int set_group_locked(struct process *process, int32_t group)
{
	const struct process *self = process_this();

	if (!process || (process != self && process->parent != self))
		return -ESRCH;
	if (process != self && process->has_execed)
		return -EACCES;
	if (process->session == process->pid || process->session != self->session)
		return -EPERM;
	if (!group)
		group = process->pid;
	if (group != process->pid && !session_has_group(process->session, group))
		return -EPERM;
	process->group = group;
	return 0;
}

int64_t sys_setpgid(int pid, int group)
{
	uint64_t flags;
	int result;

	if (pid < 0 || group < 0)
		return -EINVAL;
	flags = spin_lock(&process_lock);
	result = set_group_locked(find_locked(pid), group);
	spin_unlock(&process_lock, flags);
	return result;
}

static int64_t read_id(int pid, bool session)
{
	const uint64_t flags = spin_lock(&process_lock);
	const struct process *process = pid < 0 ? NULL : find_locked(pid);
	const int64_t id = !process ? -ESRCH : session ? process->session : process->group;

	spin_unlock(&process_lock, flags);
	return id;
}

int64_t sys_getpgid(int pid)
{
	return read_id(pid, false);
}

int64_t sys_getpgrp(void)
{
	return read_id(0, false);
}

int64_t sys_getsid(int pid)
{
	return read_id(pid, true);
}

int64_t sys_setsid(void)
{
	struct process *process = process_this();
	const uint64_t flags = spin_lock(&process_lock);
	int64_t result = -EPERM;

	/* Group leaders can't: the rest of their group would stay in the old session. */
	if (!session_has_group(process->session, process->pid)) {
		process->tty = NULL;
		process->group = process->session = process->pid;
		result = process->pid;
	}
	spin_unlock(&process_lock, flags);
	return result;
}

/* SPDX-License-Identifier: MIT
 *
 * fork(), vfork() and clone(): a thread of this process, or a process that shares with this one what the
 * flags say and copies the rest. Names spaces are not ours, and clone3() is left to clone()'s callers.
 */
#include <stddef.h>

#include "guest/arch/trap.h"
#include "guest/fs/files.h"
#include "guest/lib/string.h"
#include "guest/mm/space.h"
#include "guest/mm/user.h"
#include "guest/proc/process.h"
#include "guest/syscall/calls.h"

enum clone_flag {
	CLONE_EXIT_SIGNAL = 0xff,
	CLONE_VM = 0x100,
	CLONE_FS = 0x200,
	CLONE_FILES = 0x400,
	CLONE_SIGHAND = 0x800,
	CLONE_PIDFD = 0x1000,
	CLONE_VFORK = 0x4000,
	CLONE_PARENT = 0x8000,
	CLONE_THREAD = 0x10000,
	CLONE_NEWNS = 0x20000,
	CLONE_SETTLS = 0x80000,
	CLONE_PARENT_SETTID = 0x100000,
	CLONE_CHILD_CLEARTID = 0x200000,
	CLONE_CHILD_SETTID = 0x1000000
};
#define CLONE_OF_THREAD (CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND)
#define CLONE_NAMESPACES (CLONE_NEWNS | 0x7e020000u)

struct clone {
	uint64_t flags, stack_gva, parent_tid_gva, child_tid_gva, tls;
};

static int check_flags(uint64_t flags)
{
	if (flags & CLONE_NAMESPACES)
		return -EPERM;
	if ((flags & CLONE_PIDFD) || ((flags & CLONE_PARENT) && process_this() == process_init))
		return -EINVAL;
	if (flags & CLONE_THREAD)
		return (flags & CLONE_OF_THREAD) == CLONE_OF_THREAD ? 0 : -EINVAL;
	return (flags & CLONE_SIGHAND) && !(flags & CLONE_VM) ? -EINVAL : 0;
}

/* A fork bomb ends at its user's limit, and before the last stack. */
static bool is_within_limits(const struct process *process)
{
	const uint32_t uid = process->credentials.uid;
	const uint64_t flags = spin_lock(&process_lock);
	uint64_t all = 0, mine = 0;

	list_for_each(link, &process_all)
	{
		const struct process *other = container_of(link, struct process, in_all);

		all += other->thread_count;
		if (other->credentials.uid == uid)
			mine += other->thread_count + !other->thread_count;
	}
	spin_unlock(&process_lock, flags);
	return all < process_threads_max && (uid == 0 || mine < process->limits[RLIMIT_NPROC].soft);
}

static struct task *create_task(struct process *process, const struct clone *clone)
{
	const struct task *parent = task_this();
	struct trap_frame frame = *parent->frame;
	struct task *task;

	frame.rax = 0;
	if (clone->stack_gva)
		frame.rsp = clone->stack_gva;
	task = task_create_user(process, &frame);
	if (!task)
		return NULL;
	task->space = process->space;
	if (clone->flags & CLONE_SETTLS)
		task->fs_base = clone->tls;
	task->signals.blocked = parent->signals.blocked;
	if (!(clone->flags & CLONE_VM) || (clone->flags & CLONE_VFORK)) {
		task->signals.stack_gva = parent->signals.stack_gva;
		task->signals.stack_bytes = parent->signals.stack_bytes;
		task->signals.stack_flags = parent->signals.stack_flags;
	}
	if (clone->flags & CLONE_CHILD_CLEARTID)
		task->clear_tid_gva = clone->child_tid_gva;
	return task;
}

/* Bad addresses are the program's loss: the thread is there all the same. */
static void tell_tid(const struct task *task, const struct clone *clone)
{
	if (clone->flags & CLONE_PARENT_SETTID)
		user_write(clone->parent_tid_gva, &task->tid, sizeof(task->tid));
	if (clone->flags & CLONE_CHILD_SETTID)
		space_poke(task->space, clone->child_tid_gva, &task->tid, sizeof(task->tid));
}

static int64_t start_thread(const struct clone *clone)
{
	struct process *process = process_this();
	struct task *task = create_task(process, clone);
	uint64_t flags;
	int32_t tid;

	if (!task)
		return -EAGAIN;
	tid = task->tid;
	tell_tid(task, clone);
	flags = spin_lock(&process_lock);
	signal_recalculate(task); /* the process may have begun to end */
	spin_unlock(&process_lock, flags);
	task_start(task);
	task_put(task);
	return tid;
}

/* What a process has besides its threads. On failure the caller drops what is there. */
static bool fill_process(struct process *child, uint64_t flags)
{
	struct process *parent = process_this();

	child->space = flags & CLONE_VM ? space_get(parent->space) : space_fork(parent->space);
	child->files = flags & CLONE_FILES ? files_get(parent->files) : files_copy(parent->files);
	child->place = flags & CLONE_FS ? place_get(parent->place) : place_copy(parent->place);
	return child->space && child->files && child->place;
}

static void drop_process(struct process *child)
{
	if (child->space)
		space_put(child->space);
	if (child->files)
		files_put(child->files);
	if (child->place)
		place_put(child->place);
	process_put(child);
}

/* Until the child of a vfork() has another program or is gone; SIGKILL ends it too. */
static void wait_for_vforked(struct process *child)
{
	wait_uninterruptible(&child->vforked,
			     __atomic_load_n(&child->vfork_done, __ATOMIC_ACQUIRE) ||
				     __atomic_load_n(&process_this()->exiting, __ATOMIC_ACQUIRE));
}

static int64_t start_process(const struct clone *clone)
{
	struct process *parent = process_this();
	struct process *child = process_create(parent, clone->flags & CLONE_SIGHAND);
	struct task *task;
	int32_t pid;

	if (!child)
		return -ENOMEM;
	if (!fill_process(child, clone->flags)) {
		drop_process(child);
		return -ENOMEM;
	}
	task = create_task(child, clone);
	if (!task) {
		drop_process(child);
		return -EAGAIN;
	}
	child->exit_signal = clone->flags & CLONE_EXIT_SIGNAL;
	if (child->exit_signal > SIGNAL_MAX)
		child->exit_signal = 0;
	child->vfork_done = !(clone->flags & CLONE_VFORK);
	pid = task->tid;
	tell_tid(task, clone);
	process_get(child);
	process_link(child, parent, clone->flags & CLONE_PARENT, task);
	task_start(task);
	task_put(task);
	if (clone->flags & CLONE_VFORK)
		wait_for_vforked(child);
	process_put(child);
	return pid;
}

static int64_t clone_task(const struct clone *clone)
{
	const int error = check_flags(clone->flags);

	if (error)
		return error;
	if (clone->flags & CLONE_SETTLS && clone->tls >= USER_END)
		return -EPERM; /* the processor refuses some of these, when they are loaded */
	if (!is_within_limits(process_this()))
		return -EAGAIN;
	return clone->flags & CLONE_THREAD ? start_thread(clone) : start_process(clone);
}

int64_t sys_fork(void)
{
	return clone_task(&(struct clone){.flags = SIGCHLD});
}

int64_t sys_vfork(void)
{
	return clone_task(&(struct clone){.flags = CLONE_VFORK | CLONE_VM | SIGCHLD});
}

int64_t sys_clone(uint64_t flags, uint64_t stack_gva, uint64_t parent_tid_gva,
		  uint64_t child_tid_gva, uint64_t tls)
{
	const struct clone clone = {flags, stack_gva, parent_tid_gva, child_tid_gva, tls};

	return clone_task(&clone);
}

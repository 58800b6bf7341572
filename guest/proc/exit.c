/* SPDX-License-Identifier: MIT
 *
 * The end of threads and processes: what they held is given back, who waits is told, orphans go to init,
 * and a zombie stays until its parent has asked for its status.
 */
#include <stddef.h>

#include "guest/arch/insn.h"
#include "guest/board/machine.h"
#include "guest/drivers/power.h"
#include "guest/fs/files.h"
#include "guest/lib/panic.h"
#include "guest/lib/print.h"
#include "guest/mm/space.h"
#include "guest/mm/user.h"
#include "guest/proc/process.h"
#include "guest/proc/signal_sets.h"
#include "guest/sched/futex.h"
#include "guest/syscall/calls.h"
#include "guest/time/clock.h"
#include "guest/time/posix_timers.h"
#include "guest/tty/tty.h"

#define EXITED(code) (((code)&0xff) << 8)
#define STATUS_SIGNAL 0x7f
#define STATUS_CORE 0x80
#define SHELL_SIGNALED 128

void process_interrupt_threads(struct process *process, const struct task *keep)
{
	list_for_each(link, &process->threads)
	{
		struct task *task = container_of(link, struct task, in_process);

		if (task != keep)
			signal_interrupt(task, 1u << TASK_SLEEPING | 1u << TASK_STOPPED);
	}
}

void process_begin_exit(struct process *process, int32_t status)
{
	if (process->exiting)
		return;
	process->exiting = true;
	process->exit_status = status;
	process_interrupt_threads(process, task_this());
	if (task_this()->process == process)
		signal_recalculate(task_this());
	list_for_each(link, &process->children) /* it may wait for one of them in vfork() */
		waitq_wake(&container_of(link, struct process, sibling)->vforked);
}

void process_report_to_parent(struct process *process, int code, int status)
{
	struct process *parent = process->parent;
	const struct usage usage = process_usage(process);
	const struct signal_info info = {.number = code < CLD_STOPPED ? process->exit_signal
								      : SIGCHLD,
					 .code = code,
					 .pid = process->pid,
					 .uid = process->credentials.uid,
					 .status = status,
					 .user_ticks = (int64_t)(usage.user_ns / 10000000),
					 .system_ticks = (int64_t)(usage.system_ns / 10000000)};

	if (info.number &&
	    (code < CLD_STOPPED || !(parent->actions[SIGCHLD - 1].flags & SA_NOCLDSTOP)))
		signal_send_locked(parent, NULL, &info);
	waitq_wake(&parent->child_changed);
}

/* Who becomes the parent of process's children: the nearest subreaper, or process 1. */
static struct process *find_reaper(const struct process *process)
{
	for (struct process *above = process->parent; above != &kernel_process;
	     above = above->parent)
		if (above->is_subreaper && above->state < PROCESS_ZOMBIE)
			return above;
	return process_init;
}

static void report_end(struct process *process)
{
	const int status = process->exit_status;
	const int number = status & STATUS_SIGNAL;

	process_report_to_parent(process,
				 !number		? CLD_EXITED
				 : status & STATUS_CORE ? CLD_DUMPED
							: CLD_KILLED,
				 number ? number : status >> 8);
}

static void give_children_away(struct process *process)
{
	struct process *reaper = find_reaper(process);

	list_for_each_safe(link, &process->children)
	{
		struct process *child = container_of(link, struct process, sibling);

		list_remove(&child->sibling);
		list_add_last(&reaper->children, &child->sibling);
		child->parent = reaper;
		child->exit_signal = SIGCHLD;
		if (child->parent_death_signal)
			signal_send_number_locked(child, child->parent_death_signal);
		if (child->state == PROCESS_ZOMBIE)
			report_end(child);
		else if (child->group != process->group && child->session == process->session)
			process_group_check_orphaned(child->group, NULL);
	}
}

/* Whether the parent doesn't want to know: then there is no zombie. */
static bool is_unwanted(const struct process *process)
{
	const struct signal_action *action = &process->parent->actions[SIGCHLD - 1];

	return process->exit_signal == SIGCHLD &&
	       (action->handler_gva == SIG_IGN || (action->flags & SA_NOCLDWAIT));
}

static _Noreturn void end_of_init(int32_t status)
{
	const int number = status & STATUS_SIGNAL;

	if (machine_has_word("exit-with-init"))
		power_exit(number ? SHELL_SIGNALED + (uint32_t)number : (uint32_t)status >> 8);
	if (number)
		panic("process 1 was ended by signal %d", number);
	panic("process 1 has ended with status %d", status >> 8);
}

/* The step from a living process to a zombie, or to nothing. */
static void become_zombie(struct process *process)
{
	const uint64_t flags = spin_lock(&process_lock);
	bool unwanted;

	give_children_away(process);
	/* If it was what tied its group to its session: a group may have been an orphan before. */
	if (process->parent->group != process->group &&
	    process->parent->session == process->session)
		process_group_check_orphaned(process->group, process);
	signal_discard(&process->signals, ~0ull, process);
	unwanted = is_unwanted(process);
	process->state = PROCESS_ZOMBIE;
	task_this()->process = &kernel_process; /* a parent may free it any moment now */
	report_end(process);
	if (unwanted)
		process_unlink(process);
	spin_unlock(&process_lock, flags);
	if (unwanted) {
		task_put(process->leader);
		process_put(process);
	}
}

static void leave_space(struct task *task)
{
	struct space *space = task->space;

	irq_disable();
	task->space = NULL;
	space_switch(space, NULL);
	irq_enable();
}

/* Takes the thread out of its process. Whether it was the last one. */
static bool leave_process(struct task *task, int32_t status)
{
	struct process *process = task->process;
	const uint64_t flags = spin_lock(&process_lock);
	const struct usage usage = task_usage(task);
	bool last;

	usage_add(&process->ended, &usage);
	task->exit_status = status;
	signal_discard(&task->signals.queue, ~0ull, process);
	list_remove(&task->in_process);
	last = --process->thread_count == 0;
	if (last && !process->exiting) {
		process->exiting = true;
		process->exit_status = process->leader->exit_status;
	}
	waitq_wake(&process->threads_ended);
	spin_unlock(&process_lock, flags);
	return last;
}

/* Closing may sleep, and look at what is still there, so each part is taken off under the lock first. */
static void give_back(struct process *process)
{
	struct space *space = process->space;
	struct files *files = process->files;
	struct place *place = process->place;
	uint64_t flags;

	timer_cancel(&process->alarm);
	posix_timers_end(process);
	files_put(files);
	if (process->tty && process->session == process->pid)
		tty_leave(process);
	if (space)
		process->ended.resident_peak = space->resident_peak;
	flags = spin_lock(&process_lock);
	process->files = NULL;
	process->place = NULL;
	process->space = NULL;
	spin_unlock(&process_lock, flags);
	place_put(place);
	if (space)
		space_put(space);
}

void process_exit_thread(int32_t status)
{
	struct task *task = task_this();
	struct process *process = task->process;
	bool last;

	process_get(process);
	futex_thread_exit();
	last = leave_process(task, status);
	leave_space(task);
	__atomic_store_n(&process->vfork_done, true, __ATOMIC_RELEASE);
	waitq_wake(&process->vforked);
	if (last) {
		if (process == process_init)
			end_of_init(process->exit_status);
		give_back(process);
		become_zombie(process);
	}
	const uint64_t flags = spin_lock(&process_lock); /* who signals it may be looking */

	task->process = &kernel_process;
	spin_unlock(&process_lock, flags);
	process_put(process);
	task_exit();
}

void process_exit(int32_t status)
{
	struct process *process = process_this();
	const uint64_t flags = spin_lock(&process_lock);

	process_begin_exit(process, status);
	spin_unlock(&process_lock, flags);
	process_exit_thread(process->exit_status);
}

int64_t sys_exit(int code)
{
	process_exit_thread(EXITED(code));
}

int64_t sys_exit_group(int code)
{
	process_exit(EXITED(code));
}

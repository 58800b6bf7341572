/* SPDX-License-Identifier: MIT
 *
 * Delivering signals, on the way back to user mode: handlers, default actions, stops, and what becomes of
 * the system call that a signal ended.
 */
#include <stddef.h>

#include "guest/arch/insn.h"
#include "guest/arch/trap.h"
#include "guest/proc/process.h"
#include "guest/proc/signal_sets.h"
#include "guest/sched/schedule.h"
#include "guest/time/clock.h"

#define SYSCALL_INSN_BYTES 2

/* Sleeps until the process is continued or killed. Called and left with process_lock held. */
static void stay_stopped(struct process *process, uint64_t *flags)
{
	while (process->state == PROCESS_STOPPED && !process->exiting) {
		task_sleep(TASK_STOPPED);
		spin_unlock(&process_lock, *flags);
		schedule();
		*flags = spin_lock(&process_lock);
	}
}

/* POSIX 2.4.3: in an orphaned group there is nobody to continue what the terminal stops. */
static void begin_stop(struct process *process, int number)
{
	if (number != SIGSTOP && process_group_is_orphaned(process->group, NULL))
		return;
	process->state = PROCESS_STOPPED;
	process->stop_signal = number;
	process->stop_unreported = true;
	process->continue_unreported = false;
	process_interrupt_threads(process, task_this());
	process_report_to_parent(process, CLD_STOPPED, number);
}

/* Whether the running thread has to end; and with which status. */
static bool must_end(const struct process *process, int32_t *status)
{
	*status = process->exiting ? process->exit_status : 0;
	return process->exiting || (process->execer && process->execer != task_this());
}

/* Of the program's own making, and not sent by another. */
static bool is_fault(const struct signal_info *info)
{
	return info->code > 0 && (SIGNAL_BIT(info->number) & SIGNALS_OF_FAULTS);
}

enum outcome { NOTHING, HANDLER, END_THREAD, END_PROCESS };

/* Takes signals until one has a handler, or none is left. */
static enum outcome next_action(struct signal_info *info, struct signal_action *action,
				int32_t *status)
{
	struct task *task = task_this();
	struct process *process = task->process;
	uint64_t flags = spin_lock(&process_lock);
	enum outcome outcome = NOTHING;

	for (;;) {
		int number;

		stay_stopped(process, &flags);
		if (must_end(process, status)) {
			outcome = END_THREAD;
			break;
		}
		if (!signal_take_locked(~task->signals.blocked, info))
			break;
		number = info->number;
		*action = process->actions[number - 1];
		if (signal_is_ignored(process, number) ||
		    (signal_is_spared(process, number) && !is_fault(info)))
			continue;
		if (action->handler_gva == SIG_DFL) {
			if (SIGNAL_BIT(number) & SIGNALS_STOPPING) {
				begin_stop(process, number);
				continue;
			}
			*status = number;
			outcome = END_PROCESS;
			break;
		}
		if (action->flags & SA_RESETHAND)
			process->actions[number - 1].handler_gva = SIG_DFL;
		outcome = HANDLER;
		break;
	}
	signal_recalculate(task);
	spin_unlock(&process_lock, flags);
	return outcome;
}

static bool wants_restart(const struct trap_frame *frame)
{
	return frame->error != NO_RESTART &&
	       (frame->rax == (uint64_t)-ERESTART || frame->rax == (uint64_t)-ERESTART_NO_HANDLER);
}

static void restart_call(struct trap_frame *frame)
{
	frame->rax = frame->error;
	frame->rip -= SYSCALL_INSN_BYTES;
}

/* A machine may be so slow, or an interval so short, that by a handler's end its signal is there again, for
 * ever. So who had less time for itself than the last handler took gets as much: for so long, and as long
 * as this handler will take, its repeating timers count overruns instead of sending. */
static void leave_some_time(void)
{
	struct task_signals *signals = &task_this()->signals;
	const uint64_t now = tsc_read(), took = signals->left_tsc - signals->entered_tsc;

	if (signals->left_tsc > signals->entered_tsc && now - signals->left_tsc < took)
		__atomic_store_n(&process_this()->timers_quiet_until_ns,
				 clock_ns() + clock_tsc_to_ns(2 * took), __ATOMIC_RELAXED);
	signals->entered_tsc = now;
}

static void enter_handler(struct trap_frame *frame, const struct signal_action *action,
			  const struct signal_info *info)
{
	struct task_signals *signals = &task_this()->signals;
	const signal_set old = signals->restore_saved ? signals->saved : signals->blocked;
	signal_set blocked = signals->blocked | action->mask;

	signals->restore_saved = false;
	leave_some_time();
	task_this()->sleep_until_ns = 0;
	if (!signal_frame_push(frame, action, info, old)) {
		if (info->number ==
		    SIGSEGV) /* its own handler has no stack: it would be tried for ever */
			signal_set_default(SIGSEGV);
		signal_force(SIGSEGV, SI_KERNEL, 0);
		return;
	}
	if (!(action->flags & SA_NODEFER))
		blocked |= SIGNAL_BIT(info->number);
	signal_set_blocked(blocked);
}

void signal_deliver(struct trap_frame *frame, bool in_syscall)
{
	struct signal_action action;
	struct signal_info info;
	enum outcome outcome;
	int32_t status;

	while ((outcome = next_action(&info, &action, &status)) != NOTHING) {
		if (outcome == END_THREAD)
			process_exit_thread(status);
		if (outcome == END_PROCESS)
			process_exit(status);
		if (in_syscall && wants_restart(frame)) {
			if (frame->rax == (uint64_t)-ERESTART && (action.flags & SA_RESTART))
				restart_call(frame);
			else
				frame->rax = (uint64_t)-EINTR;
		}
		in_syscall = false;
		enter_handler(frame, &action, &info);
	}
	if (in_syscall && wants_restart(frame))
		restart_call(frame);
	signal_unblock_after_wait();
}

/* SPDX-License-Identifier: MIT
 *
 * System calls about signals: sending, actions, masks, waiting for them, and the stack for handlers.
 */
#include <stddef.h>

#include "guest/arch/insn.h"
#include "guest/arch/trap.h"
#include "guest/mm/user.h"
#include "guest/proc/process.h"
#include "guest/proc/signal_sets.h"
#include "guest/syscall/calls.h"
#include "guest/time/clock.h"

#define SIGSET_BYTES 8
#define STACK_MIN_BYTES 2048
#define NS_PER_S 1000000000
enum { SIG_BLOCK, SIG_UNBLOCK, SIG_SETMASK };

static struct signal_info info_of_sender(int number, int code)
{
	const struct process *process = process_this();

	return (struct signal_info){.number = number,
				    .code = code,
				    .pid = process->pid,
				    .uid = process->credentials.uid};
}

static bool may_send(const struct process *to, int number)
{
	const struct credentials *mine = &process_this()->credentials;
	const struct credentials *theirs = &to->credentials;

	return mine->euid == 0 || mine->euid == theirs->uid || mine->euid == theirs->suid ||
	       mine->uid == theirs->uid || mine->uid == theirs->suid ||
	       (number == SIGCONT && process_this()->session == to->session);
}

/* number 0 only asks whether it could be sent. */
static int send_checked(struct process *process, struct task *task, const struct signal_info *info)
{
	if (!may_send(process, info->number))
		return -EPERM;
	return info->number ? signal_send_locked(process, task, info) : 0;
}

/* Whether kill(pid) means process; -1 is everybody but number 1 and the sender. */
static bool is_meant(const struct process *process, int pid)
{
	if (pid > 0)
		return process->pid == pid;
	if (pid == -1)
		return process->pid > 1 && process != process_this();
	return process->group == (pid ? -pid : process_this()->group);
}

static int64_t send_by_id(int pid, const struct signal_info *info)
{
	const uint64_t flags = spin_lock(&process_lock);
	int64_t result = -ESRCH;

	list_for_each(link, &process_all)
	{
		struct process *process = container_of(link, struct process, in_all);
		int error;

		if (!is_meant(process, pid))
			continue;
		error = send_checked(process, NULL, info);
		if (!error || result == -ESRCH)
			result = error;
	}
	spin_unlock(&process_lock, flags);
	return result;
}

int64_t sys_kill(int pid, int number)
{
	const struct signal_info info = info_of_sender(number, SI_USER);

	if (number < 0 || number > SIGNAL_MAX)
		return -EINVAL;
	if (pid == INT32_MIN)
		return -ESRCH;
	return send_by_id(pid, &info);
}

static int64_t send_to_thread(int pid, int tid, const struct signal_info *info)
{
	struct task *task;
	int64_t result = -ESRCH;

	if (info->number < 0 || info->number > SIGNAL_MAX || tid <= 0)
		return -EINVAL;
	task = task_find(tid);
	if (!task)
		return -ESRCH;
	const uint64_t flags = spin_lock(&process_lock);

	if (task->process->pid == pid || !pid)
		result = send_checked(task->process, task, info);
	spin_unlock(&process_lock, flags);
	task_put(task);
	return result;
}

int64_t sys_tkill(int tid, int number)
{
	const struct signal_info info = info_of_sender(number, SI_TKILL);

	return send_to_thread(0, tid, &info);
}

int64_t sys_tgkill(int pid, int tid, int number)
{
	const struct signal_info info = info_of_sender(number, SI_TKILL);

	return pid <= 0 ? -EINVAL : send_to_thread(pid, tid, &info);
}

/* A program may say what it likes about itself, but not pass for the kernel or for kill(). */
static int read_info(int pid, int number, uint64_t info_gva, struct signal_info *info)
{
	if (user_read(info, info_gva, sizeof(*info)))
		return -EFAULT;
	if ((info->code >= 0 || info->code == SI_TKILL) && pid != process_this()->pid)
		return -EPERM;
	if (number < 0 || number > SIGNAL_MAX)
		return -EINVAL;
	info->number = number;
	return 0;
}

int64_t sys_rt_sigqueueinfo(int pid, int number, uint64_t info_gva)
{
	struct signal_info info;
	const int error = read_info(pid, number, info_gva, &info);

	if (error)
		return error;
	return pid <= 0 ? -ESRCH : send_by_id(pid, &info);
}

int64_t sys_rt_tgsigqueueinfo(int pid, int tid, int number, uint64_t info_gva)
{
	struct signal_info info;
	const int error = pid <= 0 ? -EINVAL : read_info(pid, number, info_gva, &info);

	return error ? error : send_to_thread(pid, tid, &info);
}

struct user_action { /* struct kernel_sigaction */
	uint64_t handler_gva, flags, restorer_gva;
	signal_set mask;
};

static void set_action(struct process *process, int number, const struct user_action *action)
{
	const uint64_t flags = spin_lock(&process_lock);

	process->actions[number - 1] = (struct signal_action){.handler_gva = action->handler_gva,
							      .flags = action->flags,
							      .restorer_gva = action->restorer_gva,
							      .mask = action->mask &
								      ~SIGNALS_NEVER_BLOCKED};
	if (signal_is_ignored(process, number)) {
		signal_discard(&process->signals, SIGNAL_BIT(number), process);
		list_for_each(link, &process->threads)
			signal_discard(&container_of(link, struct task, in_process)->signals.queue,
				       SIGNAL_BIT(number), process);
	}
	spin_unlock(&process_lock, flags);
}

int64_t sys_rt_sigaction(int number, uint64_t new_gva, uint64_t old_gva, uint64_t set_bytes)
{
	struct process *process = process_this();
	struct user_action action, old;

	if (number < 1 || number > SIGNAL_MAX || set_bytes != SIGSET_BYTES)
		return -EINVAL;
	if (new_gva && (SIGNAL_BIT(number) & SIGNALS_NEVER_BLOCKED))
		return -EINVAL;
	if (new_gva && user_read(&action, new_gva, sizeof(action)))
		return -EFAULT;
	old = (struct user_action){.handler_gva = process->actions[number - 1].handler_gva,
				   .flags = process->actions[number - 1].flags,
				   .restorer_gva = process->actions[number - 1].restorer_gva,
				   .mask = process->actions[number - 1].mask};
	if (new_gva)
		set_action(process, number, &action);
	return old_gva && user_write(old_gva, &old, sizeof(old)) ? -EFAULT : 0;
}

int64_t sys_rt_sigprocmask(int how, uint64_t new_gva, uint64_t old_gva, uint64_t set_bytes)
{
	const signal_set old = task_this()->signals.blocked;
	signal_set set;

	if (set_bytes != SIGSET_BYTES)
		return -EINVAL;
	if (new_gva) {
		if (user_read(&set, new_gva, sizeof(set)))
			return -EFAULT;
		switch (how) {
		case SIG_BLOCK: set |= old; break;
		case SIG_UNBLOCK: set = old & ~set; break;
		case SIG_SETMASK: break;
		default: return -EINVAL;
		}
		signal_set_blocked(set);
	}
	return old_gva && user_write(old_gva, &old, sizeof(old)) ? -EFAULT : 0;
}

int64_t sys_rt_sigpending(uint64_t set_gva, uint64_t set_bytes)
{
	const signal_set set = signal_pending_set() & task_this()->signals.blocked;

	if (set_bytes > SIGSET_BYTES)
		return -EINVAL;
	return user_write(set_gva, &set, set_bytes) ? -EFAULT : 0;
}

static int64_t wait_for_any(void)
{
	struct waitq *queue = &process_this()->signal_arrived;

	return wait_until(queue, signal_is_pending()) ?: -ERESTART_NO_HANDLER;
}

int64_t sys_pause(void)
{
	wait_for_any();
	return -ERESTART_NO_HANDLER;
}

int64_t sys_rt_sigsuspend(uint64_t set_gva, uint64_t set_bytes)
{
	signal_set set;

	if (set_bytes != SIGSET_BYTES)
		return -EINVAL;
	if (user_read(&set, set_gva, sizeof(set)))
		return -EFAULT;
	signal_block_for_wait(set);
	wait_for_any();
	return -ERESTART_NO_HANDLER;
}

static int read_deadline(uint64_t timeout_gva, uint64_t *deadline_ns)
{
	struct {
		int64_t seconds, nanoseconds;
	} timeout;

	*deadline_ns = WAIT_FOREVER;
	if (!timeout_gva)
		return 0;
	if (user_read(&timeout, timeout_gva, sizeof(timeout)))
		return -EFAULT;
	if (timeout.seconds < 0 || timeout.nanoseconds < 0 || timeout.nanoseconds >= NS_PER_S)
		return -EINVAL;
	if (timeout.seconds < INT64_MAX / NS_PER_S / 2)
		*deadline_ns = clock_ns() + (uint64_t)(timeout.seconds * NS_PER_S) +
			       (uint64_t)timeout.nanoseconds;
	return 0;
}

/* The signals should be blocked, and stay so: whoever sends one wakes signal_arrived. */
int64_t sys_rt_sigtimedwait(uint64_t set_gva, uint64_t info_gva, uint64_t timeout_gva,
			    uint64_t set_bytes)
{
	struct signal_info info;
	uint64_t deadline_ns;
	signal_set set;
	int error;

	if (set_bytes != SIGSET_BYTES)
		return -EINVAL;
	if (user_read(&set, set_gva, sizeof(set)))
		return -EFAULT;
	set &= ~SIGNALS_NEVER_BLOCKED;
	error = read_deadline(timeout_gva, &deadline_ns);
	if (error)
		return error;
	error = wait_until_deadline(&process_this()->signal_arrived, signal_pending_set() & set,
				    deadline_ns);
	if (!signal_take(set, &info))
		return error == -ETIMEDOUT ? -EAGAIN : -EINTR;
	if (info_gva && user_write(info_gva, &info, sizeof(info)))
		return -EFAULT;
	return info.number;
}

int64_t sys_rt_sigreturn(void)
{
	struct trap_frame *frame = task_this()->frame;
	signal_set mask;

	if (!signal_frame_pop(frame, &mask)) {
		frame->error = NO_RESTART;
		signal_force(SIGSEGV, SI_KERNEL, 0);
		frame->rip = frame->rip < USER_END ? frame->rip : 0;
		return 0;
	}
	signal_set_blocked(mask);
	task_this()->signals.left_tsc = tsc_read();
	return (int64_t)frame->rax;
}

struct user_stack {
	uint64_t at_gva;
	uint32_t flags, padding;
	uint64_t bytes;
};

int64_t sys_sigaltstack(uint64_t new_gva, uint64_t old_gva)
{
	struct task_signals *signals = &task_this()->signals;
	const bool on_stack = signal_is_on_stack(task_this()->frame->rsp);
	const struct user_stack old = {.at_gva = signals->stack_gva,
				       .flags = signals->stack_flags |
						(!signals->stack_bytes ? SS_DISABLE
						 : on_stack	       ? SS_ONSTACK
								       : 0),
				       .bytes = signals->stack_bytes};
	struct user_stack stack;

	if (new_gva) {
		if (user_read(&stack, new_gva, sizeof(stack)))
			return -EFAULT;
		if (on_stack)
			return -EPERM;
		if (stack.flags & ~(SS_AUTODISARM | SS_DISABLE | SS_ONSTACK))
			return -EINVAL;
		if (stack.flags & SS_DISABLE)
			stack.at_gva = stack.bytes = 0;
		else if (stack.bytes < STACK_MIN_BYTES)
			return -ENOMEM;
		signals->stack_gva = stack.at_gva;
		signals->stack_bytes = stack.bytes;
		signals->stack_flags = stack.flags & SS_AUTODISARM;
	}
	return old_gva && user_write(old_gva, &old, sizeof(old)) ? -EFAULT : 0;
}

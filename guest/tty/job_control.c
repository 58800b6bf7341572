/* SPDX-License-Identifier: MIT
 *
 * Terminals and sessions (POSIX 11.1.3, 11.1.4): who may read and write, whom the keyboard interrupts, and
 * who hears of a hang-up. All under process_lock.
 */
#include "guest/lib/errno.h"
#include "guest/mm/user.h"
#include "guest/proc/process.h"
#include "guest/tty/tty.h"

void tty_signal(struct tty *tty, int number)
{
	const struct signal_info info = {.number = number, .code = SI_KERNEL};
	const uint64_t flags = spin_lock(&process_lock);

	if (tty->foreground)
		signal_send_group_locked(tty->foreground, &info);
	spin_unlock(&process_lock, flags);
}

static bool is_deaf(const struct process *process, int signal)
{
	return signal_is_ignored(process, signal) ||
	       (task_this()->signals.blocked & SIGNAL_BIT(signal));
}

int tty_check_background(struct tty *tty, int signal)
{
	const struct signal_info info = {.number = signal, .code = SI_KERNEL};
	struct process *process = process_this();
	uint64_t flags;
	int error = 0;

	if (process->tty != tty || process->group == tty->foreground)
		return 0; /* the usual case, without the lock */
	flags = spin_lock(&process_lock);
	if (process->tty == tty && tty->foreground && process->group != tty->foreground) {
		if (is_deaf(process, signal))
			error = signal == SIGTTIN ? -EIO : 0;
		else if (process_group_is_orphaned(process->group, NULL))
			error = -EIO;
		else {
			signal_send_group_locked(process->group, &info);
			error = -ERESTART;
		}
	}
	spin_unlock(&process_lock, flags);
	return error;
}

static void give_to(struct tty *tty, struct process *process)
{
	tty->session = process->session;
	tty->foreground = process->group;
	process->tty = tty;
}

void tty_open_controlling(struct tty *tty)
{
	struct process *process = process_this();
	const uint64_t flags = spin_lock(&process_lock);

	if (process->session == process->pid && !process->tty && !tty->session && !tty->hung_up)
		give_to(tty, process);
	spin_unlock(&process_lock, flags);
}

/* No process of the session has it any more. */
static void forget_session(struct tty *tty)
{
	list_for_each(link, &process_all)
	{
		struct process *process = container_of(link, struct process, in_all);

		if (process->tty == tty)
			process->tty = NULL;
	}
	tty->session = tty->foreground = 0;
}

static void hang_up_group(int32_t group)
{
	const struct signal_info hang_up = {.number = SIGHUP, .code = SI_KERNEL};
	const struct signal_info go_on = {.number = SIGCONT, .code = SI_KERNEL};

	if (!group)
		return;
	signal_send_group_locked(group, &hang_up);
	signal_send_group_locked(group, &go_on);
}

void tty_leave(struct process *process)
{
	const uint64_t flags = spin_lock(&process_lock);
	struct tty *tty = process->tty;

	if (tty && tty->session == process->session) {
		hang_up_group(tty->foreground);
		forget_session(tty);
	}
	spin_unlock(&process_lock, flags);
}

void tty_hang_up_session(struct tty *tty)
{
	const uint64_t flags = spin_lock(&process_lock);

	if (tty->session) {
		if (tty->foreground != tty->session)
			hang_up_group(tty->foreground);
		hang_up_group(tty->session); /* its leader's */
		forget_session(tty);
	}
	spin_unlock(&process_lock, flags);
}

/* TIOCSCTTY; force is root's way to take it from another session. */
static int acquire(struct tty *tty, bool force)
{
	struct process *process = process_this();
	const uint64_t flags = spin_lock(&process_lock);
	int error = 0;

	if (process->session != process->pid)
		error = -EPERM;
	else if (process->tty)
		error = process->tty == tty ? 0 : -EPERM;
	else if (tty->session && !(force && process_is_root()))
		error = -EPERM;
	else if (tty->hung_up) /* nobody would take it away again */
		error = -EIO;
	else {
		if (tty->session)
			forget_session(tty);
		give_to(tty, process);
	}
	spin_unlock(&process_lock, flags);
	return error;
}

static int release(struct tty *tty)
{
	struct process *process = process_this();
	uint64_t flags;

	if (process->tty != tty)
		return -ENOTTY;
	if (process->session == process->pid) {
		tty_leave(process);
		return 0;
	}
	flags = spin_lock(&process_lock);
	process->tty = NULL;
	spin_unlock(&process_lock, flags);
	return 0;
}

/* 0, or whether there is no such group, or it is another session's. */
static int check_group(int32_t session, int32_t group)
{
	int error = -ESRCH;

	list_for_each(link, &process_all)
	{
		const struct process *process = container_of(link, struct process, in_all);

		if (process->group != group)
			continue;
		if (process->session == session)
			return 0;
		error = -EPERM;
	}
	return error;
}

static int set_foreground(struct tty *tty, uint64_t group_gva)
{
	int32_t group;
	uint64_t flags;
	int error = 0;

	if (user_read(&group, group_gva, sizeof(group)))
		return -EFAULT;
	if (group < 0)
		return -EINVAL;
	flags = spin_lock(&process_lock);
	if (process_this()->tty != tty || tty->session != process_this()->session)
		error = -ENOTTY;
	else
		error = check_group(tty->session, group);
	if (!error)
		tty->foreground = group;
	spin_unlock(&process_lock, flags);
	return error;
}

static int answer(struct tty *tty, uint64_t gva, int32_t id)
{
	if (process_this()->tty != tty)
		return -ENOTTY;
	return user_write(gva, &id, sizeof(id)) ? -EFAULT : 0;
}

int64_t tty_job_ioctl(struct tty *tty, unsigned command, uint64_t argument)
{
	switch (command) {
	case TIOCSCTTY: return acquire(tty, argument == 1);
	case TIOCNOTTY: return release(tty);
	case TIOCGPGRP: return answer(tty, argument, tty->foreground);
	case TIOCSPGRP: return set_foreground(tty, argument);
	case TIOCGSID: return answer(tty, argument, tty->session);
	default: return -ENOTTY;
	}
}

/* SPDX-License-Identifier: MIT
 *
 * ioctl()s that read and change settings. Output goes to the driver at once, so there is never any to drain.
 */
#include "guest/tty/tty_ioctl.h"

#include "guest/fs/vfs.h"
#include "guest/lib/string.h"
#include "guest/mm/user.h"
#include "guest/proc/signal.h"
#include "guest/tty/discipline.h"
#include "guest/tty/tty.h"

static int set_termios(struct tty *tty, uint64_t from_gva, bool flush)
{
	struct termios termios;
	uint64_t flags;
	uint32_t old_local;

	if (user_read(&termios, from_gva, sizeof(termios)))
		return -EFAULT;
	flags = spin_lock(&tty->lock);
	old_local = tty->termios.local;
	tty->termios = termios;
	if (flush)
		discipline_flush_input(tty);
	discipline_settings_changed(tty, old_local);
	spin_unlock(&tty->lock, flags);
	waitq_wake(&tty->readable);
	waitq_wake(&tty->writable);
	return 0;
}

static int set_window(struct tty *tty, uint64_t from_gva)
{
	struct window_size window;
	uint64_t flags;
	bool changed;

	if (user_read(&window, from_gva, sizeof(window)))
		return -EFAULT;
	flags = spin_lock(&tty->lock);
	changed = memcmp(&window, &tty->window, sizeof(window));
	tty->window = window;
	spin_unlock(&tty->lock, flags);
	if (changed)
		tty_signal(tty, SIGWINCH);
	return 0;
}

static int flush(struct tty *tty, uint64_t queue)
{
	enum { TCIFLUSH, TCOFLUSH, TCIOFLUSH };
	const uint64_t flags = spin_lock(&tty->lock);

	if (queue == TCIFLUSH || queue == TCIOFLUSH)
		discipline_flush_input(tty);
	spin_unlock(&tty->lock, flags);
	return queue <= TCIOFLUSH ? 0 : -EINVAL;
}

static int stop_or_start(struct tty *tty, uint64_t action)
{
	enum { TCOOFF, TCOON, TCIOFF, TCION };

	if (action > TCION)
		return -EINVAL;
	if (action <= TCOON)
		tty->output_stopped = action == TCOOFF;
	waitq_wake(&tty->writable);
	return 0;
}

static int answer(uint64_t gva, int32_t value)
{
	return user_write(gva, &value, sizeof(value)) ? -EFAULT : 0;
}

int64_t tty_settings_ioctl(struct tty *tty, unsigned command, uint64_t argument)
{
	switch (command) {
	case TCGETS: return user_write(argument, &tty->termios, sizeof(tty->termios)) ? -EFAULT : 0;
	case TCSETS:
	case TCSETSW: return set_termios(tty, argument, false);
	case TCSETSF: return set_termios(tty, argument, true);
	case TIOCGWINSZ:
		return user_write(argument, &tty->window, sizeof(tty->window)) ? -EFAULT : 0;
	case TIOCSWINSZ: return set_window(tty, argument);
	case TCFLSH: return flush(tty, argument);
	case TCXONC: return stop_or_start(tty, argument);
	case TCSBRK:
	case TCSBRKP: return 0;
	case TIOCOUTQ: return answer(argument, 0);
	case FIONREAD: return answer(argument, (int32_t)discipline_available(tty));
	case TIOCSTI: return -EIO; /* typing on another's behalf: never */
	default: return -ENOTTY;
	}
}

/* What a background job may not do without being stopped (POSIX 11.1.4). */
static bool changes(unsigned command)
{
	return command == TCSETS || command == TCSETSW || command == TCSETSF || command == TCFLSH ||
	       command == TCXONC || command == TCSBRK || command == TCSBRKP || command == TIOCSPGRP;
}

int64_t tty_ioctl(struct file *file, unsigned command, uint64_t argument)
{
	struct tty *tty = file->private;
	int64_t result = changes(command) ? tty_check_background(tty, SIGTTOU) : 0;

	if (result)
		return result;
	if (tty->hung_up)
		return -EIO;
	result = tty_job_ioctl(tty, command, argument);
	return result == -ENOTTY ? tty_settings_ioctl(tty, command, argument) : result;
}

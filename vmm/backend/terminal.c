/* SPDX-License-Identifier: MIT
 *
 * Raw mode with a way back. See terminal.h.
 *
 * The saved state is file-static although vmm/ has no globals elsewhere: a signal handler has no context
 * pointer, and a process has one controlling terminal.
 */
#include "backend/terminal.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

static struct termios saved;
static int saved_fd;
static atomic_bool is_raw;

void terminal_restore(void)
{
	if (atomic_exchange(&is_raw, false))
		tcsetattr(saved_fd, TCSANOW, &saved);
}

static void fatal_signal(int number)
{
	terminal_restore();
	/* SA_RESETHAND put the default action back: returning or raising again now ends us by it. */
	raise(number);
}

static void restore_on_fatal_signals(void)
{
	static const int fatal[] = {SIGSEGV, SIGBUS,  SIGILL,  SIGFPE,	SIGABRT, SIGSYS,
				    SIGQUIT, SIGTRAP, SIGALRM, SIGUSR2, SIGXCPU, SIGXFSZ};
	struct sigaction action = {.sa_handler = fatal_signal, .sa_flags = (int)SA_RESETHAND};
	struct sigaction old;

	for (unsigned i = 0; i < sizeof(fatal) / sizeof(*fatal); i++) {
		/* A sanitizer's handler stays: its report is worth more than a tidy terminal. */
		if (!sigaction(fatal[i], NULL, &old) && old.sa_handler == SIG_DFL)
			sigaction(fatal[i], &action, NULL);
	}
}

int terminal_raw(int fd)
{
	struct termios raw;

	if (tcgetattr(fd, &saved) < 0 || tcgetpgrp(fd) != getpgrp())
		return -ENOTTY;
	raw = saved;
	cfmakeraw(&raw);
	raw.c_oflag |= OPOST; /* the VMM's own messages end in a bare \n */
	saved_fd = fd;
	restore_on_fatal_signals();
	signal(SIGTTOU, SIG_IGN); /* giving it back from the background must not stop us */
	atexit(terminal_restore);
	atomic_store(&is_raw, true);
	if (tcsetattr(fd, TCSANOW, &raw) < 0) {
		atomic_store(&is_raw, false);
		return -errno;
	}
	return 0;
}

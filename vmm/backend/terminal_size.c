/* SPDX-License-Identifier: MIT
 *
 * The size of the terminal. See terminal_size.h.
 */
#include "backend/terminal_size.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "loop/loop.h"

struct terminal_size {
	struct loop *loop;
	int signal_fd;
	void (*changed)(void *ctx);
	void *ctx;
};

bool terminal_size(uint16_t *columns, uint16_t *rows)
{
	struct winsize size;

	if (ioctl(STDIN_FILENO, TIOCGWINSZ, &size) < 0 || !size.ws_col || !size.ws_row)
		return false;
	*columns = size.ws_col;
	*rows = size.ws_row;
	return true;
}

static void signal_came(void *ctx, uint32_t events)
{
	struct terminal_size *watch = ctx;
	struct signalfd_siginfo info;

	(void)events;
	if (read(watch->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
		watch->changed(watch->ctx);
}

int terminal_size_watch(struct loop *loop, void (*changed)(void *ctx), void *ctx,
			struct terminal_size **out)
{
	struct terminal_size *watch = calloc(1, sizeof(*watch));
	sigset_t mask;
	int err;

	if (!watch)
		return -ENOMEM;
	*watch = (struct terminal_size){.loop = loop, .changed = changed, .ctx = ctx};
	sigemptyset(&mask);
	sigaddset(&mask, SIGWINCH);
	pthread_sigmask(SIG_BLOCK, &mask, NULL);
	watch->signal_fd = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
	err = watch->signal_fd < 0
		      ? -errno
		      : loop_add_fd(loop, watch->signal_fd, EPOLLIN, signal_came, watch);
	if (err) {
		terminal_size_unwatch(watch);
		return err;
	}
	*out = watch;
	return 0;
}

void terminal_size_unwatch(struct terminal_size *watch)
{
	if (!watch)
		return;
	if (watch->signal_fd >= 0) {
		loop_remove_fd(watch->loop, watch->signal_fd);
		close(watch->signal_fd);
	}
	free(watch);
}

/* SPDX-License-Identifier: MIT
 *
 * Back ends as child processes. See child.h.
 */
#include "backend/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "backend/unix_socket.h"

#define STOP_TRIES 100
#define STOP_PAUSE_NS 10000000

/* A listening socket and a connection to it. Its name is gone again when this returns. */
static int make_sockets(int *listen_fd, int *fd)
{
	char folder[] = "/tmp/vitrine-XXXXXX";
	char path[sizeof(folder) + 8];

	if (!mkdtemp(folder))
		return -errno;
	snprintf(path, sizeof(path), "%s/socket", folder);
	*listen_fd = unix_socket_listen(path, 1);
	*fd = *listen_fd < 0 ? *listen_fd : unix_socket_connect(path);
	unlink(path);
	rmdir(folder);
	if (*fd >= 0)
		return 0;
	if (*listen_fd >= 0)
		close(*listen_fd);
	return *fd;
}

/* In the new process: only async-signal-safe calls until it is another program. */
static void become(char *const argv[], int listen_fd, pid_t parent, int (*prepare)(void *ctx),
		   void *ctx)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGTTOU, SIG_DFL);
	signal(SIGPIPE, SIG_DFL);
	setpgid(0, 0); /* Ctrl-C is for the VM */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent) /* died before it could be asked for */
		_exit(1);
	if (dup2(listen_fd, CHILD_LISTEN_FD) < 0 || fcntl(CHILD_LISTEN_FD, F_SETFD, 0) < 0 ||
	    fcntl(CHILD_LISTEN_FD, F_SETFL, 0) < 0 || (prepare && prepare(ctx) != 0))
		_exit(1);
	execv(argv[0], argv);
	_exit(1);
}

int child_start(char *const argv[], int (*prepare)(void *ctx), void *ctx, struct child *child)
{
	pid_t parent = getpid();
	int listen_fd = -1;
	int err;

	*child = (struct child){0, -1};
	if (access(argv[0], X_OK) < 0)
		return -errno;
	err = make_sockets(&listen_fd, &child->fd);
	if (err)
		return err;
	child->pid = fork();
	if (child->pid == 0)
		become(argv, listen_fd, parent, prepare, ctx);
	err = child->pid < 0 ? -errno : 0;
	close(listen_fd);
	if (err) {
		close(child->fd);
		*child = (struct child){0, -1};
	}
	return err;
}

void child_stop(struct child *child)
{
	const struct timespec pause = {.tv_nsec = STOP_PAUSE_NS};

	if (child->pid > 0) {
		kill(child->pid, SIGTERM);
		for (unsigned i = 0; i < STOP_TRIES && waitpid(child->pid, NULL, WNOHANG) == 0;
		     i++) {
			if (i == STOP_TRIES - 1)
				kill(child->pid, SIGKILL);
			nanosleep(&pause, NULL);
		}
		waitpid(child->pid, NULL, 0);
	}
	if (child->fd >= 0)
		close(child->fd);
	*child = (struct child){0, -1};
}

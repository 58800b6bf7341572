/* SPDX-License-Identifier: MIT
 *
 * Forked probes with a limit. The result comes through a pipe: either all of it arrives (a write of
 * up to PIPE_BUF bytes is one piece, pipe(7)) or the probe has none.
 */
#include "kvm/probe_child.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

_Static_assert(PROBE_CHILD_RESULT_MAX <= PIPE_BUF, "a result is one write");

#define END_WAIT_MS 400

/* Standard streams become /dev/null, the pipe becomes descriptor 3, all else is closed. */
static void leave_callers_files(int *pipe_fd)
{
	int null = open("/dev/null", O_RDWR);

	for (int fd = 0; fd < 3; fd++)
		dup2(null, fd);
	if (*pipe_fd != 3)
		dup2(*pipe_fd, 3);
	*pipe_fd = 3;
	close_range(4, ~0u, 0);
}

static _Noreturn void be_child(int pipe_fd, probe_child_fn *fn, const void *ctx, size_t bytes)
{
	_Alignas(max_align_t) char result[PROBE_CHILD_RESULT_MAX] = {0};

	leave_callers_files(&pipe_fd);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	fn(ctx, result);
	if (write(pipe_fd, result, bytes) != (ssize_t)bytes)
		_exit(1);
	_exit(0);
}

/* Polls, since a child that spins in the kernel must not hold up a waitpid() without limit. */
static int wait_for_end(pid_t pid, unsigned wait_ms)
{
	const struct timespec nap = {.tv_nsec = 500000};

	for (unsigned i = 0; i <= 2 * wait_ms; i++) {
		if (waitpid(pid, NULL, WNOHANG) != 0)
			return 0;
		nanosleep(&nap, NULL);
	}
	return -ETIMEDOUT;
}

enum probe_child_end probe_child_end(pid_t pid, int signal, unsigned wait_ms)
{
	kill(pid, signal);
	return wait_for_end(pid, wait_ms) ? PROBE_CHILD_ABANDONED : PROBE_CHILD_KILLED;
}

/* 1: the result is there, 0: the child closed the pipe without, -1: the limit has passed. */
static int fetch_result(int fd, void *result, size_t bytes, unsigned limit_ms)
{
	struct pollfd wait = {.fd = fd, .events = POLLIN};
	int ready = poll(&wait, 1, (int)limit_ms);

	if (ready == 0 || (ready < 0 && errno == EINTR))
		return -1;
	return ready > 0 && read(fd, result, bytes) == (ssize_t)bytes;
}

enum probe_child_end probe_child_run(probe_child_fn *fn, const void *ctx, void *result,
				     size_t result_bytes, unsigned limit_ms, pid_t *pid)
{
	int pipe_fd[2], got;
	enum probe_child_end end;

	assert(result_bytes <= PROBE_CHILD_RESULT_MAX);
	if (pipe2(pipe_fd, O_CLOEXEC))
		return PROBE_CHILD_FAILED;
	*pid = fork();
	if (*pid == 0)
		be_child(pipe_fd[1], fn, ctx, result_bytes);
	close(pipe_fd[1]);
	if (*pid < 0) {
		close(pipe_fd[0]);
		return PROBE_CHILD_FAILED;
	}
	got = fetch_result(pipe_fd[0], result, result_bytes, limit_ms);
	close(pipe_fd[0]);
	/* A child that has spoken tears its VM down now; that may take a while, but no more. */
	if (got >= 0 && wait_for_end(*pid, END_WAIT_MS) == 0)
		return got ? PROBE_CHILD_OK : PROBE_CHILD_FAILED;
	end = probe_child_end(*pid, SIGKILL, END_WAIT_MS);
	return end == PROBE_CHILD_KILLED && got > 0 ? PROBE_CHILD_OK : end;
}

/* SPDX-License-Identifier: MIT
 *
 * See net_helper.h.
 */
#include "backend/net_helper.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define REPLY_TIMEOUT_S 20

struct net_helper {
	int control_fd;
	pid_t pid;
	unsigned users;
	unsigned next_card;
};

static int spawn_helper(struct net_helper *helper, const char *path, int control_end)
{
	char *const argv[] = {"vitrine-slirp", NULL}, *const no_environment[] = {NULL};
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t none;
	int error;

	sigemptyset(&none);
	posix_spawn_file_actions_init(&actions);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
	error = posix_spawn_file_actions_adddup2(&actions, control_end, SLIRP_CONTROL_FD);
	if (!error)
		error = posix_spawn(&helper->pid, path, &actions, &attributes, argv,
				    no_environment);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	return -error;
}

void net_helper_release(struct net_helper *helper)
{
	if (--helper->users)
		return;
	close(helper->control_fd);
	/* It keeps nothing that would be worth a farewell. */
	kill(helper->pid, SIGKILL);
	waitpid(helper->pid, NULL, 0);
	free(helper);
}

int net_helper_start(const char *path, struct net_helper **out, char *err, size_t err_size)
{
	struct timeval patience = {.tv_sec = REPLY_TIMEOUT_S};
	struct net_helper *helper = calloc(1, sizeof(*helper));
	int ends[2], error;

	if (!helper)
		return -ENOMEM;
	helper->users = 1;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends)) {
		error = -errno;
		snprintf(err, err_size, "--net user: %s", strerror(-error));
		free(helper);
		return error;
	}
	helper->control_fd = ends[0];
	setsockopt(ends[0], SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	error = spawn_helper(helper, path, ends[1]);
	close(ends[1]);
	if (error) {
		snprintf(err, err_size, "--net user: can't start %s: %s", path, strerror(-error));
		close(helper->control_fd);
		free(helper);
		return error;
	}
	*out = helper;
	return 0;
}

static int send_request(int control_fd, const struct slirp_request *request,
			const int fds[SLIRP_FDS])
{
	union {
		char bytes[CMSG_SPACE(SLIRP_FDS * sizeof(int))];
		struct cmsghdr align;
	} control = {0};
	struct iovec iov = {(void *)(uintptr_t)request, sizeof(*request)};
	struct msghdr message = {.msg_iov = &iov,
				 .msg_iovlen = 1,
				 .msg_control = control.bytes,
				 .msg_controllen = sizeof(control.bytes)};
	struct cmsghdr *rights = CMSG_FIRSTHDR(&message);

	rights->cmsg_level = SOL_SOCKET;
	rights->cmsg_type = SCM_RIGHTS;
	rights->cmsg_len = CMSG_LEN(SLIRP_FDS * sizeof(int));
	memcpy(CMSG_DATA(rights), fds, SLIRP_FDS * sizeof(int));
	return sendmsg(control_fd, &message, MSG_NOSIGNAL) == sizeof(*request) ? 0 : -EPIPE;
}

int net_helper_add_card(struct net_helper *helper, const struct slirp_request *request,
			const int fds[SLIRP_FDS], struct slirp_reply *reply)
{
	int error = send_request(helper->control_fd, request, fds);

	if (error)
		return error;
	return recv(helper->control_fd, reply, sizeof(*reply), 0) == sizeof(*reply) ? 0 : -EPIPE;
}

void net_helper_remove_card(struct net_helper *helper, unsigned card)
{
	struct slirp_request request = {.what = SLIRP_REMOVE, .card = card};

	send(helper->control_fd, &request, sizeof(request), MSG_NOSIGNAL);
}

struct net_helper *net_helper_share(struct net_helper *helper)
{
	helper->users++;
	return helper;
}

unsigned net_helper_new_card(struct net_helper *helper)
{
	return helper->next_card++;
}

int net_helper_life_fd(const struct net_helper *helper)
{
	return fcntl(helper->control_fd, F_DUPFD_CLOEXEC, 0);
}

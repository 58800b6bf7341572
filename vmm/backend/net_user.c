/* SPDX-License-Identifier: MIT
 *
 * --net user: frames go to vitrine-slirp (vmm/slirp), which one process serves for all cards of a VM.
 */
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

#include "backend/net_header.h"
#include "backend/net_hostfwd.h"
#include "backend/net_kinds.h"
#include "backend/net_socket.h"
#include "slirp/protocol.h"

#define MTU_DEFAULT 65520 /* whole TCP segments in one frame; libslirp takes up to 65521 */
#define SOCKET_BYTES (1 << 20)
#define REPLY_TIMEOUT_S 20

/* The helper process; alive as long as one card uses it. */
struct net_helper {
	int control_fd;
	pid_t pid;
	unsigned users;
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

static void release_helper(struct net_helper *helper)
{
	if (--helper->users)
		return;
	close(helper->control_fd);
	/* It keeps nothing that would be worth a farewell. */
	kill(helper->pid, SIGKILL);
	waitpid(helper->pid, NULL, 0);
	free(helper);
}

static int start_helper(const char *path, struct net_helper **out, char *err, size_t err_size)
{
	struct timeval patience = {.tv_sec = REPLY_TIMEOUT_S};
	struct net_helper *helper = calloc(1, sizeof(*helper));
	int ends[2], error;

	if (!helper)
		return -ENOMEM;
	helper->users = 1;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends)) {
		free(helper);
		return -errno;
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

static int send_request(int control_fd, const struct slirp_request *request, int fd)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
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
	rights->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(rights), &fd, sizeof(fd));
	return sendmsg(control_fd, &message, MSG_NOSIGNAL) == sizeof(*request) ? 0 : -EPIPE;
}

/* Why the helper refused, as the one line that the user sees. */
static void explain(const struct slirp_reply *reply, const struct net_options *options,
		    const struct slirp_request *request, char *err, size_t err_size)
{
	const char *reason = strerror(reply->error);
	char text[96];

	if (reply->forward < 0 || (unsigned)reply->forward >= request->forward_count) {
		snprintf(err, err_size, "--net user: vitrine-slirp: %s", reason);
		return;
	}
	if (reply->error == EADDRINUSE) {
		snprintf(text, sizeof(text), "port %u of the host is taken; choose another",
			 request->forward[reply->forward].host_port);
		reason = text;
	} else if (reply->error == EACCES) {
		reason = "ports below 1024 are for root; choose another";
	} else if (reply->error == EADDRNOTAVAIL) {
		reason = "the host has no such address";
	}
	snprintf(err, err_size, "--net user: hostfwd=%s: %s", options->hostfwd[reply->forward],
		 reason);
}

static int add_card(struct net_helper *helper, const struct net_options *options,
		    const struct slirp_request *request, int fd, char *err, size_t err_size)
{
	struct slirp_reply reply;
	int error = send_request(helper->control_fd, request, fd);

	if (error || recv(helper->control_fd, &reply, sizeof(reply), 0) != sizeof(reply)) {
		snprintf(err, err_size,
			 "--net user: vitrine-slirp did not start; is the package libslirp0 "
			 "installed?");
		return -EPIPE;
	}
	if (reply.error)
		explain(&reply, options, request, err, err_size);
	return -reply.error;
}

static int make_request(const struct net_options *options, struct slirp_request *request, char *err,
			size_t err_size)
{
	*request = (struct slirp_request){.mtu = options->mtu ? options->mtu : MTU_DEFAULT,
					  .forward_count = options->hostfwd_count};
	for (unsigned i = 0; i < options->hostfwd_count && i < SLIRP_FORWARDS_MAX; i++) {
		if (net_hostfwd_parse(options->hostfwd[i], &request->forward[i]) == 0)
			continue;
		snprintf(err, err_size,
			 "--net user: hostfwd=%s: must be tcp|udp:[HOSTADDR]:PORT-[GUESTADDR]:PORT,"
			 " as in hostfwd=tcp::2222-:22",
			 options->hostfwd[i]);
		return -EINVAL;
	}
	return 0;
}

static int connect_card(struct net *net, struct net_helper *helper,
			const struct net_options *options, char *err, size_t err_size)
{
	struct slirp_request request;
	int ends[2], size = SOCKET_BYTES, error = make_request(options, &request, err, err_size);

	if (error)
		return error;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends))
		return -errno;
	for (unsigned i = 0; i < 2; i++) /* as much as /proc/sys/net/core/wmem_max allows */
		setsockopt(ends[i], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	error = add_card(helper, options, &request, ends[1], err, err_size);
	close(ends[1]);
	if (error) {
		close(ends[0]);
		return error;
	}
	net->port[0].fd = ends[0];
	net->info.mtu = (uint16_t)request.mtu;
	return 0;
}

static void user_close(struct net *net)
{
	close(net->port[0].fd);
	release_helper(net->state);
}

static int user_send(struct net *net, unsigned pair, const struct net_frame *frame, unsigned count)
{
	return net_socket_send(net->port[pair].fd, frame, count);
}

static int user_receive(struct net *net, unsigned pair, struct net_frame *frame, unsigned count)
{
	return net_socket_receive(net->port[pair].fd, frame, count, 0);
}

/* libslirp's frames never came over a wire: with checksum offload they are marked as checked. */
static int user_set_offloads(struct net *net, unsigned offloads)
{
	struct virtio_net_hdr_v1 header = {0};

	if (offloads & NET_OFFLOAD_CSUM)
		header.flags = VIRTIO_NET_HDR_F_DATA_VALID;
	return send(net->port[0].fd, &header, sizeof(header), MSG_NOSIGNAL) < 0 ? -errno : 0;
}

static void user_hung_up(struct net *net)
{
	if (net_link_is_up(net))
		fprintf(stderr, "vitrine: --net user: vitrine-slirp has died; the link is down\n");
	net_set_link(net, false);
}

static const struct net_kind_ops user_ops = {
	.close = user_close,
	.send = user_send,
	.receive = user_receive,
	.set_offloads = user_set_offloads,
	.hung_up = user_hung_up,
};

int net_user_open(struct net *net, const struct net_options *options, char *err, size_t err_size)
{
	struct net_helper *helper = NULL;
	int error = 0;

	if (options->with && options->with->ops == &user_ops) {
		helper = options->with->state;
		helper->users++;
	} else {
		error = start_helper(options->helper, &helper, err, err_size);
	}
	if (error)
		return error;
	error = connect_card(net, helper, options, err, err_size);
	if (error) {
		release_helper(helper);
		return error;
	}
	net->ops = &user_ops;
	net->state = helper;
	net->info.offloads = NET_OFFLOAD_CSUM | NET_OFFLOAD_TSO4 | NET_OFFLOAD_TSO6;
	snprintf(net->name, sizeof(net->name), "user");
	return 0;
}

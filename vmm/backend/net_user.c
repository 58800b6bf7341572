/* SPDX-License-Identifier: MIT
 *
 * --net user: frames go to vitrine-slirp (vmm/slirp), which one process serves for all cards of a VM.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backend/net_header.h"
#include "backend/net_helper.h"
#include "backend/net_hostfwd.h"
#include "backend/net_kinds.h"
#include "backend/net_socket.h"
#include "loop/loop.h"
#include "slirp/frame_ring.h"
#include "slirp/protocol.h"

#define ETHERNET_HEADER_BYTES 14
#define MTU_DEFAULT \
	32768 /* two segments fit the 64 KiB window that libslirp offers: one is on its way */

struct user {
	struct net_helper *helper;
	unsigned card;
	int life_fd;	    /* the control socket once more: it hangs up when the helper dies */
	int fds[SLIRP_FDS]; /* the VMM's bell is port 0's fd */
	struct frame_ring ring[2];
	void *mapping;
};

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

static int add_card(struct user *user, const struct net_options *options,
		    const struct slirp_request *request, char *err, size_t err_size)
{
	struct slirp_reply reply;
	int error = net_helper_add_card(user->helper, request, user->fds, &reply);

	if (error) {
		snprintf(err, err_size,
			 "--net user: vitrine-slirp did not start; is the package libslirp0 "
			 "installed?");
		return error;
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

/* --- frames --- */

/* How many were taken before the ring was full. */
static unsigned fill_ring(struct frame_ring *ring, const struct net_frame *frame, unsigned count)
{
	unsigned taken = 0;

	for (; taken < count; taken++) {
		size_t len_bytes = net_frame_bytes(&frame[taken]);
		uint8_t *record;

		if (len_bytes <= NET_HEADER_BYTES || len_bytes > NET_HEADER_BYTES + NET_FRAME_MAX)
			continue; /* lost */
		record = frame_ring_reserve(ring, (uint32_t)len_bytes);
		if (!record)
			break;
		net_frame_peek(&frame[taken], record, len_bytes);
		frame_ring_commit(ring, (uint32_t)len_bytes);
	}
	frame_ring_publish(ring);
	return taken;
}

static int user_send(struct net *net, unsigned pair, const struct net_frame *frame, unsigned count)
{
	struct user *user = net->state;
	struct frame_ring *ring = &user->ring[SLIRP_RING_TO_HELPER];

	(void)pair;
	do {
		unsigned taken = fill_ring(ring, frame, count);

		if (taken || !count)
			return (int)taken;
		if (!net_link_is_up(net) || ring->broken)
			return (int)count; /* nobody takes them */
	} while (!frame_ring_wait_for_room(ring));
	return -EAGAIN;
}

static int user_receive(struct net *net, unsigned pair, struct net_frame *frame, unsigned count)
{
	struct user *user = net->state;
	struct frame_ring *ring = &user->ring[SLIRP_RING_TO_VMM];
	struct virtio_net_hdr_v1 header = {0};
	unsigned received = 0;
	uint32_t len_bytes;

	(void)pair;
	/* libslirp's frames never came over a wire: a guest that wants to know hears that they are good. */
	if (net->offloads & NET_OFFLOAD_CSUM)
		header.flags = VIRTIO_NET_HDR_F_DATA_VALID;
	while (received < count) {
		const uint8_t *record = frame_ring_peek(ring, &len_bytes);

		if (!record && frame_ring_sleep(ring))
			break;
		if (!record)
			continue;
		if (len_bytes >= ETHERNET_HEADER_BYTES &&
		    net_frame_fill(&frame[received], &header, record, len_bytes))
			received++;
		frame_ring_drop(ring);
	}
	frame_ring_release(ring);
	return received ? (int)received : -EAGAIN;
}

/* --- the helper's death --- */

static void user_hung_up(struct net *net)
{
	if (net_link_is_up(net))
		fprintf(stderr, "vitrine: --net user: vitrine-slirp has died; the link is down\n");
	net_set_link(net, false);
}

static void life_event(void *ctx, uint32_t events)
{
	struct net *net = ctx;
	const struct user *user = net->state;

	(void)events;
	user_hung_up(net);
	net_tell_room(net); /* what waits for room can go: it is lost */
	loop_modify_fd(net->port[0].loop, user->life_fd, 0);
}

static int user_listen(struct net *net, struct loop *loop)
{
	const struct user *user = net->state;

	return loop_add_fd(loop, user->life_fd, EPOLLRDHUP, life_event, net);
}

static void user_unlisten(struct net *net, struct loop *loop)
{
	const struct user *user = net->state;

	loop_remove_fd(loop, user->life_fd);
}

/* --- birth and death --- */

static void free_user(struct user *user)
{
	frame_ring_unmap(user->mapping);
	for (unsigned i = 0; i < SLIRP_FDS; i++)
		if (user->fds[i] >= 0)
			close(user->fds[i]);
	if (user->life_fd >= 0)
		close(user->life_fd);
	if (user->helper)
		net_helper_release(user->helper);
	free(user);
}

static void user_close(struct net *net)
{
	struct user *user = net->state;

	net_helper_remove_card(user->helper, user->card);
	free_user(user);
}

static const struct net_kind_ops user_ops = {
	.close = user_close,
	.send = user_send,
	.receive = user_receive,
	.listen = user_listen,
	.unlisten = user_unlisten,
};

static int find_helper(struct user *user, const struct net_options *options, char *err,
		       size_t err_size)
{
	if (options->with && options->with->ops == &user_ops) {
		const struct user *other = options->with->state;

		user->helper = net_helper_share(other->helper);
		return 0;
	}
	return net_helper_start(options->helper, &user->helper, err, err_size);
}

static int make_rings(struct user *user)
{
	int error;

	user->fds[SLIRP_FD_RINGS] = frame_ring_create_pair();
	user->fds[SLIRP_FD_HELPER_BELL] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	user->fds[SLIRP_FD_VMM_BELL] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	user->life_fd = net_helper_life_fd(user->helper);
	for (unsigned i = 0; i < SLIRP_FDS; i++)
		if (user->fds[i] < 0 || user->life_fd < 0)
			return -EMFILE;
	error = frame_ring_map(user->fds[SLIRP_FD_RINGS], user->fds[SLIRP_FD_HELPER_BELL],
			       user->ring, &user->mapping);
	frame_ring_sleep(&user->ring[SLIRP_RING_TO_VMM]);
	return error;
}

static int connect_user(struct user *user, const struct net_options *options, uint16_t *mtu,
			char *err, size_t err_size)
{
	struct slirp_request request;
	int error = make_request(options, &request, err, err_size);

	if (!error)
		error = find_helper(user, options, err, err_size);
	if (error)
		return error;
	error = make_rings(user);
	if (error) {
		snprintf(err, err_size, "--net user: %s", strerror(-error));
		return error;
	}
	user->card = request.card = net_helper_new_card(user->helper);
	*mtu = (uint16_t)request.mtu;
	return add_card(user, options, &request, err, err_size);
}

int net_user_open(struct net *net, const struct net_options *options, char *err, size_t err_size)
{
	struct user *user = calloc(1, sizeof(*user));
	int error;

	if (!user)
		return -ENOMEM;
	user->life_fd = -1;
	for (unsigned i = 0; i < SLIRP_FDS; i++)
		user->fds[i] = -1;
	error = connect_user(user, options, &net->info.mtu, err, err_size);
	if (error) {
		free_user(user);
		return error;
	}
	net->ops = &user_ops;
	net->state = user;
	net->port[0].fd = user->fds[SLIRP_FD_VMM_BELL];
	net->info.offloads = NET_OFFLOAD_CSUM | NET_OFFLOAD_TSO4 | NET_OFFLOAD_TSO6;
	snprintf(net->name, sizeof(net->name), "user");
	return 0;
}

/* SPDX-License-Identifier: MIT
 *
 * --net switch:NAME: frames to and from the other ports of a switch, one connection to each
 * (net_switch_join.h). Every port is a switch of its own: it learns which address is reached through which
 * connection, sends there, and floods what it does not know.
 *
 * The other end of a connection is another VM: what comes from it is checked. One that does not take its
 * frames loses them, and holds up nobody.
 */
#include <errno.h>
#include <linux/virtio_net.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backend/net_header.h"
#include "backend/net_kinds.h"
#include "backend/net_macs.h"
#include "backend/net_segment.h"
#include "backend/net_socket.h"
#include "backend/net_switch_join.h"

#define MTU_DEFAULT 1500
#define MAC_BYTES 6
#define EVENTS_MAX 16
#define ROUNDS_MAX 4 /* of looking for frames in one call, whatever arrives meanwhile */
#define LISTENER SWITCH_PEERS_MAX
#define SWITCH_OFFLOADS \
	(NET_OFFLOAD_CSUM | NET_OFFLOAD_TSO4 | NET_OFFLOAD_TSO6 | NET_OFFLOAD_TSO_ECN)

/* A received frame on its way to a guest that does not take it as it is. */
struct workshop {
	struct virtio_net_hdr_v1 header; /* of what comes out */
	struct net_segments segments;
	bool cutting;
	uint8_t in[NET_HEADER_BYTES + NET_FRAME_MAX];
	uint8_t out[NET_FRAME_MAX];
};

struct net_switch {
	pthread_mutex_t lock; /* senders and the receiver */
	struct switch_seat seat;
	int epoll_fd;
	int peer_fd[SWITCH_PEERS_MAX]; /* -1: none */
	unsigned peer_end;	       /* all from here on are -1 */
	struct net_macs macs;
	struct workshop *workshop; /* NULL: not needed until now */
	bool double_was_told;
};

/* --- ports --- */

static int add_peer(struct net_switch *sw, int fd)
{
	struct epoll_event event = {.events = EPOLLIN};
	unsigned at = 0;

	while (at < sw->peer_end && sw->peer_fd[at] >= 0)
		at++;
	event.data.u32 = at;
	if (at == SWITCH_PEERS_MAX || epoll_ctl(sw->epoll_fd, EPOLL_CTL_ADD, fd, &event)) {
		close(fd);
		return -ENOSPC;
	}
	sw->peer_fd[at] = fd;
	if (at == sw->peer_end)
		sw->peer_end++;
	return 0;
}

static void remove_peer(struct net_switch *sw, unsigned at)
{
	close(sw->peer_fd[at]);
	sw->peer_fd[at] = -1;
	while (sw->peer_end && sw->peer_fd[sw->peer_end - 1] < 0)
		sw->peer_end--;
	net_macs_forget(&sw->macs, (uint16_t)at);
}

static bool is_of_this_user(int fd)
{
	struct ucred who;
	socklen_t size = sizeof(who);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size) == 0 &&
	       (who.uid == geteuid() || who.uid == 0);
}

static void accept_peers(struct net_switch *sw)
{
	for (unsigned i = 0; i < SWITCH_PEERS_MAX; i++) {
		int fd = accept4(sw->seat.listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd < 0)
			return;
		switch_set_room(fd);
		if (is_of_this_user(fd))
			add_peer(sw, fd);
		else
			close(fd);
	}
}

/* --- to the others --- */

static void send_to(struct net_switch *sw, unsigned at, const struct net_frame *frame,
		    unsigned count)
{
	struct mmsghdr message[NET_BATCH_MAX];
	unsigned done = 0;

	for (unsigned i = 0; i < count; i++)
		message[i].msg_hdr = (struct msghdr){.msg_iov = frame[i].iov,
						     .msg_iovlen = frame[i].iov_count};
	while (done < count) {
		int sent = sendmmsg(sw->peer_fd[at], message + done, count - done,
				    MSG_DONTWAIT | MSG_NOSIGNAL);

		if (sent < 0 && (errno == EPIPE || errno == ECONNRESET)) {
			remove_peer(sw, at);
			return;
		}
		if (sent < 0 && errno == EAGAIN)
			return; /* it does not keep up: lost, as on a wire */
		done += sent > 0 ? (unsigned)sent : 1;
	}
}

static void flood(struct net_switch *sw, const struct net_frame *frame)
{
	accept_peers(sw); /* who has come since the receiver looked shall hear it too */
	for (unsigned at = 0; at < sw->peer_end; at++)
		if (sw->peer_fd[at] >= 0)
			send_to(sw, at, frame, 1);
}

static uint16_t way_of(const struct net_switch *sw, const struct net_frame *frame)
{
	uint8_t head[NET_HEADER_BYTES + MAC_BYTES];

	if (!net_frame_peek(frame, head, sizeof(head)))
		return NET_MAC_UNKNOWN;
	return net_macs_find(&sw->macs, head + NET_HEADER_BYTES);
}

static int switch_send(struct net *net, unsigned pair, const struct net_frame *frame,
		       unsigned count)
{
	struct net_switch *sw = net->state;
	unsigned first = 0;

	(void)pair;
	if (count > NET_BATCH_MAX)
		count = NET_BATCH_MAX;
	pthread_mutex_lock(&sw->lock);
	while (first < count) {
		uint16_t way = way_of(sw, &frame[first]);
		unsigned end = first + 1;

		if (way == NET_MAC_UNKNOWN) {
			flood(sw, &frame[first]);
		} else {
			while (end < count && way_of(sw, &frame[end]) == way)
				end++;
			send_to(sw, way, frame + first, end - first);
		}
		first = end;
	}
	pthread_mutex_unlock(&sw->lock);
	return (int)count;
}

/* --- from the others --- */

/* Two VMs that were started alike in one folder have made the same address. */
static void tell_double(struct net *net)
{
	struct net_switch *sw = net->state;

	if (!sw->double_was_told)
		fprintf(stderr,
			"vitrine: --net %s: another VM has this card's MAC address; give mac=\n",
			net->name);
	sw->double_was_told = true;
}

static void learn(struct net *net, unsigned at, const struct net_frame *frame)
{
	struct net_switch *sw = net->state;
	uint8_t head[NET_HEADER_BYTES + 2 * MAC_BYTES];
	const uint8_t *source = head + NET_HEADER_BYTES + MAC_BYTES;

	if (!net_frame_peek(frame, head, sizeof(head)))
		return;
	net_macs_learn(&sw->macs, source, (uint16_t)at);
	if (memcmp(source, net->info.mac, MAC_BYTES) == 0)
		tell_double(net);
}

static int receive_as_is(struct net *net, unsigned at, struct net_frame *frame, unsigned count)
{
	struct net_switch *sw = net->state;
	int received = net_socket_receive(sw->peer_fd[at], frame, count, SWITCH_OFFLOADS);

	for (int i = 0; i < received; i++)
		learn(net, at, &frame[i]);
	return received;
}

/* Hands out what is left of the frame that is being cut. */
static unsigned cut(struct workshop *shop, struct net_frame *frame, unsigned count)
{
	unsigned filled = 0;

	while (shop->cutting && filled < count) {
		size_t len = net_segments_next(&shop->segments, shop->out);

		if (!len)
			shop->cutting = false;
		else if (net_frame_fill(&frame[filled], &shop->header, shop->out, len))
			filled++;
	}
	return filled;
}

/* Takes one frame and does what the guest did not ask for. 0 or 1 frame filled, or -EAGAIN. */
static int receive_and_work(struct net *net, unsigned at, struct net_frame *frame)
{
	struct net_switch *sw = net->state;
	struct workshop *shop = sw->workshop;
	struct iovec iov = {shop->in, sizeof(shop->in)};
	struct net_frame in = {.iov = &iov, .iov_count = 1};
	uint8_t *bytes = shop->in + NET_HEADER_BYTES;
	size_t len;

	if (net_socket_receive(sw->peer_fd[at], &in, 1, SWITCH_OFFLOADS) < 1)
		return -EAGAIN;
	learn(net, at, &in);
	len = in.len_bytes - NET_HEADER_BYTES;
	memcpy(&shop->header, shop->in, NET_HEADER_BYTES);

	unsigned missing = net_header_offloads(&shop->header) & ~net->offloads;

	if (missing & ~(unsigned)NET_OFFLOAD_CSUM) {
		shop->cutting = net_segments_start(&shop->segments, &shop->header, bytes, len);
		shop->header = (struct virtio_net_hdr_v1){0};
		return (int)cut(shop, frame, 1);
	}
	if (missing)
		net_header_complete_checksum(&shop->header, bytes, len);
	if (!(net->offloads & NET_OFFLOAD_CSUM))
		shop->header = (struct virtio_net_hdr_v1){0};
	return net_frame_fill(frame, &shop->header, bytes, len);
}

static int receive_from(struct net *net, unsigned at, struct net_frame *frame, unsigned count)
{
	struct net_switch *sw = net->state;
	unsigned filled = 0;

	if (net->offloads == SWITCH_OFFLOADS)
		return receive_as_is(net, at, frame, count);
	if (!sw->workshop)
		sw->workshop = calloc(1, sizeof(*sw->workshop));
	if (!sw->workshop)
		return -EAGAIN;
	for (unsigned tries = 0; tries < NET_BATCH_MAX && filled < count; tries++) {
		int got = receive_and_work(net, at, frame + filled);

		if (got < 0)
			return filled ? (int)filled : got;
		filled += (unsigned)got;
		filled += cut(sw->workshop, frame + filled, count - filled);
	}
	return (int)filled;
}

static unsigned take_event(struct net *net, const struct epoll_event *event,
			   struct net_frame *frame, unsigned count)
{
	struct net_switch *sw = net->state;
	unsigned at = event->data.u32;
	int received;

	if (at == LISTENER) {
		accept_peers(sw);
		return 0;
	}
	if (sw->peer_fd[at] < 0)
		return 0;
	received = receive_from(net, at, frame, count);
	if (received < 0 && event->events & (EPOLLHUP | EPOLLERR))
		remove_peer(sw, at);
	return received > 0 ? (unsigned)received : 0;
}

static int switch_receive(struct net *net, unsigned pair, struct net_frame *frame, unsigned count)
{
	struct net_switch *sw = net->state;
	struct epoll_event event[EVENTS_MAX];
	unsigned filled = 0;

	(void)pair;
	pthread_mutex_lock(&sw->lock);
	if (sw->workshop)
		filled = cut(sw->workshop, frame, count);
	for (unsigned round = 0; round < ROUNDS_MAX && filled < count; round++) {
		int ready = epoll_wait(sw->epoll_fd, event, EVENTS_MAX, 0);

		for (int i = 0; i < ready && filled < count; i++)
			filled += take_event(net, &event[i], frame + filled, count - filled);
		if (ready <= 0)
			break;
	}
	pthread_mutex_unlock(&sw->lock);
	return filled ? (int)filled : -EAGAIN;
}

/* --- birth and death --- */

static void switch_close(struct net *net)
{
	struct net_switch *sw = net->state;

	for (unsigned at = 0; at < sw->peer_end; at++)
		if (sw->peer_fd[at] >= 0)
			close(sw->peer_fd[at]);
	switch_leave(&sw->seat);
	close(sw->epoll_fd);
	pthread_mutex_destroy(&sw->lock);
	free(sw->workshop);
	free(sw);
}

static const struct net_kind_ops switch_ops = {
	.close = switch_close,
	.send = switch_send,
	.receive = switch_receive,
};

static int watch_ports(struct net_switch *sw)
{
	struct epoll_event event = {.events = EPOLLIN, .data.u32 = LISTENER};

	for (unsigned i = 0; i < SWITCH_PEERS_MAX; i++)
		sw->peer_fd[i] = -1;
	for (unsigned i = 0; i < sw->seat.peer_count; i++)
		add_peer(sw, sw->seat.peer_fd[i]);
	return epoll_ctl(sw->epoll_fd, EPOLL_CTL_ADD, sw->seat.listen_fd, &event) ? -errno : 0;
}

int net_switch_open(struct net *net, const struct net_options *options, char *err, size_t err_size)
{
	struct net_switch *sw = calloc(1, sizeof(*sw));
	int error = sw ? switch_join(options->switch_name, &sw->seat, err, err_size) : -ENOMEM;

	if (error) {
		free(sw);
		return error;
	}
	pthread_mutex_init(&sw->lock, NULL);
	net->ops = &switch_ops;
	net->state = sw;
	sw->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	error = sw->epoll_fd < 0 ? -errno : watch_ports(sw);
	if (error) {
		snprintf(err, err_size, "--net switch:%s: %s", options->switch_name,
			 strerror(-error));
		switch_close(net);
		return error;
	}
	net->port[0].fd = sw->epoll_fd;
	net->info.offloads = SWITCH_OFFLOADS;
	net->info.mtu = (uint16_t)(options->mtu ? options->mtu : MTU_DEFAULT);
	snprintf(net->name, sizeof(net->name), "switch:%s", options->switch_name);
	return 0;
}

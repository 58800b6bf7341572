/* SPDX-License-Identifier: MIT
 *
 * What all network back ends have in common. See net.h.
 */
#include "backend/net.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "backend/net_kinds.h"
#include "backend/net_socket.h"
#include "backend/net_wire.h"
#include "loop/loop.h"

int net_open(const struct net_options *options, struct net **out, char *err, size_t err_size)
{
	static int (*const open_kind[])(struct net *, const struct net_options *, char *,
					size_t) = {[NET_USER] = net_user_open,
						   [NET_TAP] = net_tap_open,
						   [NET_SWITCH] = net_switch_open};
	struct net *net = calloc(1, sizeof(*net));
	int error;

	if (!net)
		return -ENOMEM;
	for (unsigned i = 0; i < NET_QUEUE_PAIRS_MAX; i++) {
		net->port[i].net = net;
		net->port[i].fd = -1;
		net->info.tap_fd[i] = -1;
	}
	memcpy(net->info.mac, options->mac, sizeof(net->info.mac));
	net->info.queue_pairs = 1;
	net->info.name = net->name;
	error = net_wire_open(options->pcap, options->lose, &net->wire, err, err_size);
	if (!error)
		error = open_kind[options->kind](net, options, err, err_size);
	if (error) {
		net_wire_close(net->wire);
		free(net);
		return error;
	}
	*out = net;
	return 0;
}

void net_close(struct net *net)
{
	if (!net)
		return;
	for (unsigned pair = 0; pair < NET_QUEUE_PAIRS_MAX; pair++)
		net_listen(net, pair, NULL, NULL, NULL, NULL);
	net->ops->close(net);
	net_wire_close(net->wire);
	free(net);
}

struct net_info net_get_info(const struct net *net)
{
	return net->info;
}

int net_set_offloads(struct net *net, unsigned offloads)
{
	if (offloads & ~net->info.offloads)
		return -EINVAL;
	net->offloads = offloads;
	return net->ops->set_offloads ? net->ops->set_offloads(net, offloads) : 0;
}

int net_set_queue_pairs(struct net *net, unsigned pairs)
{
	if (pairs < 1 || pairs > net->info.queue_pairs)
		return -EINVAL;
	return net->ops->set_queue_pairs ? net->ops->set_queue_pairs(net, pairs) : 0;
}

/* One by one, since some are lost on the way. A frame there is no room for comes once more, and is noted then. */
static int send_over_wire(struct net *net, unsigned pair, const struct net_frame *frame,
			  unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		const size_t len_bytes = net_frame_bytes(&frame[i]) - NET_HEADER_BYTES;
		int sent = 1;

		if (!net_wire_loses(net->wire, &frame[i]))
			sent = net->ops->send(net, pair, &frame[i], 1);
		if (sent != 1)
			return i ? (int)i : sent;
		net_wire_note(net->wire, &frame[i], len_bytes);
	}
	return (int)count;
}

static int send_frames(struct net *net, unsigned pair, const struct net_frame *frame,
		       unsigned count)
{
	return net->wire ? send_over_wire(net, pair, frame, count)
			 : net->ops->send(net, pair, frame, count);
}

int net_send_batch(struct net *net, unsigned pair, const struct net_frame *frame, unsigned count)
{
	struct net_port *port = &net->port[pair];
	int sent = send_frames(net, pair, frame, count);

	/* The event may have come between the kind's looking and the mark here: look once more. */
	if (sent == -EAGAIN && !atomic_exchange(&port->no_room, true))
		sent = send_frames(net, pair, frame, count);
	return sent;
}

int net_receive_batch(struct net *net, unsigned pair, struct net_frame *frame, unsigned count)
{
	const int received = net->ops->receive(net, pair, frame, count);

	for (int i = 0; net->wire && i < received; i++)
		net_wire_note(net->wire, &frame[i], frame[i].len_bytes - NET_HEADER_BYTES);
	return received;
}

static void tell_room(struct net_port *port)
{
	if (atomic_exchange(&port->no_room, false) && port->writable)
		port->writable(port->ctx);
}

void net_tell_room(struct net *net)
{
	tell_room(&net->port[0]);
}

static void port_event(void *ctx, uint32_t events)
{
	struct net_port *port = ctx;

	(void)events;
	tell_room(port);
	if (port->readable)
		port->readable(port->ctx);
}

static void stop_listening(struct net *net, struct net_port *port)
{
	if (!port->loop)
		return;
	if (port == net->port && net->ops->unlisten)
		net->ops->unlisten(net, port->loop);
	loop_remove_fd(port->loop, port->fd);
	port->loop = NULL;
	atomic_store(&port->no_room, false);
}

static int start_listening(struct net *net, struct net_port *port)
{
	int error = loop_add_fd(port->loop, port->fd, EPOLLIN | EPOLLET, port_event, port);

	if (!error && port == net->port && net->ops->listen)
		error = net->ops->listen(net, port->loop);
	return error;
}

int net_listen(struct net *net, unsigned pair, struct loop *loop, void (*readable)(void *ctx),
	       void (*writable)(void *ctx), void *ctx)
{
	struct net_port *port = &net->port[pair];
	int error;

	stop_listening(net, port);
	if (!readable)
		return 0;
	port->loop = loop;
	port->readable = readable;
	port->writable = writable;
	port->ctx = ctx;
	error = start_listening(net, port);
	if (error)
		stop_listening(net, port);
	return error;
}

bool net_link_is_up(const struct net *net)
{
	return !atomic_load(&net->link_down);
}

void net_on_link_change(struct net *net, void (*changed)(void *ctx), void *ctx)
{
	net->link_changed = changed;
	net->link_ctx = ctx;
}

void net_set_link(struct net *net, bool up)
{
	if (atomic_exchange(&net->link_down, !up) == up && net->link_changed)
		net->link_changed(net->link_ctx);
}

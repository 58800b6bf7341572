/* SPDX-License-Identifier: MIT
 *
 * Between net.c and the kinds of back ends: what each brings, and what net.c does for all of them
 * (the event loop, the link).
 */
#ifndef VITRINE_BACKEND_NET_KINDS_H
#define VITRINE_BACKEND_NET_KINDS_H

#include <stdatomic.h>

#include "backend/net.h"

/* A queue pair's descriptor, and who listens to it. The kind sets fd; the rest is net.c's. */
struct net_port {
	struct net *net;
	int fd;
	struct loop *loop;
	void (*readable)(void *ctx);
	void (*writable)(void *ctx);
	void *ctx;
	struct loop_timer
		*wait_for_room; /* carries "no room" from the sender into the loop's thread */
	atomic_bool no_room;	/* a sender was told -EAGAIN */
};

struct net_kind_ops {
	void (*close)(struct net *net);
	/* Where this says -EAGAIN, an event on the port's fd follows when there is room. */
	int (*send)(struct net *net, unsigned pair, const struct net_frame *frame, unsigned count);
	int (*receive)(struct net *net, unsigned pair, struct net_frame *frame, unsigned count);
	int (*set_offloads)(struct net *net, unsigned offloads); /* NULL: always 0 */
	int (*set_queue_pairs)(struct net *net, unsigned pairs); /* NULL: one is all there is */
	int (*listen)(struct net *net,
		      struct loop *loop); /* NULL, or more descriptors for pair 0's loop; */
	void (*unlisten)(struct net *net, struct loop *loop); /* … and away again */
};

struct net {
	const struct net_kind_ops *ops;
	struct net_info info;
	char name[64];
	atomic_uint offloads; /* what frames to the guest may carry */
	struct net_port port[NET_QUEUE_PAIRS_MAX];
	atomic_bool link_down;
	void (*link_changed)(void *ctx);
	void *link_ctx;
	struct net_wire *wire; /* NULL: nobody looks */
	void *state;	       /* the kind's own */
};

/* The kinds. net is zeroed but for ops == NULL, port[].fd == -1, info.mac; they fill ops, info, name, fds.
 * On failure nothing is left behind. 0 or -errno with a line in err. */
int net_user_open(struct net *net, const struct net_options *options, char *err, size_t err_size);
int net_tap_open(struct net *net, const struct net_options *options, char *err, size_t err_size);
int net_switch_open(struct net *net, const struct net_options *options, char *err, size_t err_size);

/* For a kind that notices: changes the state and tells the listener. Loop thread. */
void net_set_link(struct net *net, bool up);

/* The same for senders on pair 0 who were told -EAGAIN. */
void net_tell_room(struct net *net);

#endif

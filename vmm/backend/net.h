/* SPDX-License-Identifier: MIT
 *
 * What network cards stand on: --net user (libslirp in a helper process), tap, or switch:NAME. One struct net
 * per --net, opened by the command line and kept over a guest's reset; one port per queue pair.
 *
 * Every frame, in both directions, begins with struct virtio_net_hdr_v1 (12 bytes, virtio 1.2
 * §5.1.6; <linux/virtio_net.h>): a back end without offloads ignores it and gives zeros.
 */
#ifndef VITRINE_BACKEND_NET_H
#define VITRINE_BACKEND_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#define NET_HEADER_BYTES 12
#define NET_FRAME_MAX 65562 /* Ethernet header, tag and 64 KiB */
#define NET_QUEUE_PAIRS_MAX 8
#define NET_BATCH_MAX 64

struct loop;
struct net;

enum net_kind { NET_USER, NET_TAP, NET_SWITCH };
enum net_vhost { NET_VHOST_AUTO, NET_VHOST_OFF, NET_VHOST_ON };

/* Pointers are borrowed until net_open() returns. */
struct net_options {
	enum net_kind kind;
	const char *ifname;	 /* tap: NULL: the kernel chooses */
	const char *switch_name; /* switch */
	const char *hostfwd[16]; /* user: "tcp:[ADDR]:PORT-[ADDR]:PORT" */
	unsigned hostfwd_count;
	enum net_vhost vhost;
	unsigned queue_pairs; /* tap; 1 elsewhere */
	unsigned mtu;	      /* 0: the back end's own */
	uint8_t mac[6];
	const char *pcap;   /* a file for all frames, or NULL */
	unsigned lose;	    /* every so many-th IP packet from the guest; 0: none */
	const char *helper; /* user: path of vitrine-slirp */
	const struct net
		*with; /* user: an open one whose helper process this one shares, or NULL */
};

enum net_offload {
	NET_OFFLOAD_CSUM = 1 << 0, /* frames with partial checksums */
	NET_OFFLOAD_TSO4 = 1 << 1,
	NET_OFFLOAD_TSO6 = 1 << 2,
	NET_OFFLOAD_TSO_ECN = 1 << 3,
	NET_OFFLOAD_UFO = 1 << 4
};

struct net_info {
	const char *name; /* "user", "tap0", "switch:lan", for messages */
	uint8_t mac[6];
	uint16_t mtu;
	unsigned queue_pairs;
	unsigned
		offloads; /* NET_OFFLOAD_*: what it can take from a guest, and give when asked to */
	int tap_fd[NET_QUEUE_PAIRS_MAX]; /* -1: not a tap; for vhost-net */
	enum net_vhost vhost;
};

/* A frame for net_send_batch(), or room for one. */
struct net_frame {
	struct iovec *iov; /* header first */
	unsigned iov_count;
	size_t len_bytes; /* after receiving: header included */
};

int net_open(const struct net_options *options, struct net **out, char *err, size_t err_size);
void net_close(struct net *net); /* NULL is fine */
struct net_info net_get_info(const struct net *net);

/* What frames to the guest may carry from now on. Any thread. 0 or -errno. */
int net_set_offloads(struct net *net, unsigned offloads);
/* How many of the queue pairs are in use. */
int net_set_queue_pairs(struct net *net, unsigned pairs);

/* Sends frames in order. Returns how many were taken (dropped ones included: a frame that nobody
 * wants is gone, as on a wire), or -EAGAIN: none now. Any thread, one at a time per pair. */
int net_send_batch(struct net *net, unsigned pair, const struct net_frame *frame, unsigned count);

/* Takes up to count frames; what does not fit into a frame's room is dropped with the frame. Returns
 * how many, or -EAGAIN: none now. */
int net_receive_batch(struct net *net, unsigned pair, struct net_frame *frame, unsigned count);

/* Calls fn(ctx) in loop's thread when there may be frames to take, edge-triggered: fn takes all, or
 * calls net_receive_batch() again later by itself. writable (may be NULL): room to send again after
 * -EAGAIN. fn NULL: nobody listens any more. */
int net_listen(struct net *net, unsigned pair, struct loop *loop, void (*readable)(void *ctx),
	       void (*writable)(void *ctx), void *ctx);

/* Link status: true by default. The listener is called in the loop's thread that noticed. */
bool net_link_is_up(const struct net *net);
void net_on_link_change(struct net *net, void (*changed)(void *ctx), void *ctx);

#endif

/* SPDX-License-Identifier: MIT
 *
 * What the files of virtio-net share. Nobody else includes it.
 *
 *     net.c       life cycle, features, configuration        net_control.c   control queue, filter
 *     net_send.c  driver → back end                          net_receive.c   back end → driver
 */
#ifndef VITRINE_VIRTIO_NET_INTERNAL_H
#define VITRINE_VIRTIO_NET_INTERNAL_H

#include "backend/net.h"
#include "loop/batching.h"
#include "loop/loop_thread.h"
#include "virtio/net.h"
#include "virtio/vhost_net.h"
#include "virtio_net.h"

#define VNET_QUEUE_SIZE 256
#define VNET_CHAIN_MAX 32 /* descriptors of one frame: 64 KiB in pages, and headers */
#define VNET_BATCH 32
#define VNET_SPILL_FRAMES 8 /* received at once, where one may need several buffers */
#define VNET_FILTER_MAX 32

struct vnet;

/* Frames on their way to the back end. Guarded by the queue's lock. */
struct vnet_send {
	struct vnet *net;
	struct virtio_queue *queue;
	unsigned pair;
	struct batching batching;
	unsigned first, count; /* popped, not yet taken by the back end */
	struct virtq_chain chain[VNET_BATCH];
	struct net_frame frame[VNET_BATCH];
	struct virtio_net_header header[VNET_BATCH]; /* checked copies */
	struct iovec iov[VNET_BATCH][VNET_CHAIN_MAX + 1];
};

/* Buffers that wait for frames. Guarded by the queue's lock. */
struct vnet_receive {
	struct vnet *net;
	struct virtio_queue *queue;
	unsigned pair;
	unsigned
		count; /* popped chains, in their order; more than a batch where one frame takes many */
	struct virtq_chain chain[VNET_QUEUE_SIZE];
	struct net_frame frame[VNET_BATCH];
	struct iovec iov[VNET_QUEUE_SIZE][VNET_CHAIN_MAX + 1];
	uint8_t *spill; /* VNET_SPILL_FRAMES frames' rests; made at the first use */
};

struct vnet_filter {
	bool promiscuous;
	bool all_multicast;
	bool overflow; /* the table was longer than ours: take all */
	unsigned count;
	uint8_t address[VNET_FILTER_MAX][6];
};

struct vnet {
	struct virtio_device vdev;
	struct net *backend;
	struct net_info info;
	unsigned pair_count; /* that exist */
	unsigned control;    /* index of the control queue: the last driver's choice, §5.1.2 */
	_Atomic unsigned active_pairs;
	struct vnet_send *send[NET_QUEUE_PAIRS_MAX];
	struct vnet_receive *receive[NET_QUEUE_PAIRS_MAX];
	struct loop_thread *thread[NET_QUEUE_PAIRS_MAX]; /* NULL where vhost serves the pair */
	struct vhost_net *vhost[NET_QUEUE_PAIRS_MAX];
	pthread_mutex_t filter_lock;
	struct vnet_filter filter;
	uint8_t mac[6]; /* filter_lock: what the driver set */
};

/* Pops frames and hands them over, as long as the back end takes them. Queue's lock held. */
void vnet_send(struct vnet_send *send);
void vnet_send_forget(struct vnet_send *send);

/* Takes frames as long as there are some, and buffers for them. Queue's lock held. */
void vnet_receive(struct vnet_receive *receive);
void vnet_receive_forget(struct vnet_receive *receive);

/* The control queue. Its lock held. */
void vnet_control(struct vnet *net, struct virtio_queue *queue);
void vnet_control_reset(struct vnet *net);
/* Whether there are frames that the driver does not want, and whether it wants one to this address. */
bool vnet_filters(struct vnet *net);
bool vnet_wants(struct vnet *net, const uint8_t address[6]);

#endif

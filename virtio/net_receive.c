/* SPDX-License-Identifier: MIT
 *
 * Reception (virtio 1.2 §5.1.6.3, §5.1.6.4). Frames are received straight into the driver's buffers.
 *
 * With mergeable buffers a frame may be longer than the buffer it begins in, and nobody knows before it is there:
 * what is too long lands in a spill area behind the buffer, and is copied into further buffers.
 *
 *     chain[0] | spill[0]      chain[1] | spill[1]      …      chain[received…]: for the rests
 */
#include <stdlib.h>
#include <string.h>

#include "virtio/net_internal.h"

#define ETHERNET_HEADER 14
#define VLAN_TAG 4

/* Pops until there are enough; they are kept over calls. False: the queue broke. */
static bool stock_up(struct vnet_receive *receive, unsigned wanted)
{
	while (receive->count < wanted && receive->count < VNET_QUEUE_SIZE) {
		struct virtq_chain *chain = &receive->chain[receive->count];
		int popped;

		chain->iov = receive->iov[receive->count];
		chain->iov_max = VNET_CHAIN_MAX;
		popped = virtq_pop(receive->queue->ring, chain);
		if (popped == 0)
			return true;
		if (popped < 0 || chain->in_bytes < sizeof(struct virtio_net_header)) {
			virtio_device_break(
				&receive->net->vdev, receive->queue->index,
				popped < 0 ? NULL : "a receive buffer without room for a header");
			return false;
		}
		receive->count++;
	}
	return true;
}

/* The chain keeps its buffers' list in the slot where it was popped: move both. */
static void move_chain(struct vnet_receive *receive, unsigned to, unsigned from)
{
	if (to == from)
		return;
	receive->chain[to] = receive->chain[from];
	memcpy(receive->iov[to], receive->iov[from],
	       (receive->chain[from].out_count + receive->chain[from].in_count) *
		       sizeof(struct iovec));
	receive->chain[to].iov = receive->iov[to];
}

static uint32_t largest_frame(const struct vnet *net)
{
	if (virtio_has(&net->vdev, VIRTIO_NET_F_GUEST_TSO4) ||
	    virtio_has(&net->vdev, VIRTIO_NET_F_GUEST_TSO6) ||
	    virtio_has(&net->vdev, VIRTIO_NET_F_GUEST_UFO))
		return NET_HEADER_BYTES + NET_FRAME_MAX;
	return NET_HEADER_BYTES + ETHERNET_HEADER + VLAN_TAG + net->info.mtu;
}

/* Whether frames may need more than one buffer. */
static bool may_spill(const struct vnet_receive *receive)
{
	return virtio_has(&receive->net->vdev, VIRTIO_NET_F_MRG_RXBUF) &&
	       receive->chain[0].in_bytes < largest_frame(receive->net);
}

static bool have_spill(struct vnet_receive *receive)
{
	if (!receive->spill)
		receive->spill = malloc((size_t)VNET_SPILL_FRAMES * NET_FRAME_MAX);
	return receive->spill != NULL;
}

static void offer_room(struct vnet_receive *receive, unsigned frames, bool spill)
{
	for (unsigned i = 0; i < frames; i++) {
		struct virtq_chain *chain = &receive->chain[i];
		struct iovec *iov = chain->iov + chain->out_count;
		unsigned count = chain->in_count;

		if (spill)
			iov[count++] = (struct iovec){receive->spill + (size_t)i * NET_FRAME_MAX,
						      NET_FRAME_MAX};
		receive->frame[i] = (struct net_frame){.iov = iov, .iov_count = count};
	}
}

/* The destination address, if it lies in one piece as it does with every driver known. */
static bool is_wanted(struct vnet_receive *receive, const struct virtq_chain *chain)
{
	const struct iovec *first = &chain->iov[chain->out_count];
	uint8_t address[6];

	if (first->iov_len < NET_HEADER_BYTES + sizeof(address))
		return true;
	memcpy(address, (const uint8_t *)first->iov_base + NET_HEADER_BYTES, sizeof(address));
	return vnet_wants(receive->net, address);
}

/* Spreads the rest of a frame over further chains, which are taken from number *next on; 64 KiB may need dozens.
 * Returns how many buffers the frame has in all; 0: there are not enough. */
static unsigned spread(struct vnet_receive *receive, unsigned at, unsigned *next, uint32_t len)
{
	uint32_t done = receive->chain[at].in_bytes;
	unsigned first = *next;
	unsigned end = first;

	for (uint32_t room = done; room < len; room += receive->chain[end++].in_bytes)
		if (end == receive->count && (!stock_up(receive, end + 1) || end == receive->count))
			return 0;
	for (unsigned i = first; i < end; i++) {
		const uint8_t *rest = receive->spill + (size_t)at * NET_FRAME_MAX +
				      (done - receive->chain[at].in_bytes);

		done += virtq_chain_write(&receive->chain[i], 0, rest, len - done);
	}
	*next = end;
	return 1 + end - first;
}

static void push(struct vnet_receive *receive, const struct virtq_chain *chain, uint32_t *left)
{
	uint32_t written = *left < chain->in_bytes ? *left : chain->in_bytes;

	virtq_push(receive->queue->ring, chain, written);
	*left -= written;
}

/* One frame to the driver; false: dropped, its chain is still there. */
static bool deliver(struct vnet_receive *receive, unsigned at, unsigned *next)
{
	struct virtq_chain *chain = &receive->chain[at];
	uint32_t left = (uint32_t)receive->frame[at].len_bytes;
	uint16_t buffers = 1;
	unsigned first = *next;

	if (left < NET_HEADER_BYTES + ETHERNET_HEADER || !is_wanted(receive, chain))
		return false;
	if (left > chain->in_bytes) {
		buffers = (uint16_t)spread(receive, at, next, left);
		if (!buffers)
			return false;
	}
	virtq_chain_write(chain, offsetof(struct virtio_net_header, num_buffers), &buffers,
			  sizeof(buffers));
	push(receive, chain, &left);
	for (unsigned i = first; i < *next; i++)
		push(receive, &receive->chain[i], &left);
	return true;
}

/* Gives received frames to the driver and closes the gaps that they leave among the chains. */
static void deliver_all(struct vnet_receive *receive, unsigned received)
{
	unsigned next = received; /* chains for the rests of frames begin here */
	unsigned kept = 0;

	for (unsigned i = 0; i < received; i++)
		if (!deliver(receive, i, &next))
			move_chain(receive, kept++, i);
	for (unsigned i = next; i < receive->count; i++)
		move_chain(receive, kept++, i);
	receive->count = kept;
}

/* How many frames to ask for at once. With IN_ORDER a frame's buffers must be neighbours, and a frame that is not
 * wanted must not leave its buffer behind while the next one's is used. */
static unsigned choose_frames(const struct vnet_receive *receive, bool spill)
{
	unsigned most = spill ? VNET_SPILL_FRAMES : VNET_BATCH;

	if (virtio_has(&receive->net->vdev, VIRTIO_F_IN_ORDER) &&
	    (spill || vnet_filters(receive->net)))
		most = 1;
	return receive->count < most ? receive->count : most;
}

/* True where it may go on. */
static bool receive_some(struct vnet_receive *receive)
{
	bool ok = stock_up(receive, VNET_BATCH);
	bool spill = ok && receive->count && may_spill(receive) && have_spill(receive);
	unsigned frames = choose_frames(receive, spill);
	int received;

	if (!ok || !frames)
		return false;
	offer_room(receive, frames, spill);
	received = net_receive_batch(receive->net->backend, receive->pair, receive->frame, frames);
	if (received <= 0)
		return false;
	deliver_all(receive, (unsigned)received);
	virtio_queue_publish(receive->queue);
	return true;
}

/* Kicks are of interest only while there are no buffers: frames wait in the back end then. */
void vnet_receive(struct vnet_receive *receive)
{
	struct virtq *ring = receive->queue->ring;

	do {
		virtq_disable_kicks(ring);
		while (receive_some(receive))
			;
		if (receive->count)
			return;
	} while (virtq_enable_kicks(ring) &&
		 !(receive->net->vdev.status & VIRTIO_STATUS_NEEDS_RESET));
}

void vnet_receive_forget(struct vnet_receive *receive)
{
	receive->count = 0;
}

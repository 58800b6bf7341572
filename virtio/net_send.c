/* SPDX-License-Identifier: MIT
 *
 * Transmission (virtio 1.2 §5.1.6.2). A frame's header is copied and cut down to what was negotiated; its bytes go
 * to the back end from where they lie.
 */
#include <string.h>

#include "virtio/net_internal.h"

#define FRAME_MIN 14 /* an Ethernet header */

static bool takes_gso(const struct virtio_device *vdev, uint8_t gso_type)
{
	if (gso_type & VIRTIO_NET_GSO_ECN &&
	    (gso_type == VIRTIO_NET_GSO_ECN || !virtio_has(vdev, VIRTIO_NET_F_HOST_ECN)))
		return false;
	switch (gso_type & ~VIRTIO_NET_GSO_ECN) {
	case VIRTIO_NET_GSO_NONE: return true;
	case VIRTIO_NET_GSO_TCPV4: return virtio_has(vdev, VIRTIO_NET_F_HOST_TSO4);
	case VIRTIO_NET_GSO_TCPV6: return virtio_has(vdev, VIRTIO_NET_F_HOST_TSO6);
	case VIRTIO_NET_GSO_UDP: return virtio_has(vdev, VIRTIO_NET_F_HOST_UFO);
	default: return false;
	}
}

/* §5.1.6.2.1: false: the driver asks for what it did not negotiate, or for nonsense. */
static bool check_header(const struct virtio_device *vdev, struct virtio_net_header *header,
			 uint32_t frame_bytes)
{
	header->flags &= VIRTIO_NET_HDR_F_NEEDS_CSUM;
	if (header->flags) {
		if (!virtio_has(vdev, VIRTIO_NET_F_CSUM) ||
		    (uint32_t)header->csum_start + header->csum_offset + 2 > frame_bytes)
			return false;
	} else {
		header->csum_start = header->csum_offset = 0;
	}
	if (!takes_gso(vdev, header->gso_type))
		return false;
	if (header->gso_type == VIRTIO_NET_GSO_NONE)
		header->gso_size = header->hdr_len = 0;
	else if (!header->gso_size || !header->flags)
		return false;
	header->num_buffers = 0;
	return true;
}

/* Puts iov together: our copy of the header, and the driver's buffers without theirs. */
static bool build_frame(struct vnet_send *send, unsigned at)
{
	struct virtq_chain *chain = &send->chain[at];
	struct virtio_net_header *header = &send->header[at];
	struct iovec *iov = send->iov[at];
	size_t skip = sizeof(*header);
	unsigned first = 1;

	if (chain->out_bytes < sizeof(*header) + FRAME_MIN ||
	    chain->out_bytes > sizeof(*header) + NET_FRAME_MAX ||
	    virtq_chain_read(chain, 0, header, sizeof(*header)) != sizeof(*header) ||
	    !check_header(&send->net->vdev, header, chain->out_bytes - sizeof(*header)))
		return false;
	while (skip >= iov[first].iov_len)
		skip -= iov[first++].iov_len;
	iov[first].iov_base = (uint8_t *)iov[first].iov_base + skip;
	iov[first].iov_len -= skip;
	first--;
	iov[first] = (struct iovec){header, sizeof(*header)};
	send->frame[at] = (struct net_frame){.iov = iov + first,
					     .iov_count = chain->out_count + 1u - first,
					     .len_bytes = chain->out_bytes};
	return true;
}

/* The buffers of frame number at stand behind one entry that is free for the header. */
static int pop_frame(struct vnet_send *send, unsigned at)
{
	send->chain[at].iov = send->iov[at] + 1;
	send->chain[at].iov_max = VNET_CHAIN_MAX;
	return virtq_pop(send->queue->ring, &send->chain[at]);
}

/* Fills the batch; frames that can't be sent are used up at once. False: the queue broke. */
static bool gather(struct vnet_send *send)
{
	while (send->count < VNET_BATCH) {
		int popped = pop_frame(send, send->count);

		if (popped == 0)
			return true;
		if (popped < 0) {
			virtio_device_break(&send->net->vdev, send->queue->index, NULL);
			return false;
		}
		if (build_frame(send, send->count))
			send->count++;
		else
			virtq_push(send->queue->ring, &send->chain[send->count], 0);
	}
	return true;
}

/* True where all that was gathered is gone. */
static bool hand_over(struct vnet_send *send)
{
	while (send->first < send->count) {
		int taken = net_send_batch(send->net->backend, send->pair,
					   &send->frame[send->first], send->count - send->first);

		if (taken <= 0)
			return false; /* the back end calls when there is room again */
		for (int i = 0; i < taken; i++)
			virtq_push(send->queue->ring, &send->chain[send->first++], 0);
	}
	send->first = send->count = 0;
	return true;
}

void vnet_send(struct vnet_send *send)
{
	struct virtq *ring = send->queue->ring;
	bool ok = hand_over(send);
	unsigned frames = 0;

	while (ok) {
		virtq_disable_kicks(ring);
		do {
			ok = gather(send);
			frames += send->count;
			ok &= hand_over(send);
			virtio_queue_publish(send->queue);
		} while (ok && virtq_has_work(ring));
		if (!ok || !virtq_enable_kicks(ring))
			break;
	}
	if (!ok)
		virtio_queue_publish(
			send->queue); /* those that the back end took before it was full */
	batching_update(&send->batching, frames);
}

void vnet_send_forget(struct vnet_send *send)
{
	send->first = send->count = 0;
}

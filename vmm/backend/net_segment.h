/* SPDX-License-Identifier: MIT
 *
 * Segmentation in software: a frame that carries more TCP than fits a packet
 * (VIRTIO_NET_HDR_GSO_TCPV4/6, virtio 1.2 §5.1.6.2), cut for a guest that does not take such frames.
 */
#ifndef VITRINE_BACKEND_NET_SEGMENT_H
#define VITRINE_BACKEND_NET_SEGMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct virtio_net_hdr_v1;

struct net_segments {
	const uint8_t *frame; /* Ethernet header on; borrowed */
	size_t ip_at, tcp_at; /* where the headers begin */
	size_t data_at;	      /* TCP's data */
	size_t next_at;	      /* what is not cut yet; == end_at: done */
	size_t end_at;
	size_t data_max; /* of a segment */
	bool is_ipv6;
};

/* frame, behind a sound header of kind GSO_TCPV4/6, is to be cut. false: its headers are not what the
 * kind promises. */
bool net_segments_start(struct net_segments *segments, const struct virtio_net_hdr_v1 *header,
			const uint8_t *frame, size_t frame_bytes);

/* The next segment, all checksums done, into out, which has room for the whole frame. Its length,
 * or 0: that was all. */
size_t net_segments_next(struct net_segments *segments, uint8_t *out);

#endif

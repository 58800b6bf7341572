/* SPDX-License-Identifier: MIT
 *
 * struct virtio_net_hdr_v1 (virtio 1.2 §5.1.6) in front of a frame: checked, and its offloads done in
 * software for a receiver that did not ask for them.
 */
#ifndef VITRINE_BACKEND_NET_HEADER_H
#define VITRINE_BACKEND_NET_HEADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/virtio_net.h>

/* Whether a header promises nothing that a frame of frame_bytes (Ethernet header on, without the
 * virtio header) cannot keep: known flags and kinds, the checksum's place and all headers inside. */
bool net_header_is_sound(const struct virtio_net_hdr_v1 *header, size_t frame_bytes);

/* NET_OFFLOAD_* that a receiver of a frame with this sound header must have asked for. */
unsigned net_header_offloads(const struct virtio_net_hdr_v1 *header);

/* Does a checksum left open (VIRTIO_NET_HDR_F_NEEDS_CSUM) in a sound frame and clears the flag. */
void net_header_complete_checksum(struct virtio_net_hdr_v1 *header, uint8_t *frame,
				  size_t frame_bytes);

/* The Internet checksum's sum (RFC 1071), unfolded, added to sum; data begins at an even offset. */
uint64_t net_checksum_add(uint64_t sum, const uint8_t *data, size_t len_bytes);

/* Folded and complemented: as it goes into a header, in memory order. */
uint16_t net_checksum_fold(uint64_t sum);

#endif

/* SPDX-License-Identifier: MIT
 *
 * See net_header.h.
 */
#include "backend/net_header.h"

#include <string.h>

#include "backend/net.h"

#define ETHERNET_HEADER_BYTES 14
#define GSO_SIZE_MIN 32 /* less would only make thousands of packets out of one */

#define KNOWN_FLAGS (VIRTIO_NET_HDR_F_NEEDS_CSUM | VIRTIO_NET_HDR_F_DATA_VALID)

static bool checksum_is_sound(const struct virtio_net_hdr_v1 *header, size_t frame_bytes)
{
	size_t field = (size_t)header->csum_start + header->csum_offset;

	return header->csum_start >= ETHERNET_HEADER_BYTES && field + 2 <= frame_bytes;
}

static bool segments_are_sound(const struct virtio_net_hdr_v1 *header, size_t frame_bytes)
{
	switch (header->gso_type & ~VIRTIO_NET_HDR_GSO_ECN) {
	case VIRTIO_NET_HDR_GSO_NONE: return header->gso_type == VIRTIO_NET_HDR_GSO_NONE;
	case VIRTIO_NET_HDR_GSO_TCPV4:
	case VIRTIO_NET_HDR_GSO_TCPV6: break;
	case VIRTIO_NET_HDR_GSO_UDP:
		if (header->gso_type & VIRTIO_NET_HDR_GSO_ECN)
			return false;
		break;
	default: return false;
	}
	/* §5.1.6.2: segmentation needs the checksum to be left open. hdr_len is a hint only, and not
	 * always right in what stock drivers send: nothing here relies on it. */
	return header->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM && header->gso_size >= GSO_SIZE_MIN &&
	       header->hdr_len <= frame_bytes;
}

bool net_header_is_sound(const struct virtio_net_hdr_v1 *header, size_t frame_bytes)
{
	if (frame_bytes < ETHERNET_HEADER_BYTES || header->flags & ~KNOWN_FLAGS)
		return false;
	if (header->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM && !checksum_is_sound(header, frame_bytes))
		return false;
	return segments_are_sound(header, frame_bytes);
}

unsigned net_header_offloads(const struct virtio_net_hdr_v1 *header)
{
	unsigned offloads = 0;

	if (header->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM)
		offloads |= NET_OFFLOAD_CSUM;
	if (header->gso_type & VIRTIO_NET_HDR_GSO_ECN)
		offloads |= NET_OFFLOAD_TSO_ECN;
	switch (header->gso_type & ~VIRTIO_NET_HDR_GSO_ECN) {
	case VIRTIO_NET_HDR_GSO_TCPV4: return offloads | NET_OFFLOAD_TSO4;
	case VIRTIO_NET_HDR_GSO_TCPV6: return offloads | NET_OFFLOAD_TSO6;
	case VIRTIO_NET_HDR_GSO_UDP: return offloads | NET_OFFLOAD_UFO;
	default: return offloads;
	}
}

uint64_t net_checksum_add(uint64_t sum, const uint8_t *data, size_t len_bytes)
{
	/* Four bytes at a time into 64 bits: no carry is lost below 16 GiB, and the compiler may use vectors. */
	for (; len_bytes >= 4; data += 4, len_bytes -= 4) {
		uint32_t word;

		memcpy(&word, data, sizeof(word));
		sum += word;
	}
	if (len_bytes) {
		uint8_t rest[4] = {0};

		memcpy(rest, data, len_bytes);
		uint32_t word;
		memcpy(&word, rest, sizeof(word));
		sum += word;
	}
	return sum;
}

uint16_t net_checksum_fold(uint64_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

void net_header_complete_checksum(struct virtio_net_hdr_v1 *header, uint8_t *frame,
				  size_t frame_bytes)
{
	size_t start = header->csum_start;
	uint16_t checksum;

	if (!(header->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM))
		return;
	/* The field holds the pseudo header's sum, so that it is part of what is summed. */
	checksum = net_checksum_fold(net_checksum_add(0, frame + start, frame_bytes - start));
	if (!checksum)
		checksum = 0xffff; /* the same number; 0 would mean "none" in UDP (RFC 768) */
	memcpy(frame + start + header->csum_offset, &checksum, sizeof(checksum));
	header->flags &= (uint8_t)~VIRTIO_NET_HDR_F_NEEDS_CSUM;
}

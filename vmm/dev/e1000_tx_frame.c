/* SPDX-License-Identifier: MIT
 *
 * Packets into frames: checksums and segmentation as a context descriptor describes them (SDM 3.4,
 * 3.5). What the back end can do is left to it (struct virtio_net_hdr_v1); the rest is done here.
 *
 *     packet   │ Ethernet │ IP │ TCP │ payload ................................. │
 *              ◀───── hdrlen ───────▶◀── mss ──▶◀── mss ──▶
 *     frame n  │ a copy, patched     │ + pieces of guest memory, not copied
 */
#include <arpa/inet.h>
#include <string.h>

#include "dev/e1000_tx.h"
#include "dev/inet_sum.h"

#define ETHERNET_BYTES 14
#define ETHERNET_PADDED 60
#define TAG_AT 12
#define TAG_BYTES 4
#define IPV6_HEADER_BYTES 40
#define TCP_FLAGS 13
#define TCP_FIN_PSH 0x09
#define TCP_CWR 0x80
#define IPV4_TOTAL_MAX 0xffffu

/* --- numbers in headers, big-endian */

static unsigned get16(const uint8_t *at)
{
	return (unsigned)at[0] << 8 | at[1];
}

static void put16(uint8_t *at, unsigned value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static void add32(uint8_t *at, uint32_t addend)
{
	uint32_t value;

	memcpy(&value, at, sizeof(value));
	value = htonl(ntohl(value) + addend);
	memcpy(at, &value, sizeof(value));
}

/* --- pieces */

/* Copies the first len_bytes of a packet. */
static void copy_head(uint8_t *to, const struct tx_packet *packet, uint32_t len_bytes)
{
	for (unsigned i = 0; i < packet->piece_count && len_bytes; i++) {
		size_t part = packet->piece[i].iov_len;

		part = part < len_bytes ? part : len_bytes;
		memcpy(to, packet->piece[i].iov_base, part);
		to += part;
		len_bytes -= (uint32_t)part;
	}
}

/* Appends [offset, offset + len_bytes) of a packet to the batch's iovecs. False: they are full. */
static bool append_pieces(struct tx_batch *batch, const struct tx_packet *packet, uint32_t offset,
			  uint32_t len_bytes)
{
	for (unsigned i = 0; i < packet->piece_count && len_bytes; i++) {
		size_t part = packet->piece[i].iov_len;

		if (offset >= part) {
			offset -= (uint32_t)part;
			continue;
		}
		part -= offset;
		part = part < len_bytes ? part : len_bytes;
		if (batch->iov_count == TX_IOV_MAX)
			return false;
		batch->iov[batch->iov_count++] = (struct iovec){
			(uint8_t *)packet->piece[i].iov_base + offset, part};
		offset = 0;
		len_bytes -= (uint32_t)part;
	}
	return true;
}

/* --- checksums. A frame is iov[0], whose first NET_HEADER_BYTES do not count, and more pieces. */

static uint16_t sum_frame(const struct net_frame *frame, uint32_t start, uint32_t end)
{
	struct inet_sum sum = {0};
	uint32_t at = 0;

	for (unsigned i = 0; i < frame->iov_count && at < end; i++) {
		uint32_t skip = i == 0 ? NET_HEADER_BYTES : 0;
		const uint8_t *piece = (const uint8_t *)frame->iov[i].iov_base + skip;
		uint32_t len = (uint32_t)frame->iov[i].iov_len - skip;
		uint32_t from = start > at ? start - at : 0;
		uint32_t to = end - at < len ? end - at : len;

		if (from < to)
			inet_sum_add(&sum, piece + from, to - from);
		at += len;
	}
	return inet_sum_fold(&sum);
}

/* Puts the checksum of [start, end) at field, whose old content counts (a pseudo header's sum,
 * or 0). Nonsense is not done: the frame goes out as it is. */
static void insert_sum(const struct net_frame *frame, uint32_t start, uint32_t end, uint32_t field,
		       bool never_zero)
{
	uint8_t *head = (uint8_t *)frame->iov[0].iov_base + NET_HEADER_BYTES;
	uint32_t len = (uint32_t)frame->len_bytes - NET_HEADER_BYTES;
	uint16_t sum;

	end = end && end < len ? end : len;
	if (start >= end || field + 2 > frame->iov[0].iov_len - NET_HEADER_BYTES)
		return;
	sum = (uint16_t)~sum_frame(frame, start, end);
	if (!sum && never_zero)
		sum = 0xffff; /* the same number; 0 means "none" in UDP (RFC 768) */
	memcpy(head + field, &sum, sizeof(sum));
}

/* As above, or left to the back end. */
static void finish_sum(const struct net_frame *frame, uint32_t start, uint32_t end, uint32_t field,
		       unsigned offloads)
{
	struct virtio_net_hdr_v1 *vnet = frame->iov[0].iov_base;
	uint32_t len = (uint32_t)frame->len_bytes - NET_HEADER_BYTES;

	if (!(offloads & NET_OFFLOAD_CSUM) || (end && end < len) || start < ETHERNET_BYTES ||
	    field < start || field + 2 > len) {
		insert_sum(frame, start, end, field, true);
		return;
	}
	vnet->flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
	vnet->csum_start = (uint16_t)start;
	vnet->csum_offset = (uint16_t)(field - start);
}

static void checksum_plain(const struct net_frame *frame, const struct tx_packet *packet,
			   unsigned offloads)
{
	const struct tx_context *c = &packet->context;

	if (packet->insert_legacy)
		finish_sum(frame, packet->css, 0, packet->cso, offloads);
	if (packet->options & TXD_POPTS_IXSM)
		insert_sum(frame, c->ipcss, c->ipcse ? c->ipcse + 1u : 0, c->ipcso, false);
	if (packet->options & TXD_POPTS_TXSM)
		finish_sum(frame, c->tucss, c->tucse ? c->tucse + 1u : 0, c->tucso, offloads);
}

/* --- segmentation */

/* Every field that is patched lies inside the header, and there is something to cut. */
static bool can_segment(const struct tx_packet *packet)
{
	const struct tx_context *c = &packet->context;
	unsigned transport = c->is_tcp ? TCP_FLAGS + 1 : 6;

	return c->mss && c->hdrlen < packet->len_bytes && c->ipcss >= ETHERNET_BYTES &&
	       c->tucss > c->ipcss && c->tucss + transport <= c->hdrlen &&
	       c->ipcss + 6u <= c->hdrlen && c->ipcso + 2u <= c->hdrlen && c->tucso >= c->tucss &&
	       c->tucso + 2u <= c->hdrlen;
}

/* The kind of segmentation that a back end may do for us; NONE: it can't. */
static uint8_t gso_type(const struct tx_packet *packet, unsigned offloads, uint8_t tcp_flags)
{
	const struct tx_context *c = &packet->context;
	unsigned wanted = (c->is_ipv4 ? NET_OFFLOAD_TSO4 : NET_OFFLOAD_TSO6) | NET_OFFLOAD_CSUM;
	uint8_t type = c->is_ipv4 ? VIRTIO_NET_HDR_GSO_TCPV4 : VIRTIO_NET_HDR_GSO_TCPV6;

	if (tcp_flags & TCP_CWR) {
		wanted |= NET_OFFLOAD_TSO_ECN;
		type |= VIRTIO_NET_HDR_GSO_ECN;
	}
	if (!c->is_tcp || (offloads & wanted) != wanted || !(packet->options & TXD_POPTS_TXSM) ||
	    packet->len_bytes - c->ipcss > IPV4_TOTAL_MAX)
		return VIRTIO_NET_HDR_GSO_NONE;
	return type;
}

static uint8_t tcp_flags(const struct tx_packet *packet)
{
	uint8_t head[UINT8_MAX + 1];

	copy_head(head, packet, packet->context.hdrlen);
	return packet->context.is_tcp ? head[packet->context.tucss + TCP_FLAGS] : 0;
}

enum tx_shape e1000_tx_shape(struct tx_packet *packet, unsigned offloads, unsigned *frames)
{
	*frames = 1;
	if (packet->bad || packet->len_bytes < ETHERNET_BYTES)
		return TX_DROP;
	if (!packet->segment)
		return packet->len_bytes <= TX_PLAIN_BYTES_MAX ? TX_PLAIN : TX_DROP;
	if (!can_segment(packet))
		return TX_DROP;
	packet->gso_type = gso_type(packet, offloads, tcp_flags(packet));
	if (packet->gso_type != VIRTIO_NET_HDR_GSO_NONE)
		return TX_GSO;
	*frames = (packet->len_bytes - packet->context.hdrlen + packet->context.mss - 1) /
		  packet->context.mss;
	return *frames <= TX_SEGMENTS_MAX ? TX_SEGMENTED : TX_DROP;
}

/* Lengths, identification, sequence number and flags of segment n (SDM 3.5.7). */
static void patch_headers(uint8_t *head, const struct tx_packet *packet, unsigned n,
			  uint32_t payload_bytes, bool is_last)
{
	const struct tx_context *c = &packet->context;
	unsigned ip_bytes = c->hdrlen - c->ipcss + payload_bytes;

	if (c->is_ipv4) {
		put16(head + c->ipcss + 2, ip_bytes);
		put16(head + c->ipcss + 4, get16(head + c->ipcss + 4) + n);
	} else {
		put16(head + c->ipcss + 4, ip_bytes - IPV6_HEADER_BYTES);
	}
	if (!c->is_tcp) {
		put16(head + c->tucss + 4, c->hdrlen - c->tucss + payload_bytes);
		return;
	}
	add32(head + c->tucss + 4, n * c->mss);
	if (!is_last)
		head[c->tucss + TCP_FLAGS] &= (uint8_t)~TCP_FIN_PSH;
}

/* The driver's partial sum lacks the length, which differs from segment to segment (SDM 3.5.6). */
static void add_length_to_sum(uint8_t *head, const struct tx_context *c, uint32_t payload_bytes)
{
	struct inet_sum sum = {0};
	uint16_t partial;

	inet_sum_add(&sum, head + c->tucso, 2);
	inet_sum_add_number(&sum, (uint16_t)(c->hdrlen - c->tucss + payload_bytes));
	partial = inet_sum_fold(&sum);
	memcpy(head + c->tucso, &partial, sizeof(partial));
}

static void finish_segment(const struct net_frame *frame, const struct tx_packet *packet,
			   enum tx_shape shape, unsigned offloads)
{
	struct tx_slot *slot = frame->iov[0].iov_base;
	const struct tx_context *c = &packet->context;

	if (packet->options & TXD_POPTS_IXSM && c->is_ipv4)
		insert_sum(frame, c->ipcss, c->ipcse ? c->ipcse + 1u : 0, c->ipcso, false);
	if (packet->options & TXD_POPTS_TXSM)
		finish_sum(frame, c->tucss, 0, c->tucso, offloads);
	if (shape != TX_GSO)
		return;
	slot->vnet.gso_type = packet->gso_type;
	slot->vnet.gso_size = c->mss;
	slot->vnet.hdr_len = c->hdrlen;
}

/* --- frames */

static void insert_tag(struct tx_slot *slot, struct net_frame *frame, uint16_t type, uint16_t tag)
{
	size_t behind = frame->iov[0].iov_len - NET_HEADER_BYTES - TAG_AT;

	memmove(slot->bytes + TAG_AT + TAG_BYTES, slot->bytes + TAG_AT, behind);
	put16(slot->bytes + TAG_AT, type);
	put16(slot->bytes + TAG_AT + 2, tag);
	frame->iov[0].iov_len += TAG_BYTES;
	frame->len_bytes += TAG_BYTES;
	if (slot->vnet.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM)
		slot->vnet.csum_start += TAG_BYTES;
	if (slot->vnet.gso_type != VIRTIO_NET_HDR_GSO_NONE)
		slot->vnet.hdr_len += TAG_BYTES;
}

static void pad(struct tx_slot *slot, struct net_frame *frame)
{
	size_t len = frame->len_bytes - NET_HEADER_BYTES;

	if (len >= ETHERNET_PADDED || frame->iov_count != 1)
		return;
	memset(slot->bytes + len, 0, ETHERNET_PADDED - len);
	frame->len_bytes = frame->iov[0].iov_len = NET_HEADER_BYTES + ETHERNET_PADDED;
}

/* head_bytes copied, then [offset, offset + rest_bytes) by reference. */
static struct net_frame *add_pieces(struct tx_batch *batch, const struct tx_packet *packet,
				    uint32_t head_bytes, uint32_t offset, uint32_t rest_bytes)
{
	struct net_frame *frame = &batch->frame[batch->frame_count];
	struct tx_slot *slot = &batch->slot[batch->frame_count];
	unsigned first = batch->iov_count;

	if (batch->frame_count == NET_BATCH_MAX || first == TX_IOV_MAX)
		return NULL;
	slot->vnet = (struct virtio_net_hdr_v1){0};
	copy_head(slot->bytes, packet, head_bytes);
	batch->iov[batch->iov_count++] = (struct iovec){slot, NET_HEADER_BYTES + head_bytes};
	if (!append_pieces(batch, packet, offset, rest_bytes)) {
		batch->iov_count = first;
		return NULL;
	}
	*frame = (struct net_frame){.iov = batch->iov + first,
				    .iov_count = batch->iov_count - first,
				    .len_bytes = NET_HEADER_BYTES + head_bytes + rest_bytes};
	return frame;
}

static struct net_frame *add_plain(struct tx_batch *batch, const struct tx_packet *packet,
				   unsigned offloads)
{
	uint32_t head = packet->len_bytes < TX_HEADER_BYTES ? packet->len_bytes : TX_HEADER_BYTES;
	struct net_frame *frame = add_pieces(batch, packet, head, head, packet->len_bytes - head);

	if (frame)
		checksum_plain(frame, packet, offloads);
	return frame;
}

static struct net_frame *add_segment(struct tx_batch *batch, const struct tx_packet *packet,
				     enum tx_shape shape, unsigned n, unsigned offloads)
{
	const struct tx_context *c = &packet->context;
	uint32_t offset = c->hdrlen + n * (uint32_t)c->mss;
	uint32_t rest = packet->len_bytes - offset;
	uint32_t payload = shape == TX_GSO || rest < c->mss ? rest : c->mss;
	struct net_frame *frame = add_pieces(batch, packet, c->hdrlen, offset, payload);
	uint8_t *head;

	if (!frame)
		return NULL;
	head = batch->slot[batch->frame_count].bytes;
	patch_headers(head, packet, n, payload, payload == rest);
	if (packet->options & TXD_POPTS_TXSM)
		add_length_to_sum(head, c, payload);
	finish_segment(frame, packet, shape, offloads);
	return frame;
}

bool e1000_tx_add_frame(struct tx_batch *batch, const struct tx_packet *packet, enum tx_shape shape,
			unsigned n, const struct tx_ring *ring)
{
	struct tx_slot *slot = &batch->slot[batch->frame_count];
	struct net_frame *frame = shape == TX_PLAIN
					  ? add_plain(batch, packet, ring->offloads)
					  : add_segment(batch, packet, shape, n, ring->offloads);

	if (!frame)
		return false;
	if (packet->tagged && ring->vlan)
		insert_tag(slot, frame, ring->vlan_type, packet->tag);
	if (ring->pad)
		pad(slot, frame);
	batch->frame_count++;
	return true;
}

/* SPDX-License-Identifier: MIT
 *
 * See net_segment.h. Field offsets: RFC 791 §3.1, RFC 8200 §3, RFC 9293 §3.1.
 */
#include "backend/net_segment.h"

#include <string.h>

#include "backend/net_header.h"

#define ETHERNET_BYTES 14
#define VLAN_TAG_BYTES 4
#define ETHERTYPE_AT 12
#define ETHERTYPE_VLAN 0x8100
#define ETHERTYPE_IPV4 0x0800
#define ETHERTYPE_IPV6 0x86dd

#define IPV4_BYTES 20
#define IPV4_LENGTH 2
#define IPV4_ID 4
#define IPV4_PROTOCOL 9
#define IPV4_CHECKSUM 10
#define IPV4_ADDRESSES 12
#define IPV6_BYTES 40
#define IPV6_LENGTH 4
#define IPV6_NEXT_HEADER 6
#define IPV6_ADDRESSES 8

#define PROTOCOL_TCP 6
#define TCP_BYTES 20
#define TCP_SEQUENCE 4
#define TCP_DATA_OFFSET 12
#define TCP_FLAGS 13
#define TCP_CHECKSUM 16
#define TCP_FIN 0x01
#define TCP_PSH 0x08
#define TCP_CWR 0x80

static unsigned load16(const uint8_t *at)
{
	return (unsigned)(at[0] << 8 | at[1]);
}

static void store16(uint8_t *at, size_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static uint32_t load32(const uint8_t *at)
{
	return (uint32_t)load16(at) << 16 | load16(at + 2);
}

static void store32(uint8_t *at, uint32_t value)
{
	store16(at, value >> 16);
	store16(at + 2, value & 0xffff);
}

/* Sets ip_at and tcp_at. IPv6 extension headers are not followed: no driver segments behind them. */
static bool find_ip(struct net_segments *s, size_t frame_bytes)
{
	size_t at = ETHERTYPE_AT, ip_bytes;
	const uint8_t *ip;

	if (load16(s->frame + at) == ETHERTYPE_VLAN)
		at += VLAN_TAG_BYTES;
	s->ip_at = at + 2;
	if (s->ip_at + IPV6_BYTES > frame_bytes ||
	    load16(s->frame + at) != (s->is_ipv6 ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4))
		return false;
	ip = s->frame + s->ip_at;
	ip_bytes = s->is_ipv6 ? IPV6_BYTES : (size_t)(ip[0] & 15) * 4;
	s->tcp_at = s->ip_at + ip_bytes;
	return ip[0] >> 4 == (s->is_ipv6 ? 6 : 4) && ip_bytes >= IPV4_BYTES &&
	       ip[s->is_ipv6 ? IPV6_NEXT_HEADER : IPV4_PROTOCOL] == PROTOCOL_TCP;
}

bool net_segments_start(struct net_segments *segments, const struct virtio_net_hdr_v1 *header,
			const uint8_t *frame, size_t frame_bytes)
{
	unsigned kind = header->gso_type & ~VIRTIO_NET_HDR_GSO_ECN;
	size_t tcp_bytes;

	*segments = (struct net_segments){.frame = frame,
					  .end_at = frame_bytes,
					  .data_max = header->gso_size,
					  .is_ipv6 = kind == VIRTIO_NET_HDR_GSO_TCPV6};
	if (frame_bytes < ETHERNET_BYTES + VLAN_TAG_BYTES || !find_ip(segments, frame_bytes) ||
	    segments->tcp_at + TCP_BYTES > frame_bytes)
		return false;
	tcp_bytes = (size_t)(frame[segments->tcp_at + TCP_DATA_OFFSET] >> 4) * 4;
	segments->data_at = segments->tcp_at + tcp_bytes;
	segments->next_at = segments->data_at;
	return tcp_bytes >= TCP_BYTES && segments->data_at < frame_bytes && segments->data_max;
}

static void fix_ip(const struct net_segments *s, uint8_t *out, size_t out_bytes, unsigned number)
{
	uint8_t *ip = out + s->ip_at;
	uint16_t checksum;

	if (s->is_ipv6) {
		store16(ip + IPV6_LENGTH, out_bytes - s->tcp_at);
		return;
	}
	store16(ip + IPV4_LENGTH, out_bytes - s->ip_at);
	store16(ip + IPV4_ID, load16(ip + IPV4_ID) + number);
	store16(ip + IPV4_CHECKSUM, 0);
	checksum = net_checksum_fold(net_checksum_add(0, ip, s->tcp_at - s->ip_at));
	memcpy(ip + IPV4_CHECKSUM, &checksum, sizeof(checksum));
}

static void fix_tcp(const struct net_segments *s, uint8_t *out, size_t out_bytes)
{
	uint8_t *tcp = out + s->tcp_at, length_and_protocol[4] = {0, 0, 0, PROTOCOL_TCP};
	bool first = s->next_at == s->data_at;
	bool last = s->next_at + (out_bytes - s->data_at) == s->end_at;
	uint64_t sum;
	uint16_t checksum;

	store32(tcp + TCP_SEQUENCE,
		load32(tcp + TCP_SEQUENCE) + (uint32_t)(s->next_at - s->data_at));
	if (!first)
		tcp[TCP_FLAGS] &= (uint8_t)~TCP_CWR; /* RFC 3168 §6.1.2: said once */
	if (!last)
		tcp[TCP_FLAGS] &= (uint8_t) ~(TCP_FIN | TCP_PSH);
	store16(tcp + TCP_CHECKSUM, 0);
	/* The pseudo header: addresses, protocol, length of what follows. */
	store16(length_and_protocol, out_bytes - s->tcp_at);
	length_and_protocol[2] = 0;
	sum = s->is_ipv6 ? net_checksum_add(0, out + s->ip_at + IPV6_ADDRESSES, 32)
			 : net_checksum_add(0, out + s->ip_at + IPV4_ADDRESSES, 8);
	sum = net_checksum_add(sum, length_and_protocol, sizeof(length_and_protocol));
	checksum = net_checksum_fold(net_checksum_add(sum, tcp, out_bytes - s->tcp_at));
	memcpy(tcp + TCP_CHECKSUM, &checksum, sizeof(checksum));
}

size_t net_segments_next(struct net_segments *segments, uint8_t *out)
{
	size_t data_bytes = segments->end_at - segments->next_at, out_bytes;
	unsigned number;

	if (!data_bytes)
		return 0;
	if (data_bytes > segments->data_max)
		data_bytes = segments->data_max;
	out_bytes = segments->data_at + data_bytes;
	number = (unsigned)((segments->next_at - segments->data_at) / segments->data_max);
	memcpy(out, segments->frame, segments->data_at);
	memcpy(out + segments->data_at, segments->frame + segments->next_at, data_bytes);
	fix_ip(segments, out, out_bytes, number);
	fix_tcp(segments, out, out_bytes);
	segments->next_at += data_bytes;
	return out_bytes;
}

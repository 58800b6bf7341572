/* SPDX-License-Identifier: MIT
 *
 * Frames for tests of network back ends, as a guest would make them: virtio header first.
 */
#ifndef VITRINE_NET_FRAMES_H
#define VITRINE_NET_FRAMES_H

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/virtio_net.h>
#include <net/if_arp.h>
#include <netinet/if_ether.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>

#include "backend/net.h"
#include "backend/net_header.h"

struct frame {
	uint8_t bytes[NET_HEADER_BYTES + NET_FRAME_MAX];
	size_t len_bytes;
};

static const uint8_t frame_broadcast[ETH_ALEN] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

static inline struct virtio_net_hdr_v1 *frame_header(struct frame *frame)
{
	return (struct virtio_net_hdr_v1 *)frame->bytes;
}

static inline uint8_t *frame_ethernet(struct frame *frame)
{
	return frame->bytes + NET_HEADER_BYTES;
}

static inline uint8_t *frame_payload(struct frame *frame)
{
	return frame->bytes + NET_HEADER_BYTES + ETH_HLEN;
}

static inline uint16_t frame_ethertype(struct frame *frame)
{
	return (uint16_t)(frame_ethernet(frame)[12] << 8 | frame_ethernet(frame)[13]);
}

/* payload (may be NULL: a pattern) behind an Ethernet header. */
static inline void frame_make(struct frame *frame, const uint8_t *to, const uint8_t *from,
			      uint16_t ethertype, const void *payload, size_t len_bytes)
{
	memset(frame->bytes, 0, NET_HEADER_BYTES);
	memcpy(frame_ethernet(frame), to, ETH_ALEN);
	memcpy(frame_ethernet(frame) + ETH_ALEN, from, ETH_ALEN);
	frame_ethernet(frame)[12] = (uint8_t)(ethertype >> 8);
	frame_ethernet(frame)[13] = (uint8_t)ethertype;
	for (size_t i = 0; i < len_bytes; i++)
		frame_payload(frame)[i] = payload ? ((const uint8_t *)payload)[i]
						  : (uint8_t)(i * 7 + 1);
	frame->len_bytes = NET_HEADER_BYTES + ETH_HLEN + len_bytes;
}

static inline void frame_make_arp_request(struct frame *frame, const uint8_t *mac, const char *from,
					  const char *whom)
{
	struct ether_arp arp = {.ea_hdr = {.ar_hrd = htons(ARPHRD_ETHER),
					   .ar_pro = htons(ETH_P_IP),
					   .ar_hln = ETH_ALEN,
					   .ar_pln = 4,
					   .ar_op = htons(ARPOP_REQUEST)}};

	memcpy(arp.arp_sha, mac, ETH_ALEN);
	inet_pton(AF_INET, from, arp.arp_spa);
	inet_pton(AF_INET, whom, arp.arp_tpa);
	frame_make(frame, frame_broadcast, mac, ETH_P_ARP, &arp, sizeof(arp));
}

/* An IPv4 packet; its transport header and data, checksums done, are in transport. */
static inline void frame_make_ip(struct frame *frame, const uint8_t *to_mac, const uint8_t *mac,
				 const char *from, const char *to, uint8_t protocol,
				 const void *transport, size_t len_bytes)
{
	struct iphdr ip = {.version = 4,
			   .ihl = 5,
			   .ttl = 64,
			   .protocol = protocol,
			   .tot_len = htons((uint16_t)(sizeof(ip) + len_bytes))};

	inet_pton(AF_INET, from, &ip.saddr);
	inet_pton(AF_INET, to, &ip.daddr);
	ip.check = net_checksum_fold(net_checksum_add(0, (uint8_t *)&ip, sizeof(ip)));
	frame_make(frame, to_mac, mac, ETH_P_IP, &ip, sizeof(ip));
	memcpy(frame_payload(frame) + sizeof(ip), transport, len_bytes);
	frame->len_bytes += len_bytes;
}

/* UDP without a checksum, which IPv4 allows. */
static inline void frame_make_udp(struct frame *frame, const uint8_t *to_mac, const uint8_t *mac,
				  const char *from, const char *to, uint16_t from_port,
				  uint16_t to_port, const void *data, size_t len_bytes)
{
	uint8_t datagram[2048];
	struct udphdr udp = {.source = htons(from_port),
			     .dest = htons(to_port),
			     .len = htons((uint16_t)(sizeof(udp) + len_bytes))};

	memcpy(datagram, &udp, sizeof(udp));
	memcpy(datagram + sizeof(udp), data, len_bytes);
	frame_make_ip(frame, to_mac, mac, from, to, IPPROTO_UDP, datagram, sizeof(udp) + len_bytes);
}

static inline int frame_send(struct net *net, struct frame *frame)
{
	struct iovec iov = {frame->bytes, frame->len_bytes};
	struct net_frame one = {.iov = &iov, .iov_count = 1};

	return net_send_batch(net, 0, &one, 1);
}

/* Without waiting: 1 or -EAGAIN. */
static inline int frame_receive_now(struct net *net, struct frame *frame)
{
	struct iovec iov = {frame->bytes, sizeof(frame->bytes)};
	struct net_frame one = {.iov = &iov, .iov_count = 1};
	int count = net_receive_batch(net, 0, &one, 1);

	frame->len_bytes = count == 1 ? one.len_bytes : 0;
	return count;
}

/* Waits up to 5 s. false: nothing came. */
static inline bool frame_receive(struct net *net, struct frame *frame)
{
	for (int i = 0; i < 5000; i++) {
		if (frame_receive_now(net, frame) == 1)
			return true;
		poll(NULL, 0, 1);
	}
	return false;
}

#endif

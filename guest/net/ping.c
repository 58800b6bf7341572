/* SPDX-License-Identifier: MIT
 *
 * Frames are put together and taken apart in one buffer each; while waiting for an answer, questions
 * for our own address are answered.
 */
#include "guest/net/ping.h"

#include "guest/lib/string.h"
#include "guest/time/clock.h"

#define ETHERTYPE_IPV4 0x0800
#define ETHERTYPE_ARP 0x0806
#define ARP_REQUEST 1
#define ARP_REPLY 2
#define PROTOCOL_ICMP 1
#define PROTOCOL_UDP 17
#define ICMP_ECHO 8
#define ICMP_ECHO_REPLY 0
#define ECHO_ID 0x5654
#define SOURCE_PORT 4096
#define TIME_TO_LIVE 64
#define ANSWER_NS 1000000000ull
#define TRIES 5

/* All numbers are big-endian. */
struct ethernet {
	uint8_t to[6], from[6];
	uint16_t type;
} __attribute__((packed));

struct arp {
	struct ethernet ethernet;
	uint16_t hardware, protocol;
	uint8_t hardware_bytes, protocol_bytes;
	uint16_t operation;
	uint8_t sender_mac[6];
	uint32_t sender;
	uint8_t target_mac[6];
	uint32_t target;
} __attribute__((packed));

struct ipv4 {
	struct ethernet ethernet;
	uint8_t version_and_words, service;
	uint16_t bytes, id, fragment;
	uint8_t time_to_live, protocol;
	uint16_t checksum;
	uint32_t from, to;
} __attribute__((packed));

struct icmp {
	struct ipv4 ip;
	uint8_t type, code;
	uint16_t checksum, id, sequence;
	uint8_t payload[];
} __attribute__((packed));

struct udp {
	struct ipv4 ip;
	uint16_t from, to, bytes, checksum;
	uint8_t payload[];
} __attribute__((packed));

static union {
	uint8_t bytes[NET_FRAME_MAX];
	struct ethernet ethernet;
	struct arp arp;
	struct icmp icmp;
	struct udp udp;
} out, in;

static uint16_t swap16(uint16_t value)
{
	return __builtin_bswap16(value);
}

static uint32_t swap32(uint32_t value)
{
	return __builtin_bswap32(value);
}

/* The Internet checksum (RFC 1071), as it goes into the packet. */
static uint16_t checksum(const void *data, unsigned bytes)
{
	const uint8_t *at = data;
	uint32_t sum = 0;

	for (unsigned i = 0; i + 1 < bytes; i += 2)
		sum += at[i] << 8 | at[i + 1];
	if (bytes % 2)
		sum += at[bytes - 1] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return swap16(~sum);
}

static void address_frame(const struct net_device *nic, const uint8_t *to, uint16_t type)
{
	memcpy(out.ethernet.to, to, 6);
	memcpy(out.ethernet.from, nic->mac, 6);
	out.ethernet.type = swap16(type);
}

static bool send_arp(const struct ping_peer *peer, uint16_t operation, const uint8_t *to,
		     uint32_t target)
{
	address_frame(peer->nic, to, ETHERTYPE_ARP);
	out.arp.hardware = swap16(1);
	out.arp.protocol = swap16(ETHERTYPE_IPV4);
	out.arp.hardware_bytes = 6;
	out.arp.protocol_bytes = 4;
	out.arp.operation = swap16(operation);
	memcpy(out.arp.sender_mac, peer->nic->mac, 6);
	out.arp.sender = swap32(peer->ours);
	memcpy(out.arp.target_mac, to, 6);
	out.arp.target = swap32(target);
	return net_send(peer->nic, &out, sizeof(out.arp)) && net_drain(peer->nic);
}

static bool is_arp(unsigned bytes, uint16_t operation)
{
	return bytes >= sizeof(in.arp) && in.ethernet.type == swap16(ETHERTYPE_ARP) &&
	       in.arp.operation == swap16(operation);
}

/* The next frame that isn't a question for our address; 0: none until deadline_ns. */
static unsigned next_frame(const struct ping_peer *peer, uint64_t deadline_ns)
{
	for (;;) {
		const uint64_t now = clock_ns();
		unsigned bytes;

		if (now >= deadline_ns)
			return 0;
		bytes = net_receive(peer->nic, &in, deadline_ns - now);
		if (!is_arp(bytes, ARP_REQUEST))
			return bytes;
		if (in.arp.target == swap32(peer->ours))
			send_arp(peer, ARP_REPLY, in.arp.sender_mac, swap32(in.arp.sender));
	}
}

bool ping_resolve(struct ping_peer *peer)
{
	static const uint8_t everyone[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

	for (unsigned i = 0; i < TRIES; i++) {
		const uint64_t deadline = clock_ns() + ANSWER_NS;
		unsigned bytes;

		if (!send_arp(peer, ARP_REQUEST, everyone, peer->theirs))
			return false;
		while ((bytes = next_frame(peer, deadline)))
			if (is_arp(bytes, ARP_REPLY) && in.arp.sender == swap32(peer->theirs)) {
				memcpy(peer->mac, in.arp.sender_mac, 6);
				return true;
			}
	}
	return false;
}

/* Fills in all headers up to IPv4. bytes is what follows that one. */
static void address_packet(const struct ping_peer *peer, uint8_t protocol, unsigned bytes)
{
	struct ipv4 *ip = &out.icmp.ip;
	const unsigned header = sizeof(*ip) - sizeof(ip->ethernet);

	address_frame(peer->nic, peer->mac, ETHERTYPE_IPV4);
	ip->version_and_words = 0x40 | header / 4;
	ip->service = 0;
	ip->bytes = swap16(header + bytes);
	ip->id = ip->fragment = 0;
	ip->time_to_live = TIME_TO_LIVE;
	ip->protocol = protocol;
	ip->from = swap32(peer->ours);
	ip->to = swap32(peer->theirs);
	ip->checksum = 0;
	ip->checksum = checksum(&ip->version_and_words, header);
}

static bool send_echo(const struct ping_peer *peer, uint16_t sequence, unsigned payload_bytes)
{
	const unsigned bytes = sizeof(out.icmp) - sizeof(struct ipv4) + payload_bytes;

	address_packet(peer, PROTOCOL_ICMP, bytes);
	out.icmp.type = ICMP_ECHO;
	out.icmp.code = 0;
	out.icmp.id = swap16(ECHO_ID);
	out.icmp.sequence = swap16(sequence);
	for (unsigned i = 0; i < payload_bytes; i++)
		out.icmp.payload[i] = (uint8_t)(sequence + i);
	out.icmp.checksum = 0;
	out.icmp.checksum = checksum(&out.icmp.type, bytes);
	return net_send(peer->nic, &out, sizeof(struct ipv4) + bytes) && net_drain(peer->nic);
}

static bool is_echo_reply(const struct ping_peer *peer, unsigned bytes, uint16_t sequence)
{
	return bytes >= sizeof(in.icmp) && in.ethernet.type == swap16(ETHERTYPE_IPV4) &&
	       in.icmp.ip.protocol == PROTOCOL_ICMP && in.icmp.ip.from == swap32(peer->theirs) &&
	       in.icmp.type == ICMP_ECHO_REPLY && in.icmp.id == swap16(ECHO_ID) &&
	       in.icmp.sequence == swap16(sequence);
}

bool ping_echo(const struct ping_peer *peer, uint16_t sequence, unsigned payload_bytes)
{
	for (unsigned i = 0; i < TRIES; i++) {
		const uint64_t deadline = clock_ns() + ANSWER_NS;
		unsigned bytes;

		if (!send_echo(peer, sequence, payload_bytes))
			return false;
		while ((bytes = next_frame(peer, deadline)))
			if (is_echo_reply(peer, bytes, sequence))
				return bytes >= sizeof(in.icmp) + payload_bytes &&
				       !memcmp(in.icmp.payload, out.icmp.payload, payload_bytes);
	}
	return false;
}

bool ping_send_udp(const struct ping_peer *peer, uint16_t port, unsigned payload_bytes)
{
	const unsigned bytes = sizeof(out.udp) - sizeof(struct ipv4) + payload_bytes;

	address_packet(peer, PROTOCOL_UDP, bytes);
	out.udp.from = swap16(SOURCE_PORT);
	out.udp.to = swap16(port);
	out.udp.bytes = swap16(bytes);
	out.udp.checksum = 0; /* none */
	return net_send(peer->nic, &out, sizeof(struct ipv4) + bytes);
}

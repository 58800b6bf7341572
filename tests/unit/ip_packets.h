/* SPDX-License-Identifier: MIT
 *
 * IP packets for tests of network cards, and a plain checksum of their own to judge by.
 */
#ifndef VITRINE_TESTS_IP_PACKETS_H
#define VITRINE_TESTS_IP_PACKETS_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define ETH_BYTES 14u
#define IP4_BYTES 20u
#define IP6_BYTES 40u
#define TCP_BYTES 20u

static inline void be16_put(uint8_t *at, unsigned value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static inline unsigned be16_get(const uint8_t *at)
{
	return (unsigned)at[0] << 8 | at[1];
}

static inline uint32_t be32_get(const uint8_t *at)
{
	return be16_get(at) << 16 | be16_get(at + 2);
}

/* RFC 1071, a byte at a time; the number as it stands in a header. */
static inline unsigned plain_sum(const uint8_t *data, size_t len, uint32_t sum)
{
	for (size_t i = 0; i < len; i++)
		sum += i % 2 ? data[i] : (uint32_t)data[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

static inline unsigned pseudo_sum(const uint8_t *ip, bool is_ipv6, unsigned protocol, unsigned len)
{
	return plain_sum(ip + (is_ipv6 ? 8 : 12), is_ipv6 ? 32 : 8, protocol + len);
}

/* Whether the IPv4 header's (true for IPv6) and the transport's checksum hold. */
static inline bool sums_hold(const uint8_t *frame)
{
	const uint8_t *ip = frame + ETH_BYTES;
	bool is_ipv6 = ip[0] >> 4 == 6;
	unsigned header = is_ipv6 ? IP6_BYTES : IP4_BYTES;
	unsigned len = is_ipv6 ? be16_get(ip + 4) : be16_get(ip + 2) - header;
	unsigned protocol = is_ipv6 ? ip[6] : ip[9];

	if (!is_ipv6 && plain_sum(ip, IP4_BYTES, 0) != 0xffff)
		return false;
	return plain_sum(ip + header, len, pseudo_sum(ip, is_ipv6, protocol, len)) == 0xffff;
}

/* A TCP (6) or UDP (17) packet with payload bytes of a pattern, all checksums 0. Its length. */
static inline size_t make_packet(uint8_t *frame, bool is_ipv6, unsigned protocol, size_t payload)
{
	static const uint8_t macs[12] = {0x52, 0x54, 0, 0x12, 0x34, 0x56, 2, 0, 0, 0, 0, 1};
	unsigned ip_bytes = is_ipv6 ? IP6_BYTES : IP4_BYTES;
	unsigned transport = protocol == 6 ? TCP_BYTES : 8;
	uint8_t *ip = frame + ETH_BYTES, *data = ip + ip_bytes;

	memset(frame, 0, ETH_BYTES + ip_bytes + transport);
	memcpy(frame, macs, sizeof(macs));
	be16_put(frame + 12, is_ipv6 ? 0x86dd : 0x0800);
	ip[0] = is_ipv6 ? 0x60 : 0x45;
	if (is_ipv6) {
		be16_put(ip + 4, (unsigned)(transport + payload));
		ip[6] = (uint8_t)protocol;
		ip[7] = 64;
		memset(ip + 8, 0x21, 32);
	} else {
		be16_put(ip + 2, (unsigned)(ip_bytes + transport + payload));
		be16_put(ip + 4, 0xfffe); /* identification: wraps soon */
		ip[8] = 64;
		ip[9] = (uint8_t)protocol;
		memcpy(ip + 12, (uint8_t[]){10, 0, 2, 15, 10, 0, 2, 2}, 8);
	}
	be16_put(data, 0x1234);
	be16_put(data + 2, 80);
	if (protocol == 6) {
		memcpy(data + 4, (uint8_t[]){0xff, 0xff, 0xff, 0x00}, 4); /* sequence: wraps soon */
		data[12] = 0x50;
		data[13] = 0x19; /* FIN, PSH, ACK */
	} else {
		be16_put(data + 4, (unsigned)(8 + payload));
	}
	for (size_t i = 0; i < payload; i++)
		data[transport + i] = (uint8_t)(i * 7 + i / 251);
	return ETH_BYTES + ip_bytes + transport + payload;
}

/* Where the transport's checksum is. */
static inline unsigned sum_at(const uint8_t *frame)
{
	bool is_ipv6 = frame[ETH_BYTES] >> 4 == 6;
	unsigned protocol = is_ipv6 ? frame[ETH_BYTES + 6] : frame[ETH_BYTES + 9];

	return ETH_BYTES + (is_ipv6 ? IP6_BYTES : IP4_BYTES) + (protocol == 6 ? 16 : 6);
}

/* Fills in both checksums of a packet of make_packet(). */
static inline void finish_sums(uint8_t *frame, size_t len)
{
	uint8_t *ip = frame + ETH_BYTES;
	bool is_ipv6 = ip[0] >> 4 == 6;
	unsigned header = is_ipv6 ? IP6_BYTES : IP4_BYTES;
	unsigned rest = (unsigned)(len - ETH_BYTES - header), protocol = is_ipv6 ? ip[6] : ip[9];
	unsigned sum = plain_sum(ip + header, rest, pseudo_sum(ip, is_ipv6, protocol, rest));

	be16_put(frame + sum_at(frame), ~sum);
	if (!is_ipv6)
		be16_put(ip + 10, ~plain_sum(ip, IP4_BYTES, 0));
}

#endif

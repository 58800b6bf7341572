/* SPDX-License-Identifier: MIT
 *
 * The other end of the card's wire: frames of a neighbour, 10.0.0.1, made by hand, and what the guest sent.
 */
#ifndef TESTS_KERNEL_NET_WIRE_H
#define TESTS_KERNEL_NET_WIRE_H

#include "tests/kernel/net_rig.h"
#include "tests/unit/ip_packets.h"

enum { TCP_FIN = 1, TCP_SYN = 2, TCP_RST = 4, TCP_ACK = 16 };

static const uint8_t our_mac[6] = {2, 0, 0, 0, 0, 1}, guest_mac[6] = {2, 0, 0, 0, 0, 2};
static const uint8_t our_ip[4] = {10, 0, 0, 1}, guest_ip[4] = {10, 0, 0, 2};

/* --- frames; each function returns how long the frame is so far */
static inline void be32_put(uint8_t *at, uint32_t value)
{
	be16_put(at, value >> 16);
	be16_put(at + 2, value & 0xffff);
}

static inline size_t make_ethernet(uint8_t *frame, unsigned type, bool to_all)
{
	memcpy(frame, guest_mac, 6);
	if (to_all)
		memset(frame, 0xff, 6);
	memcpy(frame + 6, our_mac, 6);
	be16_put(frame + 12, type);
	return 14;
}

static inline size_t make_arp(uint8_t *frame, uint8_t operation)
{
	static const uint8_t fixed[] = {0, 1, 8, 0, 6, 4, 0};
	const size_t at = make_ethernet(frame, 0x0806, operation == 1);

	memcpy(frame + at, fixed, sizeof(fixed));
	frame[at + 7] = operation;
	memcpy(frame + at + 8, our_mac, 6);
	memcpy(frame + at + 14, our_ip, 4);
	memcpy(frame + at + 18, guest_mac, 6);
	memcpy(frame + at + 24, guest_ip, 4);
	return at + 28;
}

static inline size_t make_ip(uint8_t *frame, uint8_t protocol, size_t payload, unsigned fragment)
{
	const size_t at = make_ethernet(frame, 0x0800, false);
	uint8_t *ip = frame + at;

	memset(ip, 0, 20);
	ip[0] = 0x45;
	be16_put(ip + 2, (unsigned)(20 + payload));
	ip[5] = 7; /* one datagram for all fragments */
	be16_put(ip + 6, fragment);
	ip[8] = 64;
	ip[9] = protocol;
	memcpy(ip + 12, our_ip, 4);
	memcpy(ip + 16, guest_ip, 4);
	return at + 20;
}

static inline void put_sums_right(uint8_t *frame, size_t bytes)
{
	uint8_t *ip = frame + 14;
	const unsigned header = (ip[0] & 15) * 4u;
	unsigned length, at;

	if (bytes < 34 || be16_get(frame + 12) != 0x0800 || header < 20 || 14 + header > bytes)
		return;
	be16_put(ip + 10, 0);
	be16_put(ip + 10, ~plain_sum(ip, header, 0) & 0xffff);
	length = be16_get(ip + 2);
	if (length < header || 14 + length > bytes)
		return;
	length -= header;
	at = ip[9] == 6 ? 16 : ip[9] == 17 ? 6 : 2;
	if (length < at + 2)
		return;
	be16_put(ip + header + at, 0);
	be16_put(ip + header + at,
		 ~plain_sum(ip + header, length,
			    ip[9] == 6 || ip[9] == 17 ? pseudo_sum(ip, false, ip[9], length) : 0) &
			 0xffff);
}

#endif

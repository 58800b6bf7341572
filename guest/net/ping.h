/* SPDX-License-Identifier: MIT
 *
 * As much of ARP (RFC 826), IPv4 (RFC 791), ICMP (RFC 792) and UDP (RFC 768) as it takes to show that
 * frames pass in both directions. Addresses are numbers, first byte highest.
 */
#ifndef GUEST_NET_PING_H
#define GUEST_NET_PING_H

#include <stdbool.h>
#include <stdint.h>

#include "guest/drivers/net.h"

#define PING_PAYLOAD_MAX 1472

struct ping_peer {
	struct net_device *nic;
	uint32_t ours, theirs;
	uint8_t mac[6]; /* of theirs, once ping_resolve() has found it */
};

/* Finds peer->mac by ARP. false: no answer to several questions. */
bool ping_resolve(struct ping_peer *peer);

/* One echo request with this much payload, and its answer, compared byte by byte. false: none came, or
 * it differs. */
bool ping_echo(const struct ping_peer *peer, uint16_t sequence, unsigned payload_bytes);

/* Sends a UDP datagram to a port; takes its time only if there is no room. false: there is never. */
bool ping_send_udp(const struct ping_peer *peer, uint16_t port, unsigned payload_bytes);

#endif

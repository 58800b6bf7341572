/* SPDX-License-Identifier: MIT
 *
 * Which way to an Ethernet address: what a switch learns from the frames it sees. A cache of fixed size:
 * a sender that invents addresses displaces what was learned, and the worst that follows is flooding.
 */
#ifndef VITRINE_BACKEND_NET_MACS_H
#define VITRINE_BACKEND_NET_MACS_H

#include <stdbool.h>
#include <stdint.h>

#define NET_MACS 256 /* a power of two */
#define NET_MAC_UNKNOWN UINT16_MAX

struct net_macs {
	struct {
		uint8_t mac[6];
		uint16_t way_plus_1; /* 0: empty */
	} entry[NET_MACS];
};

/* Group addresses are not learned. */
void net_macs_learn(struct net_macs *macs, const uint8_t mac[6], uint16_t way);

/* NET_MAC_UNKNOWN, also for group addresses. */
uint16_t net_macs_find(const struct net_macs *macs, const uint8_t mac[6]);

/* Nobody is reached by this way any more. */
void net_macs_forget(struct net_macs *macs, uint16_t way);

#endif

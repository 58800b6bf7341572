/* SPDX-License-Identifier: MIT
 *
 * Cards as lwIP's interfaces eth0, eth1, …. net_lock is held, always.
 */
#ifndef GUEST_NET_CARD_H
#define GUEST_NET_CARD_H

#include <lwip/netif.h>
#include <stdbool.h>

#include "guest/drivers/net.h"

struct card {
	struct netif netif; /* state: this */
	struct net_device *nic;
	bool has_unsent;
	uint16_t mtu_max;
	uint64_t received_bytes, sent_bytes, dropped, unsendable;
	struct card *next;
};

/* An interface, down, for each card that was found. */
void card_add_all(void);
struct card *card_first(void);
/* NULL: loopback. */
struct card *card_of(const struct netif *netif);

/* Hands lwIP what has come. true: more may be there. */
bool card_receive_all(void);
/* lwIP's way out: a frame into the card, or nowhere without a cable. */
err_t card_send(struct netif *netif, struct pbuf *p);
/* Starts what was sent. */
void card_flush_all(void);
/* Some card never interrupts. */
bool card_is_polled(void);
/* Learns which cables are plugged in. */
void card_watch_cables(void);
/* For lwIP, which knows no way through a card without cable: that of packets from (or NULL) or to its address.
 * They get lost there, so that connections wait for the cable as they wait for a silent peer. NULL: none. */
struct netif *card_route_unplugged(const ip4_addr_t *from, const ip4_addr_t *to);
/* Takes an interface up or down, with what that means for groups and addresses. */
void card_set_up(struct netif *netif, bool up);

#endif

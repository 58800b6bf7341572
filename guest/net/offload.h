/* SPDX-License-Identifier: MIT
 *
 * Work that a card takes over from lwIP: TCP's checksums, and cutting what lwIP takes for one segment into those
 * that fit the wire. net_lock is held.
 */
#ifndef GUEST_NET_OFFLOAD_H
#define GUEST_NET_OFFLOAD_H

#include <lwip/err.h>
#include <stdbool.h>

#include "guest/drivers/net.h"

struct netif;
struct pbuf;
struct tcp_pcb;

/* A new connection may use long segments if its card cuts them. */
void offload_connection(struct tcp_pcb *pcb);

/* There is no memory for long segments: shorter ones from here on. false: they are short already. */
bool offload_reduce(struct tcp_pcb *pcb);

/* Tells the card in packet what is left to it of frame, and prepares its checksum. */
void offload_prepare(const struct netif *netif, struct pbuf *frame, struct net_packet *packet);

#endif

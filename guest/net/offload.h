/* SPDX-License-Identifier: MIT
 *
 * Work that a card takes over: it cuts what lwIP takes for one segment into those that fit the wire.
 */
#ifndef GUEST_NET_OFFLOAD_H
#define GUEST_NET_OFFLOAD_H

#include <stdbool.h>

struct tcp_pcb;

/* A new connection may use long segments if its card cuts them. */
void offload_connection(struct tcp_pcb *pcb);

/* There is no memory for long segments: shorter ones from here on. false: they are short already. */
bool offload_reduce(struct tcp_pcb *pcb);

#endif

/* SPDX-License-Identifier: MIT
 *
 * Addresses of the first card: by DHCP, or as the command line's ip= says, which has Linux's form:
 * ip=dhcp (the default), ip=off, or ip=ADDRESS::GATEWAY:NETMASK[:…].
 */
#ifndef GUEST_NET_CONFIGURE_H
#define GUEST_NET_CONFIGURE_H

#include <lwip/netif.h>
#include <stdbool.h>

struct text;

/* At boot; net_lock is held. */
void configure_start(void);
/* Somebody sets this interface's address himself: DHCP leaves it alone from here on. net_lock is held. */
void configure_leave(struct netif *netif);
/* DHCP waits for an answer. net_lock is held. */
bool configure_is_asking(void);
/* Waits, for seconds at most, until DHCP has an answer if it is asking since boot. net_lock isn't held. */
void configure_await(void);
/* /proc/net/pnp, which /etc/resolv.conf is a link to: name servers. */
void configure_show(struct text *text);

#endif

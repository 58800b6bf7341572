/* SPDX-License-Identifier: MIT
 *
 * Interfaces by the names that programs know: lo, eth0, eth1, …. net_lock is held.
 */
#ifndef GUEST_NET_INTERFACE_H
#define GUEST_NET_INTERFACE_H

#include <lwip/netif.h>

#define INTERFACE_NAME_BYTES 16

enum interface_flag { /* Linux's IFF_… */
		      IFF_UP = 1,
		      IFF_BROADCAST = 2,
		      IFF_LOOPBACK = 8,
		      IFF_RUNNING = 0x40,
		      IFF_MULTICAST = 0x1000
};

void interface_name(const struct netif *netif, char name[INTERFACE_NAME_BYTES]);
/* NULL: there is none of that name. */
struct netif *interface_find(const char *name);
unsigned interface_flags(const struct netif *netif);
static inline bool interface_is_loopback(const struct netif *netif)
{
	return netif_get_index(netif) == 1; /* lwIP makes it first */
}

#endif

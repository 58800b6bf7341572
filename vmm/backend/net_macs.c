/* SPDX-License-Identifier: MIT
 *
 * See net_macs.h.
 */
#include "backend/net_macs.h"

#include <string.h>

static bool is_group(const uint8_t mac[6])
{
	return mac[0] & 1;
}

/* Vendors count up in the last bytes. */
static unsigned slot(const uint8_t mac[6])
{
	return (mac[5] ^ mac[4] * 31u ^ mac[3] * 57u ^ mac[2]) % NET_MACS;
}

void net_macs_learn(struct net_macs *macs, const uint8_t mac[6], uint16_t way)
{
	unsigned at = slot(mac);

	if (is_group(mac))
		return;
	memcpy(macs->entry[at].mac, mac, sizeof(macs->entry[at].mac));
	macs->entry[at].way_plus_1 = (uint16_t)(way + 1);
}

uint16_t net_macs_find(const struct net_macs *macs, const uint8_t mac[6])
{
	unsigned at = slot(mac);

	if (is_group(mac) || !macs->entry[at].way_plus_1 ||
	    memcmp(macs->entry[at].mac, mac, sizeof(macs->entry[at].mac)) != 0)
		return NET_MAC_UNKNOWN;
	return (uint16_t)(macs->entry[at].way_plus_1 - 1);
}

void net_macs_forget(struct net_macs *macs, uint16_t way)
{
	for (unsigned i = 0; i < NET_MACS; i++)
		if (macs->entry[i].way_plus_1 == way + 1)
			macs->entry[i].way_plus_1 = 0;
}

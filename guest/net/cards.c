/* SPDX-License-Identifier: MIT
 *
 * See card.h: the cards that there are, and their cables. Nothing here is on a frame's way.
 */
#include <lwip/etharp.h>
#include <netif/ethernet.h>

#include "guest/lib/string.h"
#include "guest/mm/slab.h"
#include "guest/net/card.h"
#include "guest/net/stack.h"

static struct card *first, **last = &first;

struct card *card_first(void)
{
	return first;
}

struct card *card_of(const struct netif *netif)
{
	struct card *card = first;

	while (card && &card->netif != netif)
		card = card->next;
	return card;
}

bool card_is_polled(void)
{
	const struct card *card = first;

	while (card && card->nic->wait)
		card = card->next;
	return card;
}

static void sent_packet(void *token)
{
	pbuf_free(token);
}

static void arrived(struct net_device *nic)
{
	(void)nic;
	net_wake();
}

void card_watch_cables(void)
{
	for (struct card *card = first; card; card = card->next) {
		const bool link = !card->nic->has_link || card->nic->has_link(card->nic);

		if (link && !netif_is_link_up(&card->netif))
			netif_set_link_up(&card->netif);
		else if (!link && netif_is_link_up(&card->netif))
			netif_set_link_down(&card->netif);
	}
}

struct netif *card_route_unplugged(const ip4_addr_t *from, const ip4_addr_t *to)
{
	for (struct card *card = first; card; card = card->next) {
		const ip4_addr_t *own = netif_ip4_addr(&card->netif);

		if (netif_is_up(&card->netif) && !netif_is_link_up(&card->netif) &&
		    !ip4_addr_isany_val(*own) &&
		    ((from && ip4_addr_cmp(from, own)) || ip4_addr_cmp(to, own)))
			return &card->netif;
	}
	return NULL;
}

static err_t init_netif(struct netif *netif)
{
	struct card *card = netif->state;

	card->mtu_max = card->nic->mtu;
	if (!card->nic->take && card->mtu_max > NET_FRAME_MAX - NET_HEADER_BYTES)
		card->mtu_max = NET_FRAME_MAX - NET_HEADER_BYTES;
	netif->name[0] = 'e';
	netif->name[1] = 't'; /* programs know it as eth0: interface_name() */
	netif->hwaddr_len = ETH_HWADDR_LEN;
	memcpy(netif->hwaddr, card->nic->mac, ETH_HWADDR_LEN);
	netif->mtu = card->mtu_max;
	netif->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET |
		       NETIF_FLAG_IGMP | NETIF_FLAG_LINK_UP;
	netif->output = etharp_output;
	netif->linkoutput = card_send;
	if (card->nic->offloads & NET_OFFLOAD_CHECKSUM)
		netif->chksum_flags &= (uint16_t)~NETIF_CHECKSUM_GEN_TCP;
	return ERR_OK;
}

void card_add_all(void)
{
	for (struct net_device *nic = net_first(); nic; nic = nic->next) {
		struct card *card = kmalloc(sizeof(*card));

		if (!card)
			return;
		card->nic = nic;
		netif_add_noaddr(&card->netif, card, init_netif, ethernet_input);
		nic->arrived = arrived;
		nic->sent_packet = sent_packet;
		*last = card;
		last = &card->next;
	}
}

void card_set_up(struct netif *netif, bool up)
{
	if (up)
		netif_set_up(netif);
	else
		netif_set_down(netif);
}

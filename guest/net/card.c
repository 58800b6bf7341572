/* SPDX-License-Identifier: MIT
 *
 * See card.h.
 */
#include "guest/net/card.h"

#include <lwip/etharp.h>
#include <lwip/pbuf.h>
#include <netif/ethernet.h>

#include "guest/lib/string.h"
#include "guest/mm/slab.h"
#include "guest/net/stack.h"
#include "guest/time/clock.h"

#define FRAMES_AT_ONCE 64    /* before others may have the lock */
#define ROOM_NS 100000000ull /* how long a frame waits for room at the card */

static struct card *first, **last = &first;

struct card *card_first(void)
{
	return first;
}

struct card *card_of(struct netif *netif)
{
	struct card *card = first;

	while (card && &card->netif != netif)
		card = card->next;
	return card;
}

static bool send_copy(struct net_device *nic, const void *frame, unsigned bytes)
{
	const uint64_t start = clock_ns();

	while (!nic->send(nic, frame, bytes)) {
		nic->all_sent(nic);
		if (clock_ns() - start > ROOM_NS)
			return false;
	}
	nic->sent++;
	return true;
}

static err_t send_frame(struct netif *netif, struct pbuf *p)
{
	static uint8_t frame[NET_FRAME_MAX];
	struct card *card = netif->state;
	bool done;

	if (p->tot_len > NET_FRAME_MAX)
		return ERR_BUF;
	if (p->len == p->tot_len) {
		done = send_copy(card->nic, p->payload, p->len);
	} else {
		pbuf_copy_partial(p, frame, p->tot_len, 0);
		done = send_copy(card->nic, frame, p->tot_len);
	}
	card->has_unsent = true;
	card->sent_count += done;
	card->unsendable += !done;
	card->sent_bytes += done ? p->tot_len : 0;
	return done ? ERR_OK : ERR_BUF;
}

void card_flush_all(void)
{
	for (struct card *card = first; card; card = card->next)
		if (card->has_unsent) {
			card->has_unsent = false;
			card->nic->all_sent(card->nic);
		}
}

static void take_frame(struct card *card, struct pbuf *frame)
{
	card->received_count++;
	card->received_bytes += frame->tot_len;
	card->nic->received++;
	if (!netif_is_up(&card->netif) || card->netif.input(frame, &card->netif))
		pbuf_free(frame);
}

/* false: the card is empty. */
static bool receive_copy(struct card *card)
{
	struct pbuf *frame = pbuf_alloc(PBUF_RAW, NET_FRAME_MAX, PBUF_RAM);
	unsigned bytes;

	if (!frame) {
		uint8_t lost[NET_FRAME_MAX];

		bytes = card->nic->receive(card->nic, lost);
		card->dropped += bytes != 0;
		return bytes;
	}
	bytes = card->nic->receive(card->nic, frame->payload);
	if (!bytes) {
		pbuf_free(frame);
		return false;
	}
	pbuf_realloc(frame, (u16_t)bytes);
	take_frame(card, frame);
	return true;
}

static bool receive_some(struct card *card)
{
	card->nic->listen(card->nic, false);
	for (unsigned i = 0; i < FRAMES_AT_ONCE; i++)
		if (!receive_copy(card))
			return card->nic->listen(card->nic, true);
	return true;
}

bool card_receive_all(void)
{
	bool more = false;

	for (struct card *card = first; card; card = card->next)
		more |= receive_some(card);
	return more;
}

static void arrived(struct net_device *nic)
{
	(void)nic;
	net_wake();
}

static err_t init_netif(struct netif *netif)
{
	struct card *card = netif->state;

	netif->name[0] = 'e';
	netif->name[1] = 't'; /* programs know it as eth0: interface_name() */
	netif->hwaddr_len = ETH_HWADDR_LEN;
	memcpy(netif->hwaddr, card->nic->mac, ETH_HWADDR_LEN);
	card->mtu_max = card->nic->mtu < NET_FRAME_MAX - NET_HEADER_BYTES
				? card->nic->mtu
				: NET_FRAME_MAX - NET_HEADER_BYTES;
	netif->mtu = card->mtu_max;
	netif->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET |
		       NETIF_FLAG_IGMP | NETIF_FLAG_LINK_UP;
	netif->output = etharp_output;
	netif->linkoutput = send_frame;
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

/* SPDX-License-Identifier: MIT
 *
 * See card.h. Frames go without a copy where the driver can: what is sent stays where it is until the card is
 * done, long frames that came stay in the driver's blocks until they are read.
 */
#include "guest/net/card.h"

#include <lwip/pbuf.h>

#include "guest/lib/string.h"
#include "guest/mm/page.h"
#include "guest/net/memory.h"
#include "guest/net/offload.h"
#include "guest/time/clock.h"

#define HEADERS_MIN \
	42 /* Ethernet's and ARP's, which lwIP reads before it looks at the length; wires pad to 60 */
#define FRAMES_AT_ONCE 64    /* before others may have the lock */
#define ROOM_NS 100000000ull /* how long a frame waits for room at the card */
#define COPY_MAX 2048	     /* shorter frames don't keep a block */

/* --- sending */
static bool wait_for_room(struct net_device *nic, uint64_t start)
{
	nic->all_sent(nic);
	return clock_ns() - start < ROOM_NS;
}

static bool send_copy(struct net_device *nic, struct pbuf *p)
{
	static uint8_t buffer[NET_FRAME_MAX];
	const void *frame = p->payload;
	uint64_t start = 0;

	if (p->tot_len > NET_FRAME_MAX)
		return false;
	if (p->next) {
		pbuf_copy_partial(p, buffer, p->tot_len, 0);
		frame = buffer;
	}
	while (!nic->send(nic, frame, p->tot_len)) {
		if (!start)
			start = clock_ns();
		if (!wait_for_room(nic, start))
			return false;
	}
	return true;
}

/* The driver puts its header before the frame; a pbuf without room there is copied to one that has it. */
static struct pbuf *with_room(struct pbuf *p)
{
	if (pbuf_clen(p) > NET_PIECES_MAX || pbuf_add_header(p, NET_ROOM_BYTES))
		return pbuf_clone(PBUF_RAW_TX, PBUF_RAM, p);
	pbuf_remove_header(p, NET_ROOM_BYTES);
	pbuf_ref(p);
	return p;
}

static bool send_in_place(struct netif *netif, struct net_device *nic, struct pbuf *p)
{
	struct net_packet packet = {.token = with_room(p)};
	uint64_t start = 0;

	if (!packet.token)
		return false;
	for (struct pbuf *at = packet.token; at; at = at->next)
		packet.piece[packet.count++] = (struct net_piece){at->payload, at->len};
	offload_prepare(netif, packet.token, &packet);
	while (!nic->send_packet(nic, &packet)) {
		if (!start)
			start = clock_ns();
		if (!wait_for_room(nic, start)) {
			pbuf_free(packet.token);
			return false;
		}
	}
	return true;
}

err_t card_send(struct netif *netif, struct pbuf *p)
{
	struct card *card = netif->state;
	bool done;

	if (!netif_is_link_up(netif)) {
		card->unsendable++;
		return ERR_OK; /* for lwIP it got lost on its way */
	}
	done = card->nic->send_packet ? send_in_place(netif, card->nic, p)
				      : send_copy(card->nic, p);
	card->has_unsent = true;
	card->nic->sent += done;
	card->sent_bytes += done ? p->tot_len : 0;
	card->unsendable += !done;
	return done ? ERR_OK : ERR_BUF;
}

void card_flush_all(void)
{
	for (struct card *card = card_first(); card; card = card->next)
		if (card->has_unsent) {
			card->has_unsent = false;
			card->nic->all_sent(card->nic);
		}
}

/* --- receiving */
static void take_frame(struct card *card, struct pbuf *frame)
{
	card->nic->received++;
	card->received_bytes += frame->tot_len;
	if (!netif_is_up(&card->netif) || frame->len < HEADERS_MIN ||
	    card->netif.input(frame, &card->netif))
		pbuf_free(frame);
}

/* false: the card is empty. */
static bool receive_copy(struct card *card)
{
	uint8_t bytes[NET_FRAME_MAX];
	const unsigned length = card->nic->receive(card->nic, bytes);
	struct pbuf *frame = length ? pbuf_alloc(PBUF_RAW_TX, (u16_t)length, PBUF_RAM) : NULL;

	if (frame) {
		memcpy(frame->payload, bytes, length);
		take_frame(card, frame);
	} else if (length) {
		card->dropped++;
	}
	return length;
}

/* A pbuf over a piece of a frame, in the headroom before it. */
struct piece {
	struct pbuf_custom custom;
	struct page *block;
};
_Static_assert(sizeof(struct piece) + 16 <= NET_HEADROOM, "a driver's header is in there, too");

static void free_piece(struct pbuf *p)
{
	struct page *block = container_of((struct pbuf_custom *)p, struct piece, custom)->block;

	net_memory_give((uint64_t)PAGE_BYTES << block->order);
	page_put(block);
}

static struct pbuf *wrap_piece(const struct net_frame *frame, unsigned i)
{
	struct page *block = frame->piece[i].block;
	struct piece *piece = page_data(block);

	piece->custom.custom_free_function = free_piece;
	piece->block = block;
	return pbuf_alloced_custom(PBUF_RAW, (u16_t)frame->piece[i].bytes, PBUF_REF, &piece->custom,
				   frame->piece[i].at, (u16_t)frame->piece[i].bytes);
}

static struct pbuf *wrap(const struct net_frame *frame)
{
	struct pbuf *all = wrap_piece(frame, frame->count - 1);

	for (unsigned i = frame->count - 1; i--;) {
		struct pbuf *p = wrap_piece(frame, i);

		p->next = all;
		p->tot_len = (u16_t)(p->len + all->tot_len);
		all = p;
	}
	return all;
}

static struct pbuf *copy(const struct net_frame *frame, unsigned length)
{
	struct pbuf *all = pbuf_alloc(PBUF_RAW_TX, (u16_t)length, PBUF_RAM);
	unsigned done = 0;

	for (unsigned i = 0; i < frame->count; i++) {
		if (all)
			memcpy((uint8_t *)all->payload + done, frame->piece[i].at,
			       frame->piece[i].bytes);
		done += frame->piece[i].bytes;
		page_put(frame->piece[i].block);
	}
	return all;
}

static struct pbuf *make_pbuf(const struct net_frame *frame)
{
	uint64_t kept = 0;
	unsigned length = 0;

	for (unsigned i = 0; i < frame->count; i++) {
		length += frame->piece[i].bytes;
		kept += (uint64_t)PAGE_BYTES << frame->piece[i].block->order;
	}
	if (length <= COPY_MAX)
		return copy(frame, length);
	if (length <= UINT16_MAX && net_memory_take(kept))
		return wrap(frame);
	for (unsigned i = 0; i < frame->count; i++)
		page_put(frame->piece[i].block);
	return NULL;
}

static bool receive_in_place(struct card *card)
{
	const uint16_t sums = NETIF_CHECKSUM_CHECK_TCP | NETIF_CHECKSUM_CHECK_UDP;
	struct net_frame frame;
	struct pbuf *p;

	if (!card->nic->take(card->nic, &frame))
		return false;
	p = frame.count ? make_pbuf(&frame) : NULL;
	if (!p) {
		card->dropped++;
		return true;
	}
	if (frame.is_checked)
		card->netif.chksum_flags &= (uint16_t)~sums;
	else
		card->netif.chksum_flags |= sums;
	take_frame(card, p);
	return true;
}

static bool receive_some(struct card *card)
{
	card->nic->listen(card->nic, false);
	for (unsigned i = 0; i < FRAMES_AT_ONCE; i++)
		if (!(card->nic->take ? receive_in_place(card) : receive_copy(card)))
			return card->nic->listen(card->nic, true);
	return true;
}

bool card_receive_all(void)
{
	bool more = false;

	for (struct card *card = card_first(); card; card = card->next) {
		more |= receive_some(card);
		card->nic->all_sent(card->nic); /* lets go of what was sent */
	}
	return more;
}

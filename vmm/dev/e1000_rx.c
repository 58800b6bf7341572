/* SPDX-License-Identifier: MIT
 *
 * The receive ring, batch by batch (SDM 3.2):
 *
 *            filled: DD        the card's            the driver's
 *     ─────────────────── RDH ─────────────── RDT ───────────────────▶
 *
 * Frames go from the back end directly into the guest's buffers, one each, when every frame fits
 * into one; else one by one through a buffer of the card's own. Without descriptors frames wait in
 * the back end, whose own queue is what overflows: nothing is lost here.
 */
#include <errno.h>
#include <linux/virtio_net.h>
#include <stdlib.h>
#include <string.h>

#include "dev/e1000_internal.h"

#define FCS_BYTES 4u
#define ETHERNET_BYTES 14u
#define ETHERNET_PADDED 60u
#define TAG_AT 12u
#define TAG_BYTES 4u
#define FRAME_BYTES_MAX (NET_FRAME_MAX - NET_HEADER_BYTES)
#define PLAIN_BYTES_MAX 1514 /* without FCS and tag; longer ones need RCTL.LPE */
#define LONG_BYTES_MAX 16380 /* SDM 13.4.22, LPE: 16384 with the FCS */
#define DELAY_UNIT_NS 1024   /* RDTR, SDM 13.4.30 */

/* The ring and the rules as they were when the worker began. */
struct rx_ring {
	struct e1000_rx_desc *desc; /* in guest memory */
	unsigned count, head, tail;
	unsigned buffer_bytes;
	uint32_t rctl, rxcsum;
};

/* A frame that came, where it lies, and what is known of it. */
struct rx_frame {
	uint8_t *data;
	unsigned len_bytes;
	uint8_t head[TAG_AT + TAG_BYTES + 2]; /* copied once */
	struct e1000_rx_verdict verdict;
};

struct e1000_rx {
	struct net_frame frame[NET_BATCH_MAX];
	struct iovec iov[NET_BATCH_MAX][2];
	struct virtio_net_hdr_v1 vnet[NET_BATCH_MAX];
	struct rx_frame got[NET_BATCH_MAX];
	bool pending; /* got[0] is in copy and still has to be handed over */
	uint8_t copy[FRAME_BYTES_MAX];
};

int e1000_rx_create(struct e1000_rx **out)
{
	*out = calloc(1, sizeof(**out));
	return *out ? 0 : -ENOMEM;
}

void e1000_rx_destroy(struct e1000_rx *rx)
{
	free(rx);
}

void e1000_rx_reset(struct e1000_rx *rx)
{
	rx->pending = false;
}

/* --- descriptors */

static unsigned free_count(const struct rx_ring *ring)
{
	return (ring->tail + ring->count - ring->head) % ring->count;
}

static unsigned advance(const struct rx_ring *ring, unsigned index, unsigned steps)
{
	return (index + steps) % ring->count;
}

static uint8_t *buffer_of(struct e1000 *e, const struct rx_ring *ring, unsigned index)
{
	struct e1000_rx_desc desc = ring->desc[index];

	return gmem_slice(e->mem, desc.address, ring->buffer_bytes);
}

/* The second half at once: the driver sees DD with all that belongs to it. */
static void write_back(const struct rx_ring *ring, unsigned index, unsigned len_bytes,
		       struct e1000_rx_verdict verdict, uint16_t special)
{
	uint64_t *half = (uint64_t *)(void *)&ring->desc[index].len_bytes;
	uint64_t value = (len_bytes & 0xffff) | (uint64_t)verdict.status << 32 |
			 (uint64_t)verdict.errors << 40 | (uint64_t)special << 48;

	/* release: the frame's bytes come before DD */
	__atomic_store_n(half, value, __ATOMIC_RELEASE);
}

/* --- the worker's part, without the lock */

/* Room for as many frames as there are buffers in the guest's RAM in a row. */
static unsigned prepare_direct(struct e1000 *e, const struct rx_ring *ring)
{
	struct e1000_rx *rx = e->rx;
	unsigned n, max = free_count(ring) < NET_BATCH_MAX ? free_count(ring) : NET_BATCH_MAX;

	if (e->mtu + ETHERNET_BYTES + TAG_BYTES + FCS_BYTES > ring->buffer_bytes)
		return 0; /* the longest frame would need two */
	for (n = 0; n < max; n++) {
		uint8_t *buffer = buffer_of(e, ring, advance(ring, ring->head, n));

		if (!buffer)
			break;
		rx->iov[n][0] = (struct iovec){&rx->vnet[n], NET_HEADER_BYTES};
		rx->iov[n][1] = (struct iovec){buffer, ring->buffer_bytes - FCS_BYTES};
		rx->frame[n] = (struct net_frame){.iov = rx->iov[n], .iov_count = 2};
		rx->got[n].data = buffer;
	}
	return n;
}

static unsigned prepare_copy(struct e1000_rx *rx)
{
	rx->iov[0][0] = (struct iovec){&rx->vnet[0], NET_HEADER_BYTES};
	rx->iov[0][1] = (struct iovec){rx->copy, sizeof(rx->copy)};
	rx->frame[0] = (struct net_frame){.iov = rx->iov[0], .iov_count = 2};
	rx->got[0].data = rx->copy;
	return 1;
}

/* Length, head and checksums of a frame that just came. A short one is padded, as its sender's card
 * would have: a driver may count on it. */
static void inspect(struct e1000_rx *rx, unsigned n, uint32_t rxcsum)
{
	struct rx_frame *got = &rx->got[n];
	size_t room = rx->iov[n][1].iov_len, len = rx->frame[n].len_bytes;

	len = len > NET_HEADER_BYTES ? len - NET_HEADER_BYTES : 0;
	len = len < room ? len : room;
	if (len < ETHERNET_PADDED) {
		memset(got->data + len, 0, ETHERNET_PADDED - len);
		len = ETHERNET_PADDED;
	}
	got->len_bytes = (unsigned)len;
	memcpy(got->head, got->data, sizeof(got->head));
	got->verdict = e1000_rx_checksum(got->data, got->len_bytes, rxcsum,
					 rx->vnet[n].flags & VIRTIO_NET_HDR_F_DATA_VALID);
}

/* How many frames there are in got[]; *more: perhaps more behind them. */
static unsigned take_frames(struct e1000 *e, const struct rx_ring *ring, bool *more)
{
	struct e1000_rx *rx = e->rx;
	unsigned room = rx->pending ? 0 : prepare_direct(e, ring);
	int count;

	*more = true;
	if (rx->pending)
		return 1;
	rx->pending = !room;
	if (!room)
		room = prepare_copy(rx);
	count = net_receive_batch(e->net, 0, rx->frame, room);
	if (count <= 0) {
		rx->pending = *more = false;
		return 0;
	}
	for (int i = 0; i < count; i++)
		inspect(rx, (unsigned)i, ring->rxcsum);
	return (unsigned)count;
}

/* --- with the lock */

static unsigned buffer_bytes(uint32_t rctl)
{
	unsigned size = 2048u >> (rctl >> 16 & 3);

	return rctl & RCTL_BSEX && size < 2048 ? size * 16 : size;
}

static unsigned get16(const uint8_t *at)
{
	return (unsigned)at[0] << 8 | at[1];
}

static bool is_wanted(struct e1000 *e, const struct rx_frame *got, uint32_t rctl)
{
	bool tagged = get16(got->head + TAG_AT) == *e1000_reg(e, E1000_VET);
	unsigned max = PLAIN_BYTES_MAX + (tagged ? TAG_BYTES : 0);
	int tag = tagged ? (int)get16(got->head + TAG_AT + 2) : -1;

	if (got->len_bytes > (rctl & RCTL_LPE ? LONG_BYTES_MAX : max)) {
		e1000_count(e, E1000_ROC);
		return false;
	}
	return e1000_filter_accepts(e, got->head, tag);
}

/* CTRL.VME: the tag goes into the descriptor. */
static uint16_t strip_tag(struct e1000 *e, struct rx_frame *got)
{
	if (!(*e1000_reg(e, E1000_CTRL) & CTRL_VME) ||
	    get16(got->head + TAG_AT) != *e1000_reg(e, E1000_VET))
		return 0;
	got->len_bytes -= TAG_BYTES;
	memmove(got->data + TAG_AT, got->data + TAG_AT + TAG_BYTES, got->len_bytes - TAG_AT);
	got->verdict.status |= RXD_VP;
	return (uint16_t)get16(got->head + TAG_AT + 2);
}

/* Where in the frame's descriptors its bytes [at, at + part) go; the FCS, of zeros, is behind
 * its end. */
static bool fill_buffer(struct e1000 *e, const struct rx_ring *ring, unsigned index,
			const struct rx_frame *got, unsigned at, unsigned part)
{
	uint8_t *buffer = buffer_of(e, ring, index);
	unsigned data = at < got->len_bytes ? got->len_bytes - at : 0;

	if (!buffer)
		return false;
	data = data < part ? data : part;
	if (buffer != got->data)
		memmove(buffer, got->data + at, data);
	memset(buffer + data, 0, part - data);
	return true;
}

static unsigned fcs_bytes(const struct rx_ring *ring)
{
	return ring->rctl & RCTL_SECRC ? 0 : FCS_BYTES;
}

static unsigned buffers_for(const struct rx_ring *ring, const struct rx_frame *got)
{
	unsigned total = got->len_bytes + fcs_bytes(ring);

	return (total + ring->buffer_bytes - 1) / ring->buffer_bytes;
}

/* Hands a frame over, for which there are enough descriptors. A buffer outside RAM loses its
 * part, and the descriptor says so. */
static void deliver(struct e1000 *e, struct rx_ring *ring, struct rx_frame *got)
{
	struct e1000_rx_verdict middle = {.status = RXD_DD};
	uint16_t special = strip_tag(e, got);
	unsigned total = got->len_bytes + fcs_bytes(ring);

	got->verdict.status |= RXD_DD | RXD_EOP;
	for (unsigned at = 0; at < total; at += ring->buffer_bytes) {
		unsigned rest = total - at;
		unsigned part = rest < ring->buffer_bytes ? rest : ring->buffer_bytes;
		struct e1000_rx_verdict verdict = part == rest ? got->verdict : middle;

		if (!fill_buffer(e, ring, ring->head, got, at, part))
			verdict.errors |= RXD_ERR_RXE;
		write_back(ring, ring->head, part, verdict, part == rest ? special : 0);
		ring->head = advance(ring, ring->head, 1);
	}
	e1000_count_rx(e, got->head, got->len_bytes);
}

/* How many were handed over. A pending frame that finds too few descriptors stays pending. */
static unsigned deliver_all(struct e1000 *e, struct rx_ring *ring, unsigned count)
{
	struct e1000_rx *rx = e->rx;
	unsigned delivered = 0;

	for (unsigned i = 0; i < count; i++) {
		struct rx_frame *got = &rx->got[i];
		unsigned needed = buffers_for(ring, got);

		if (!is_wanted(e, got, ring->rctl) || needed >= ring->count) {
			e->counters.rx_filtered++;
		} else if (needed <= free_count(ring)) {
			deliver(e, ring, got);
			delivered++;
		} else { /* RDT may have moved since the worker looked */
			e->rx_starved = *e1000_reg(e, E1000_RDT) == ring->tail;
			return delivered;
		}
	}
	rx->pending = false;
	return delivered;
}

/* RXDMT0 when the free descriptors fall to the threshold; RXT0, perhaps after RDTR. */
static void interrupt(struct e1000 *e, const struct rx_ring *ring, unsigned free_before,
		      unsigned delivered)
{
	unsigned threshold = ring->count >> (1 + (ring->rctl >> 8 & 3));

	if (!delivered)
		return;
	if (free_before > threshold && free_count(ring) <= threshold)
		e1000_raise(e, ICR_RXDMT0);
	e1000_raise_later(e, ICR_RXT0, (uint64_t)*e1000_reg(e, E1000_RDTR) * DELAY_UNIT_NS);
}

/* False: nothing can be received. When descriptors are missing the next write to RDT rings. */
static bool look(struct e1000 *e, struct rx_ring *ring, bool frames_wait)
{
	uint64_t base = *e1000_reg(e, E1000_RDBAL) | (uint64_t)*e1000_reg(e, E1000_RDBAH) << 32;
	uint32_t len_bytes = *e1000_reg(e, E1000_RDLEN), rctl = *e1000_reg(e, E1000_RCTL);

	*ring = (struct rx_ring){
		.desc = gmem_slice(e->mem, base, len_bytes),
		.count = len_bytes / sizeof(struct e1000_rx_desc),
		.head = *e1000_reg(e, E1000_RDH),
		.tail = *e1000_reg(e, E1000_RDT),
		.buffer_bytes = buffer_bytes(rctl),
		.rctl = rctl,
		.rxcsum = *e1000_reg(e, E1000_RXCSUM),
	};
	if (!(rctl & RCTL_EN) || !pci_is_master(&e->pci) || !ring->desc)
		return false;
	e->rx_starved = ring->head >= ring->count || ring->tail >= ring->count ||
			ring->head == ring->tail;
	if (e->rx_starved && frames_wait)
		e1000_raise(e, ICR_RXO);
	return !e->rx_starved;
}

bool e1000_rx_batch(struct e1000 *e, bool frames_wait)
{
	struct rx_ring ring;
	unsigned count, free_before;
	bool more;

	pthread_mutex_lock(&e->pci.dev.lock);
	more = look(e, &ring, frames_wait) && e1000_begin_work(e);
	pthread_mutex_unlock(&e->pci.dev.lock);
	if (!more)
		return false;

	free_before = free_count(&ring);
	count = take_frames(e, &ring, &more);

	pthread_mutex_lock(&e->pci.dev.lock);
	if (count) {
		unsigned delivered = deliver_all(e, &ring, count);

		*e1000_reg(e, E1000_RDH) = ring.head;
		interrupt(e, &ring, free_before, delivered);
	}
	more &= !e->rx_starved;
	e1000_end_work(e);
	pthread_mutex_unlock(&e->pci.dev.lock);
	return more;
}

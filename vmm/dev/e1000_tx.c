/* SPDX-License-Identifier: MIT
 *
 * The transmit ring, batch by batch (SDM 3.4):
 *
 *            done: DD          the card's            the driver's
 *     ─────────────────── TDH ─────────────── TDT ───────────────────▶
 *                          ▲
 *                          └ moves when the back end has taken a packet's last frame
 *
 * A packet of which the back end took only some segments stays at TDH with segments_sent; contexts
 * go back to what they were before it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dev/e1000_internal.h"
#include "dev/e1000_tx.h"

#define DELAY_UNIT_NS 1024 /* TIDV, SDM 13.4.38 */

int e1000_tx_create(struct e1000_tx **out)
{
	*out = calloc(1, sizeof(**out));
	return *out ? 0 : -ENOMEM;
}

void e1000_tx_destroy(struct e1000_tx *tx)
{
	free(tx);
}

void e1000_tx_reset(struct e1000_tx *tx)
{
	tx->contexts = (struct tx_contexts){0};
	tx->segments_sent = 0;
}

/* --- the worker's part, without the lock */

/* Adds what fits of the parsed packet, from frame number first on. True: all of it. */
static bool add_packet(struct e1000_tx *tx, const struct tx_ring *ring, unsigned first)
{
	unsigned frames;
	enum tx_shape shape = e1000_tx_shape(&tx->packet, ring->offloads, &frames);

	if (shape == TX_DROP) {
		tx->batch.dropped++;
		return true;
	}
	for (unsigned n = first; n < frames; n++)
		if (!e1000_tx_add_frame(&tx->batch, &tx->packet, shape, n, ring))
			return false;
	return true;
}

static void begin_batch(struct tx_batch *batch)
{
	batch->frame_count = batch->iov_count = batch->entry_count = 0;
	batch->report_count = batch->descriptors = batch->dropped = 0;
	batch->copied = false;
}

static void fill_batch(struct e1000_tx *tx, const struct tx_ring *ring)
{
	struct tx_batch *batch = &tx->batch;
	unsigned index = ring->head, first = tx->segments_sent;
	bool complete = true;

	begin_batch(batch);
	while (complete && index != ring->tail && batch->entry_count < NET_BATCH_MAX * 2 &&
	       batch->descriptors < TX_DESCRIPTORS_MAX && !batch->copied) {
		struct tx_entry *entry = &batch->entry[batch->entry_count];
		unsigned reports = batch->report_count;

		entry->before = tx->contexts;
		entry->end = index;
		enum tx_found found = e1000_tx_parse(tx, ring, &entry->end);

		if (found == TX_FOUND_NOTHING) {
			tx->contexts = entry->before;
			batch->report_count = reports;
			return;
		}
		if (found == TX_FOUND_PACKET)
			complete = add_packet(tx, ring, first);
		first = 0;
		entry->complete = complete;
		entry->frames_end = batch->frame_count;
		entry->reports_end = batch->report_count;
		index = entry->end;
		batch->entry_count++;
	}
}

/* How many frames of the batch are gone. */
static unsigned send_batch(struct e1000 *e)
{
	struct tx_batch *batch = &e->tx->batch;
	int sent;

	e->tx->blocked = false;
	if (!batch->frame_count)
		return 0;
	sent = net_send_batch(e->net, 0, batch->frame, batch->frame_count);
	e->tx->blocked = sent == -EAGAIN || sent == 0;
	if (sent < 0 && sent != -EAGAIN)
		return batch->frame_count; /* lost, as on a wire */
	return sent < 0 ? 0 : (unsigned)sent;
}

/* --- with the lock */

/* False: there is nothing to do, and the next write to TDT rings. */
static bool look(struct e1000 *e, struct tx_ring *ring)
{
	uint64_t base = *e1000_reg(e, E1000_TDBAL) | (uint64_t)*e1000_reg(e, E1000_TDBAH) << 32;
	uint32_t len_bytes = *e1000_reg(e, E1000_TDLEN), tctl = *e1000_reg(e, E1000_TCTL);

	*ring = (struct tx_ring){
		.mem = e->mem,
		.desc = gmem_slice(e->mem, base, len_bytes),
		.count = len_bytes / sizeof(struct e1000_tx_desc),
		.head = *e1000_reg(e, E1000_TDH),
		.tail = *e1000_reg(e, E1000_TDT),
		.pad = tctl & TCTL_PSP,
		.vlan = *e1000_reg(e, E1000_CTRL) & CTRL_VME,
		.vlan_type = (uint16_t)*e1000_reg(e, E1000_VET),
		.offloads = e->offloads,
	};
	e->tx_asleep = !(tctl & TCTL_EN) || !pci_is_master(&e->pci) || !ring->desc ||
		       ring->head >= ring->count || ring->tail >= ring->count ||
		       ring->head == ring->tail;
	return !e->tx_asleep;
}

/* Tells the driver of descriptors [from, to) of the reports. Only the status byte is written
 * back. */
static void report(struct e1000 *e, const struct tx_ring *ring, unsigned to)
{
	bool now = false, later = false;

	for (unsigned i = 0; i < to; i++) {
		uint32_t entry = e->tx->batch.report[i];
		struct e1000_tx_desc *desc = &ring->desc[entry & ~TX_REPORT_DELAYED];

		/* release: the driver frees the buffers when it sees DD */
		__atomic_store_n(&desc->status, TXD_DD, __ATOMIC_RELEASE);
		later |= entry & TX_REPORT_DELAYED;
		now |= !(entry & TX_REPORT_DELAYED);
	}
	if (now)
		e1000_raise(e, ICR_TXDW);
	else if (later)
		e1000_raise_later(e, ICR_TXDW, (uint64_t)*e1000_reg(e, E1000_TIDV) * DELAY_UNIT_NS);
}

static void count_frames(struct e1000 *e, unsigned sent)
{
	const struct tx_batch *batch = &e->tx->batch;

	for (unsigned i = 0; i < sent; i++) {
		e1000_count_tx(e, batch->slot[i].bytes,
			       (unsigned)(batch->frame[i].len_bytes - NET_HEADER_BYTES));
		if (batch->slot[i].vnet.gso_type != VIRTIO_NET_HDR_GSO_NONE)
			e1000_count(e, E1000_TSCTC);
	}
	e->counters.tx_dropped += batch->dropped;
}

/* Moves TDH over all packets that are through, and remembers how far the next one is. How many. */
static unsigned complete_batch(struct e1000 *e, const struct tx_ring *ring, unsigned sent)
{
	struct e1000_tx *tx = e->tx;
	struct tx_batch *batch = &tx->batch;
	unsigned head = ring->head, reports = 0, frames = 0, n = 0;

	for (; n < batch->entry_count; n++) {
		const struct tx_entry *entry = &batch->entry[n];

		if (!entry->complete || entry->frames_end > sent)
			break;
		head = entry->end;
		reports = entry->reports_end;
		frames = entry->frames_end;
	}
	if (n < batch->entry_count) {
		tx->contexts = batch->entry[n].before;
		tx->segments_sent = (n == 0 ? tx->segments_sent : 0) + sent - frames;
	} else if (n > 0) {
		tx->segments_sent = 0;
	}
	*e1000_reg(e, E1000_TDH) = head;
	report(e, ring, reports);
	if (head == ring->tail)
		e1000_raise(e, ICR_TXQE);
	return n;
}

bool e1000_tx_batch(struct e1000 *e, unsigned *packets)
{
	struct tx_ring ring;
	unsigned sent;
	bool more;

	pthread_mutex_lock(&e->pci.dev.lock);
	more = look(e, &ring) && e1000_begin_work(e);
	pthread_mutex_unlock(&e->pci.dev.lock);
	if (!more)
		return false;

	fill_batch(e->tx, &ring);
	sent = send_batch(e);

	pthread_mutex_lock(&e->pci.dev.lock);
	count_frames(e, sent);
	*packets += complete_batch(e, &ring, sent);
	if (!e->tx->batch.entry_count && *e1000_reg(e, E1000_TDT) == ring.tail)
		e->tx_asleep = true; /* half a packet */
	more = !e->tx_asleep && !e->tx->blocked;
	e1000_end_work(e);
	pthread_mutex_unlock(&e->pci.dev.lock);
	return more;
}

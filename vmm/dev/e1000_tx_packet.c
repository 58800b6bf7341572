/* SPDX-License-Identifier: MIT
 *
 * Descriptors into packets (SDM 3.3.3 to 3.3.7). Each descriptor is copied once. See e1000_tx.h.
 */
#include <string.h>

#include "dev/e1000_tx.h"

static struct tx_context parse_context(const struct e1000_tx_desc *desc)
{
	return (struct tx_context){
		.ipcss = (uint8_t)desc->address,
		.ipcso = (uint8_t)(desc->address >> 8),
		.ipcse = (uint16_t)(desc->address >> 16),
		.tucss = (uint8_t)(desc->address >> 32),
		.tucso = (uint8_t)(desc->address >> 40),
		.tucse = (uint16_t)(desc->address >> 48),
		.hdrlen = desc->option,
		.mss = desc->special,
		.is_tcp = desc->command & TXD_TCP,
		.is_ipv4 = desc->command & TXD_IP,
	};
}

static bool is_context(const struct e1000_tx_desc *desc)
{
	return desc->command & TXD_DEXT &&
	       (desc->command >> TXD_DTYP_SHIFT & TXD_DTYP_MASK) == TXD_DTYP_CONTEXT;
}

/* What a packet's first descriptor decides for all of it. */
static void begin_packet(struct tx_packet *packet, const struct e1000_tx_desc *desc,
			 const struct tx_contexts *contexts)
{
	bool extended = desc->command & TXD_DEXT;

	packet->piece_count = 0;
	packet->len_bytes = 0;
	packet->bad = false;
	packet->segment = extended && desc->command & TXD_TSE;
	packet->options = extended ? desc->option : 0;
	packet->insert_legacy = !extended && desc->command & TXD_IC;
	packet->css = desc->option;
	packet->cso = (uint8_t)(desc->command >> TXD_LEGACY_CSO_SHIFT);
	packet->context = packet->segment ? contexts->segmenting : contexts->last;
}

/* Too many pieces: all go into one, in the card's own memory. */
static void copy_pieces(struct e1000_tx *tx)
{
	struct tx_packet *packet = &tx->packet;
	uint8_t *end = tx->copy;

	for (unsigned i = 0; i < packet->piece_count; i++) {
		memcpy(end, packet->piece[i].iov_base, packet->piece[i].iov_len);
		end += packet->piece[i].iov_len;
	}
	packet->piece[0] = (struct iovec){tx->copy, (size_t)(end - tx->copy)};
	packet->piece_count = 1;
	tx->batch.copied = true;
}

static void add_piece(struct e1000_tx *tx, const struct gmem *mem, uint64_t address,
		      uint32_t len_bytes)
{
	struct tx_packet *packet = &tx->packet;
	void *hva;

	if (!len_bytes || packet->bad)
		return;
	hva = gmem_slice(mem, address, len_bytes);
	packet->bad = !hva || len_bytes > TX_PACKET_BYTES_MAX - packet->len_bytes;
	if (packet->bad)
		return;
	packet->len_bytes += len_bytes;
	if (packet->piece_count == TX_PIECES_MAX)
		copy_pieces(tx);
	if (packet->piece_count == 1 && packet->piece[0].iov_base == tx->copy) {
		memcpy(tx->copy + packet->piece[0].iov_len, hva, len_bytes);
		packet->piece[0].iov_len += len_bytes;
		return;
	}
	packet->piece[packet->piece_count++] = (struct iovec){hva, len_bytes};
}

/* The last place is kept for a packet's last descriptor: that is the one drivers wait for. */
static void note_report(struct tx_batch *batch, const struct e1000_tx_desc *desc, unsigned index)
{
	bool is_last = desc->command & TXD_EOP && !is_context(desc);

	if (!(desc->command & TXD_RS))
		return;
	if (batch->report_count >= TX_REPORTS_MAX - NET_BATCH_MAX * 2 && !is_last)
		return;
	if (batch->report_count < TX_REPORTS_MAX)
		batch->report[batch->report_count++] = index |
						       (desc->command & TXD_IDE ? TX_REPORT_DELAYED
										: 0);
}

static void take_data(struct e1000_tx *tx, const struct tx_ring *ring,
		      const struct e1000_tx_desc *desc)
{
	uint32_t mask = desc->command & TXD_DEXT ? TXD_LENGTH : TXD_LEGACY_LENGTH;

	add_piece(tx, ring->mem, desc->address, desc->command & mask);
	if (!(desc->command & TXD_EOP))
		return;
	tx->packet.tagged = desc->command & TXD_VLE;
	tx->packet.tag = desc->special;
}

enum tx_found e1000_tx_parse(struct e1000_tx *tx, const struct tx_ring *ring, unsigned *index)
{
	bool begun = false;

	while (*index != ring->tail) {
		struct e1000_tx_desc desc = ring->desc[*index];
		unsigned at = *index;

		note_report(&tx->batch, &desc, at);
		*index = at + 1 == ring->count ? 0 : at + 1;
		tx->batch.descriptors++;
		if (is_context(&desc)) {
			tx->contexts.last = parse_context(&desc);
			if (desc.command & TXD_TSE)
				tx->contexts.segmenting = tx->contexts.last;
		} else {
			if (!begun)
				begin_packet(&tx->packet, &desc, &tx->contexts);
			begun = true;
			take_data(tx, ring, &desc);
			if (desc.command & TXD_EOP)
				return TX_FOUND_PACKET;
		}
	}
	return begun ? TX_FOUND_NOTHING : TX_FOUND_CONTEXTS;
}

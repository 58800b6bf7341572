/* SPDX-License-Identifier: MIT
 *
 * Sending, between its three files: descriptors → packet (e1000_tx_packet.c) → frames
 * (e1000_tx_frame.c), and the ring around it (e1000_tx.c). All of it belongs to the worker.
 */
#ifndef VITRINE_DEV_E1000_TX_H
#define VITRINE_DEV_E1000_TX_H

#include <linux/virtio_net.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "backend/net.h"
#include "dev/e1000_regs.h"
#include "kvm/gmem.h"

#define TX_PIECES_MAX 64 /* of a packet that is not copied */
#define TX_HEADER_BYTES \
	288	       /* what is copied of each frame: all that 8-bit offsets reach, and more */
#define TX_IOV_MAX 512 /* of a batch */
#define TX_REPORTS_MAX 256	 /* descriptors of a batch that want DD */
#define TX_DESCRIPTORS_MAX 4096	 /* of a batch */
#define TX_PLAIN_BYTES_MAX 16288 /* SDM 3.3.3: the longest packet that is not segmented */
#define TX_PACKET_BYTES_MAX (NET_FRAME_MAX - NET_HEADER_BYTES)
#define TX_SEGMENTS_MAX 2048 /* one packet shall not become 64 Ki frames of a byte */

/* A context descriptor (SDM 3.3.6). */
struct tx_context {
	uint8_t ipcss, ipcso, tucss, tucso;
	uint16_t ipcse, tucse; /* last byte; 0: the packet's end */
	uint8_t hdrlen;
	uint16_t mss;
	bool is_tcp, is_ipv4;
};

/* The last one, and the last one with TSE. */
struct tx_contexts {
	struct tx_context last, segmenting;
};

/* The ring as it was when the worker began. */
struct tx_ring {
	const struct gmem *mem;
	struct e1000_tx_desc *desc; /* in guest memory */
	unsigned count, head, tail;
	bool pad, vlan;
	uint16_t vlan_type;
	unsigned offloads;
};

enum tx_shape { TX_DROP, TX_PLAIN, TX_SEGMENTED, TX_GSO };

enum tx_found {
	TX_FOUND_NOTHING,  /* the packet's end is not there yet */
	TX_FOUND_CONTEXTS, /* context descriptors, and no packet behind them yet */
	TX_FOUND_PACKET
};

/* Descriptors up to EOP, parsed. */
struct tx_packet {
	struct iovec piece[TX_PIECES_MAX]; /* guest memory, or tx->copy */
	unsigned piece_count;
	uint32_t len_bytes;
	bool bad;	    /* a piece outside RAM, too long */
	bool segment;	    /* TSE */
	uint8_t options;    /* TXD_POPTS_* */
	bool insert_legacy; /* IC: checksum from css on, at cso */
	uint8_t css, cso;
	bool tagged; /* VLE */
	uint16_t tag;
	struct tx_context context;
	uint8_t gso_type; /* of TX_GSO */
};

/* What precedes the rest of a frame: all that may have to be changed in it. */
struct tx_slot {
	struct virtio_net_hdr_v1 vnet;
	uint8_t bytes[TX_HEADER_BYTES + 4]; /* room for a VLAN tag */
};

_Static_assert(offsetof(struct tx_slot, bytes) == NET_HEADER_BYTES,
	       "header and bytes are one piece");

/* A packet in the batch. */
struct tx_entry {
	unsigned end;	      /* index of the descriptor behind it */
	unsigned frames_end;  /* frames of the batch up to and with its last */
	unsigned reports_end; /* likewise */
	struct tx_contexts before;
	bool complete; /* its last segment is in the batch */
};

struct tx_batch {
	struct net_frame frame[NET_BATCH_MAX];
	struct tx_slot slot[NET_BATCH_MAX];
	unsigned frame_count;
	struct iovec iov[TX_IOV_MAX];
	unsigned iov_count;
	struct tx_entry entry[NET_BATCH_MAX * 2];
	unsigned entry_count;
	uint32_t report
		[TX_REPORTS_MAX]; /* index of a descriptor with RS; TX_REPORT_DELAYED: and IDE */
	unsigned report_count;
	unsigned descriptors;
	unsigned dropped; /* packets */
	bool copied;	  /* tx->copy is in use */
};

#define TX_REPORT_DELAYED (1u << 31)

struct e1000_tx {
	struct tx_contexts contexts;
	unsigned segments_sent; /* of the packet at TDH */
	bool blocked;		/* the back end had no room: it will say when */
	struct tx_packet packet;
	struct tx_batch batch;
	uint8_t copy[TX_PACKET_BYTES_MAX]; /* a packet of too many pieces; rarely touched */
};

/* Parses the packet whose first descriptor is at *index, and context descriptors before it, and
 * moves *index behind what was found. Nothing: what it changed of the contexts and the reports
 * means nothing. */
enum tx_found e1000_tx_parse(struct e1000_tx *tx, const struct tx_ring *ring, unsigned *index);

/* How a parsed packet goes out; *frames: how many frames it makes. */
enum tx_shape e1000_tx_shape(struct tx_packet *packet, unsigned offloads, unsigned *frames);

/* Appends frame number n of the packet. False: no room in the batch. */
bool e1000_tx_add_frame(struct tx_batch *batch, const struct tx_packet *packet, enum tx_shape shape,
			unsigned n, const struct tx_ring *ring);

#endif

/* SPDX-License-Identifier: MIT
 *
 * The driver's side of a virtqueue, split or packed behind one interface. It touches nothing but the
 * memory it is given and one callback, so it is tested on the host too.
 *
 * Life of a request: virtq_add() any number of times, virtq_kick() once, virtq_take() until NULL.
 * One CPU at a time.
 */
#ifndef GUEST_VIRTIO_QUEUE_H
#define GUEST_VIRTIO_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include "guest/mm/dma.h"
#include "guest/virtio/spec.h"

#define VIRTQ_SIZE_MAX 256
#define VIRTQ_CHAIN_MAX 18 /* header, 64 KiB in pages, status */

struct virtq;

/* A piece of a request. Pieces that the device reads come before those that it writes. */
struct virtq_buffer {
	uint64_t gpa;
	uint32_t bytes;
	bool device_writes;
};

/* What is known of a request while the device has it; by buffer ID. */
struct virtq_slot {
	void *token;	   /* NULL: not in use */
	uint32_t writable; /* bytes */
	uint16_t count;	   /* descriptors in the ring */
	uint16_t next;	   /* in the list of free ones */
};

/* What the two formats do differently. */
struct virtq_format {
	void (*put)(struct virtq *q, uint16_t id, const struct virtq_buffer *buffer,
		    unsigned count);
	bool (*publish)(struct virtq *q); /* true: the device wants to be told */
	bool (*has_used)(const struct virtq *q);
	/* The next used entry: ID and bytes written. false: there is none. */
	bool (*next_used)(struct virtq *q, uint32_t *id, uint32_t *bytes);
	void (*pass)(struct virtq *q, uint16_t descriptors); /* goes on behind a used request */
	void (*ask_interrupt)(struct virtq *q, bool wanted);
};

struct virtq_counters {
	uint64_t requests, kicks, kicks_spared;
};

struct virtq {
	const struct virtq_format *format;
	void (*notify)(struct virtq *q);
	void *owner; /* of whoever set notify */
	uint16_t index, size;
	bool event_index, indirect, in_order;
	bool broken; /* the device used something that it was not given */

	struct dma ring, tables;	       /* tables: VIRTQ_CHAIN_MAX descriptors for each ID */
	uint64_t driver_offset, device_offset; /* of the two smaller areas in ring */
	struct virtq_slot *slot;

	uint16_t free_count; /* descriptors */
	uint16_t free_id;    /* first of a list; in order: the next one */
	uint16_t oldest;     /* in order: the ID that must be used next */
	bool in_batch;	     /* in order: oldest up to batch_last are used */
	uint32_t batch_last, batch_bytes;

	uint16_t put_at, take_at; /* split: free-running; packed: positions in the ring */
	bool put_wrap, take_wrap; /* packed: wrap counters */
	uint16_t published,
		deferred;     /* descriptors or entries put before the last publish, and since */
	uint16_t first_flags; /* packed: of the first deferred descriptor, still withheld */
	uint16_t first_at;
	struct virtq_counters counters;
};

/* Bytes of ring, slots and tables that a queue of this size needs. */
uint64_t virtq_ring_bytes(bool packed, unsigned size);
#define VIRTQ_TABLE_BYTES (VIRTQ_CHAIN_MAX * 16)

/* An empty queue over zeroed memory: ring of virtq_ring_bytes(), size slots, and for indirect
 * descriptors size tables. size is a power of two for split rings. features are the negotiated ones.
 * index, notify and owner are the caller's. */
void virtq_init(struct virtq *q, unsigned size, uint64_t features, const struct dma *ring,
		struct virtq_slot *slot, const struct dma *tables);

/* Hands a chain of 1 to VIRTQ_CHAIN_MAX buffers to the device at the next virtq_kick(). token comes
 * back from virtq_take() and is not NULL. false: the queue is full. */
bool virtq_add(struct virtq *q, const struct virtq_buffer *buffer, unsigned count, void *token);

/* Publishes what was added, and tells the device unless it said that it needs no telling. */
void virtq_kick(struct virtq *q);

/* A finished request's token, and how much the device wrote; NULL: none is finished, or q->broken. */
void *virtq_take(struct virtq *q, uint32_t *bytes_written);

/* Whether virtq_take() would have something to say. */
bool virtq_has_used(const struct virtq *q);

/* Whether the device shall interrupt at the next used buffer. Look at virtq_has_used() afterwards:
 * what was used before the device saw the wish makes no interrupt. */
void virtq_ask_interrupt(struct virtq *q, bool wanted);

extern const struct virtq_format virtq_split, virtq_packed;

/* A split ring as it lies in memory now, for people to look at. Whatever the device or another CPU is at
 * goes on meanwhile. */
struct virtq_indexes {
	uint16_t avail, used, taken;	  /* free-running; taken is the driver's own */
	uint16_t free;			  /* descriptors */
	uint16_t avail_event, used_event; /* up to where nobody need be told */
};
struct virtq_indexes virtq_split_indexes(const struct virtq *q);

/* The head at place `index` of the avail ring, and a descriptor of the table; both modulo the size. */
uint16_t virtq_split_head(const struct virtq *q, uint16_t index);
struct virtq_split_desc virtq_split_descriptor(const struct virtq *q, uint16_t index);

/* Whether event lies in (old, now], all modulo 65,536 (§2.7.10). */
static inline bool virtq_event_passed(uint16_t event, uint16_t now, uint16_t old)
{
	return (uint16_t)(now - event - 1) < (uint16_t)(now - old);
}

#endif

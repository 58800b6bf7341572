/* SPDX-License-Identifier: MIT
 *
 * What the files of a virtqueue share: its state, and how memory that the driver writes too is accessed.
 *
 * queue.c       life cycle, and everything that is the same for both formats
 * queue_walk.h  a chain's buffers: each descriptor copied once, checked, translated
 * queue_split.c, queue_packed.c   the rings
 */
#ifndef VITRINE_VIRTIO_QUEUE_INTERNAL_H
#define VITRINE_VIRTIO_QUEUE_INTERNAL_H

#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <x86intrin.h>

#include "virtio/queue.h"
#include "virtio_ring.h"

#define VIRTQ_POSITION_WRAP 0x8000 /* packed: the wrap counter in a struct virtq_position */

/* With IN_ORDER: a chain that was pushed and waits for those popped before it. */
struct virtq_early {
	uint32_t written_bytes;
	uint16_t id;
	uint16_t slots;
	bool is_pushed;
	bool is_whole; /* every device-writable byte was written: its used element may be left out */
};

/* The rings as the host sees them; addresses are good for the whole ring, from virtq_start() on. */
struct virtq_split_ring {
	const struct vring_desc *desc;
	const struct vring_avail *avail;
	struct vring_used *used;
	const uint16_t *used_event; /* the driver's, behind avail */
	uint16_t *avail_event;	    /* ours, behind used */
};

struct virtq_packed_ring {
	struct vring_packed_desc *desc;
	const struct vring_packed_event *driver_event;
	struct vring_packed_event *device_event;
};

struct virtq {
	union {
		struct virtq_split_ring split;
		struct virtq_packed_ring packed;
	};
	const struct gmem_region *region; /* where the last buffer was */
	uint64_t sequence;		  /* of the next chain to pop */
	struct virtq_early *early;	  /* IN_ORDER only; [sequence & early_mask] */
	uint64_t release_sequence;	  /* IN_ORDER: the next chain that the driver may see */
	uint16_t early_mask;
	uint16_t size;
	uint16_t chain_max;
	bool is_live;
	bool is_open; /* live and not broken */
	bool is_packed;
	bool has_event_idx;
	bool has_indirect;
	bool kicks_enabled;
	bool was_woken; /* the next chains found may be those of a kick */
	enum virtq_fault fault;

	/* Positions. Split: free-running (§2.7.6). Packed: an index into the ring and its wrap counter
	 * (§2.8.1). */
	uint16_t avail_next;	 /* to be popped */
	uint16_t avail_seen;	 /* split: entries up to here may be popped without another look */
	uint16_t used_next;	 /* to be pushed */
	uint16_t used_published; /* split: what the driver sees as used->idx */
	bool avail_wrap;
	bool used_wrap;

	uint16_t in_flight;	   /* chains popped and not yet pushed */
	uint16_t unpublished;	   /* chains pushed and not yet published */
	uint16_t slots_taken;	   /* packed: descriptors popped and not yet published */
	uint16_t slots_pushed;	   /* packed: of these, pushed */
	uint16_t first_used;	   /* packed: where the unpublished batch begins … */
	uint16_t first_used_flags; /* … and what will make it visible */

	struct queue_counters counters;
	const struct gmem *mem;
	uint16_t size_max;
	bool is_busy[]; /* [size_max]: ids in flight */
};

/* --- memory that the driver writes too ----------------------------------------------------------
 * x86-64 keeps loads in order among themselves, and stores; acquire and release cost nothing but keep the
 * compiler honest. Only a load that must not pass an earlier store costs: seq_cst on both. */

static inline uint16_t ring_load(const uint16_t *field)
{
	return atomic_load_explicit((const _Atomic uint16_t *)field, memory_order_relaxed);
}

static inline uint16_t ring_load_acquire(const uint16_t *field)
{
	return atomic_load_explicit((const _Atomic uint16_t *)field, memory_order_acquire);
}

static inline uint16_t ring_load_ordered(const uint16_t *field)
{
	return atomic_load_explicit((const _Atomic uint16_t *)field, memory_order_seq_cst);
}

/* NOLINTNEXTLINE(readability-non-const-parameter): the atomic behind the cast is written */
static inline void ring_store(uint16_t *field, uint16_t value)
{
	atomic_store_explicit((_Atomic uint16_t *)field, value, memory_order_relaxed);
}

/* Visible to the other side before any later ring_load_ordered() is done: a full barrier.
 * NOLINTNEXTLINE(readability-non-const-parameter) */
static inline void ring_store_ordered(uint16_t *field, uint16_t value)
{
	atomic_store_explicit((_Atomic uint16_t *)field, value, memory_order_seq_cst);
}

/* §2.7.10.1, §2.8.10: whether the step from old to new went past event. */
static inline bool ring_need_event(uint16_t event, uint16_t new, uint16_t old)
{
	return (uint16_t)(new - event - 1) < (uint16_t)(new - old);
}

/* --- state ---------------------------------------------------------------------------------- */

static inline int virtq_break(struct virtq *q, enum virtq_fault fault)
{
	q->fault = fault;
	q->is_open = false;
	return -EPROTO;
}

static inline unsigned virtq_top_bit(uint64_t value) /* not 0 */
{
	return 63 - (unsigned)__builtin_clzll(value);
}

/* What popping means in either format. */
static inline void virtq_account_pop(struct virtq *q, struct virtq_chain *chain)
{
	q->is_busy[chain->id] = true;
	chain->sequence = q->sequence++;
	chain->popped_tsc = __rdtsc();
	q->counters.requests++;
	q->counters.depth[virtq_top_bit(++q->in_flight)]++;
}

/* --- one set for each format ---------------------------------------------------------------- */

/* Addresses and alignment. 0, -EINVAL, -EFAULT. */
int virtq_split_map(struct virtq *q, const struct virtq_config *config);
int virtq_packed_map(struct virtq *q, const struct virtq_config *config);

/* As virtq_pop(). */
int virtq_split_pop(struct virtq *q, struct virtq_chain *chain);
int virtq_packed_pop(struct virtq *q, struct virtq_chain *chain);
void virtq_packed_unpop(struct virtq *q, uint16_t slots);

/* Writes one used element, which stands for chains of so many slots. Not visible yet. */
void virtq_split_use(struct virtq *q, uint16_t id, uint32_t written_bytes, uint16_t chains);
void virtq_packed_use(struct virtq *q, uint16_t id, uint32_t written_bytes, uint16_t slots);

/* Makes used elements visible. True: the driver wants an interrupt. */
bool virtq_split_publish(struct virtq *q);
bool virtq_packed_publish(struct virtq *q);

/* Asks for a kick at the next chain; true: there is one already. */
bool virtq_split_arm(struct virtq *q);
bool virtq_packed_arm(struct virtq *q);

void virtq_split_disarm(struct virtq *q);
void virtq_packed_disarm(struct virtq *q);

bool virtq_split_has_work(const struct virtq *q);
bool virtq_packed_has_work(const struct virtq *q);

#endif

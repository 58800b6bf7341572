/* SPDX-License-Identifier: MIT
 *
 * A virtqueue's life, and what is the same for both ring formats: counters, chains in flight, the order
 * that IN_ORDER promises, bytes of a chain. The rings are in queue_split.c and queue_packed.c.
 */
#include "virtio/queue.h"

#include <stdlib.h>

#include "virtio/queue_walk.h"

/* --- life ------------------------------------------------------------------------------------ */

int virtq_create(const struct gmem *mem, uint16_t size_max, struct virtq **out)
{
	if (!size_max || size_max > VIRTQ_SIZE_MAX)
		return -EINVAL;

	struct virtq *q = calloc(1, sizeof(*q) + size_max * sizeof(*q->is_busy));

	if (!q)
		return -ENOMEM;
	q->mem = mem;
	q->size_max = size_max;
	*out = q;
	return 0;
}

void virtq_destroy(struct virtq *q)
{
	if (!q)
		return;
	virtq_stop(q);
	free(q);
}

/* Room for every chain that can be in flight: a power of two, so that sequence numbers wrap into it. */
static int prepare_in_order(struct virtq *q, uint16_t size)
{
	unsigned count = 1;

	while (count < size)
		count *= 2;
	q->early = calloc(count, sizeof(*q->early));
	q->early_mask = count - 1;
	return q->early ? 0 : -ENOMEM;
}

/* Where an empty ring begins (§2.7.6, §2.8.1). */
static struct virtq_position first_position(const struct virtq *q)
{
	uint16_t first = q->is_packed ? VIRTQ_POSITION_WRAP : 0;

	return (struct virtq_position){first, first};
}

int virtq_start(struct virtq *q, const struct virtq_config *config, uint64_t features,
		uint16_t chain_max)
{
	virtq_stop(q);
	if (!config->size || config->size > q->size_max || !chain_max)
		return -EINVAL;
	q->is_packed = features & VIRTIO_BIT(VIRTIO_F_RING_PACKED);
	q->has_event_idx = features & VIRTIO_BIT(VIRTIO_F_EVENT_IDX);
	q->has_indirect = features & VIRTIO_BIT(VIRTIO_F_INDIRECT_DESC);

	int err = q->is_packed ? virtq_packed_map(q, config) : virtq_split_map(q, config);

	if (!err && (features & VIRTIO_BIT(VIRTIO_F_IN_ORDER)))
		err = prepare_in_order(q, config->size);
	if (err)
		return err;
	q->size = config->size;
	q->chain_max = chain_max;
	q->region = &q->mem->region[0];
	q->is_live = q->is_open = true;
	return virtq_set_position(q, first_position(q));
}

void virtq_stop(struct virtq *q)
{
	free(q->early);
	q->early = NULL;
	q->is_live = q->is_open = false;
	q->fault = VIRTQ_OK;
	q->sequence = q->release_sequence = 0;
	q->in_flight = q->unpublished = 0;
	q->slots_taken = q->slots_pushed = 0;
	memset(q->is_busy, 0, q->size_max * sizeof(*q->is_busy));
}

int virtq_set_position(struct virtq *q, struct virtq_position position)
{
	uint16_t index_mask = q->is_packed ? (uint16_t)~VIRTQ_POSITION_WRAP : UINT16_MAX;

	if (!q->is_live || q->in_flight || q->unpublished ||
	    (q->is_packed &&
	     ((position.avail & index_mask) >= q->size || (position.used & index_mask) >= q->size)))
		return -EINVAL;
	q->avail_next = q->avail_seen = position.avail & index_mask;
	q->used_next = q->used_published = position.used & index_mask;
	q->avail_wrap = position.avail & ~index_mask;
	q->used_wrap = position.used & ~index_mask;
	virtq_enable_kicks(q);
	return 0;
}

struct virtq_position virtq_position(const struct virtq *q)
{
	struct virtq_position position = {q->avail_next, q->used_next};

	if (q->is_packed) {
		position.avail |= q->avail_wrap ? VIRTQ_POSITION_WRAP : 0;
		position.used |= q->used_wrap ? VIRTQ_POSITION_WRAP : 0;
	}
	return position;
}

bool virtq_is_live(const struct virtq *q)
{
	return q->is_live;
}

uint16_t virtq_size_max(const struct virtq *q)
{
	return q->size_max;
}

enum virtq_fault virtq_fault(const struct virtq *q)
{
	return q->fault;
}

const char *virtq_fault_text(enum virtq_fault fault)
{
	static const char *const texts[] = {
		[VIRTQ_OK] = "no fault",
		[VIRTQ_AVAIL_JUMP] = "more made available than the queue holds",
		[VIRTQ_BAD_HEAD] = "head index beyond the table",
		[VIRTQ_BAD_NEXT] = "next index beyond the table",
		[VIRTQ_CHAIN_LOOP] = "chain with more descriptors than the table",
		[VIRTQ_CHAIN_TOO_LONG] = "chain longer than the device takes",
		[VIRTQ_OUTSIDE_RAM] = "buffer outside RAM",
		[VIRTQ_ZERO_LENGTH] = "buffer of no bytes",
		[VIRTQ_LENGTH_OVERFLOW] = "chain of 4 GiB or more",
		[VIRTQ_READ_AFTER_WRITE] = "device-readable buffer behind a device-writable one",
		[VIRTQ_BAD_INDIRECT] = "malformed or unexpected indirect table",
		[VIRTQ_REUSED_HEAD] = "chain made available while in flight",
		[VIRTQ_RING_OUTSIDE_RAM] = "ring outside RAM",
	};

	return (unsigned)fault < sizeof(texts) / sizeof(*texts) ? texts[fault] : "unknown fault";
}

struct queue_counters *virtq_counters(struct virtq *q)
{
	return &q->counters;
}

/* --- what a walk over a chain seldom needs ---------------------------------------------------- */

const struct gmem_region *virtq_locate(const struct gmem *mem, uint64_t gpa, uint32_t len_bytes)
{
	for (unsigned i = 0; i < mem->region_count; i++)
		if (gmem_region_slice(&mem->region[i], gpa, len_bytes))
			return &mem->region[i];
	return NULL;
}

/* --- chains ---------------------------------------------------------------------------------- */

int virtq_pop(struct virtq *q, struct virtq_chain *chain)
{
	if (!q->is_open)
		return q->fault ? -EPROTO : 0;
	return q->is_packed ? virtq_packed_pop(q, chain) : virtq_split_pop(q, chain);
}

void virtq_unpop(struct virtq *q, const struct virtq_chain *chain)
{
	if (q->is_packed)
		virtq_packed_unpop(q, chain->slots);
	else
		q->avail_next--;
	q->is_busy[chain->id] = false;
	q->counters.depth[virtq_top_bit(q->in_flight)]--;
	q->counters.requests--;
	q->sequence--;
	q->in_flight--;
}

static inline void use(struct virtq *q, uint16_t id, uint32_t written_bytes, unsigned chains,
		       uint16_t slots)
{
	q->unpublished += chains;
	if (q->is_packed)
		virtq_packed_use(q, id, written_bytes, slots);
	else
		virtq_split_use(q, id, written_bytes, chains);
}

void virtq_push(struct virtq *q, const struct virtq_chain *chain, uint32_t written_bytes)
{
	q->in_flight--;
	q->counters.bytes += (uint64_t)chain->out_bytes + written_bytes;
	queue_count_latency(&q->counters, chain->popped_tsc);
	if (q->early) {
		q->early[chain->sequence & q->early_mask] = (struct virtq_early){
			.written_bytes = written_bytes,
			.id = chain->id,
			.slots = chain->slots,
			.is_pushed = true,
			.is_whole = written_bytes == chain->in_bytes,
		};
		return;
	}
	q->is_busy[chain->id] = false;
	use(q, chain->id, written_bytes, 1, chain->slots);
}

/* IN_ORDER (§2.7.9, §2.8.8): the driver sees a chain when all popped before it were pushed. One used
 * element may stand for several chains, at the place of the first and with the id of the last; those left
 * out count as written wholly, so only such may be. */
static void release_in_order(struct virtq *q)
{
	unsigned chains = 0;
	uint16_t slots = 0;

	for (;;) {
		struct virtq_early *early = &q->early[q->release_sequence & q->early_mask];

		if (!early->is_pushed)
			return;
		early->is_pushed = false;
		q->is_busy[early->id] = false;
		q->release_sequence++;
		chains++;
		slots += early->slots;

		const struct virtq_early *next = &q->early[q->release_sequence & q->early_mask];

		if (early->is_whole && next->is_pushed)
			continue;
		use(q, early->id, early->written_bytes, chains, slots);
		chains = slots = 0;
	}
}

bool virtq_publish(struct virtq *q)
{
	if (q->early)
		release_in_order(q);
	if (!q->unpublished)
		return false;
	q->unpublished = 0;

	bool wanted = q->is_packed ? virtq_packed_publish(q) : virtq_split_publish(q);

	q->counters.interrupts += wanted;
	q->counters.interrupts_suppressed += !wanted;
	return wanted;
}

/* --- kicks ----------------------------------------------------------------------------------- */

void virtq_disable_kicks(struct virtq *q)
{
	if (!q->is_live || !q->kicks_enabled)
		return;
	q->kicks_enabled = false;
	q->was_woken = true;
	if (q->is_packed)
		virtq_packed_disarm(q);
	else
		virtq_split_disarm(q);
}

bool virtq_enable_kicks(struct virtq *q)
{
	if (!q->is_open)
		return false;
	q->kicks_enabled = true;
	return q->is_packed ? virtq_packed_arm(q) : virtq_split_arm(q);
}

bool virtq_has_work(struct virtq *q)
{
	if (!q->is_live)
		return false;
	return q->fault || (q->is_packed ? virtq_packed_has_work(q) : virtq_split_has_work(q));
}

/* --- bytes of a chain ------------------------------------------------------------------------ */

/* Copies between flat and the span [offset, offset + len_bytes) of a list of buffers. */
static uint32_t copy_span(const struct iovec *iov, unsigned count, uint32_t offset, uint8_t *flat,
			  uint32_t len_bytes, bool to_guest)
{
	uint32_t done = 0;

	for (; count && done < len_bytes; iov++, count--) {
		if (offset >= iov->iov_len) {
			offset -= iov->iov_len;
			continue;
		}

		uint8_t *guest = (uint8_t *)iov->iov_base + offset;
		uint32_t left = iov->iov_len - offset;
		uint32_t part = left < len_bytes - done ? left : len_bytes - done;

		if (to_guest)
			memcpy(guest, flat + done, part);
		else
			memcpy(flat + done, guest, part);
		done += part;
		offset = 0;
	}
	return done;
}

uint32_t virtq_chain_read(const struct virtq_chain *chain, uint32_t offset, void *dst,
			  uint32_t len_bytes)
{
	return copy_span(chain->iov, chain->out_count, offset, dst, len_bytes, false);
}

uint32_t virtq_chain_write(const struct virtq_chain *chain, uint32_t offset, const void *src,
			   uint32_t len_bytes)
{
	return copy_span(chain->iov + chain->out_count, chain->in_count, offset, (uint8_t *)src,
			 len_bytes, true);
}

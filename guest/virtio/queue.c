/* SPDX-License-Identifier: MIT
 *
 * What split and packed rings share: buffer IDs, free descriptors, and completion in order (§2.7.6,
 * §2.8.7), where one used entry speaks for all requests up to the one that it names.
 */
#include "guest/virtio/queue.h"

#include <stddef.h>

#include "guest/arch/insn.h"

uint64_t virtq_ring_bytes(bool packed, unsigned size)
{
	const uint64_t descriptors = 16ull * size;

	if (packed)
		return descriptors + 2 * sizeof(struct virtq_event);
	return descriptors + 6 + 2ull * size + 2 + 6 + 8ull * size;
}

static void lay_out(struct virtq *q, bool packed)
{
	q->driver_offset = 16ull * q->size;
	if (packed)
		q->device_offset = q->driver_offset + sizeof(struct virtq_event);
	else
		q->device_offset = (q->driver_offset + 6 + 2ull * q->size + 3) & ~3ull;
}

void virtq_init(struct virtq *q, unsigned size, uint64_t features, const struct dma *ring,
		struct virtq_slot *slot, const struct dma *tables)
{
	const bool packed = features & VIRTIO_F_RING_PACKED;

	q->format = packed ? &virtq_packed : &virtq_split;
	q->size = size;
	q->event_index = features & VIRTIO_F_EVENT_IDX;
	q->indirect = features & VIRTIO_F_INDIRECT_DESC;
	q->in_order = features & VIRTIO_F_IN_ORDER;
	q->ring = *ring;
	q->tables = *tables;
	q->slot = slot;
	lay_out(q, packed);
	for (unsigned i = 0; i < size; i++)
		slot[i] = (struct virtq_slot){.next = i + 1};
	q->free_count = size;
	q->free_id = q->oldest = q->put_at = q->take_at = q->published = q->deferred = 0;
	q->put_wrap = q->take_wrap = true;
	q->in_batch = q->broken = false;
	q->counters = (struct virtq_counters){0};
	virtq_ask_interrupt(q, false);
}

/* In order, an ID is where its first descriptor stands. Otherwise split rings take a chain's worth
 * from the list, packed rings one. */
static uint16_t take_id(struct virtq *q, unsigned descriptors)
{
	const uint16_t id = q->free_id;

	if (q->in_order)
		q->free_id = (id + descriptors) % q->size;
	else
		for (unsigned n = q->format == &virtq_split ? descriptors : 1; n; n--)
			q->free_id = q->slot[q->free_id].next;
	return id;
}

static void give_back_id(struct virtq *q, uint16_t id)
{
	struct virtq_slot *slot = &q->slot[id];
	uint16_t last = id;

	slot->token = NULL;
	q->free_count += slot->count;
	if (q->in_order) {
		q->oldest = (id + slot->count) % q->size;
		return;
	}
	for (unsigned n = q->format == &virtq_split ? slot->count : 1u; n > 1; n--)
		last = q->slot[last].next;
	q->slot[last].next = q->free_id;
	q->free_id = id;
}

/* Both formats' descriptors of an indirect table differ only in what the last four bytes mean. */
static struct virtq_buffer write_table(struct virtq *q, uint16_t id,
				       const struct virtq_buffer *buffer, unsigned count)
{
	const bool packed = q->format == &virtq_packed;
	const struct dma table = dma_part(&q->tables, (uint64_t)id * VIRTQ_TABLE_BYTES,
					  VIRTQ_TABLE_BYTES);
	struct virtq_split_desc *split = table.at;
	struct virtq_packed_desc *flat = table.at;

	for (unsigned i = 0; i < count; i++) {
		const uint16_t write = buffer[i].device_writes ? VIRTQ_DESC_WRITE : 0;
		const uint16_t more = i + 1 < count ? VIRTQ_DESC_NEXT : 0;

		if (packed)
			flat[i] = (struct virtq_packed_desc){buffer[i].gpa, buffer[i].bytes, 0,
							     write};
		else
			split[i] = (struct virtq_split_desc){buffer[i].gpa, buffer[i].bytes,
							     write | more, more ? i + 1 : 0};
	}
	return (struct virtq_buffer){table.gpa, count * 16, false};
}

bool virtq_add(struct virtq *q, const struct virtq_buffer *buffer, unsigned count, void *token)
{
	const bool indirect = q->indirect && count > 1;
	const unsigned descriptors = indirect ? 1 : count;
	struct virtq_buffer table;
	uint32_t writable = 0;
	uint16_t id;

	if (descriptors > q->free_count || !count || count > VIRTQ_CHAIN_MAX || q->broken)
		return false;
	for (unsigned i = 0; i < count; i++)
		writable += buffer[i].device_writes ? buffer[i].bytes : 0;
	id = take_id(q, descriptors);
	q->free_count -= descriptors;
	q->slot[id].token = token;
	q->slot[id].count = descriptors;
	q->slot[id].writable = writable;
	if (indirect)
		table = write_table(q, id, buffer, count);
	q->format->put(q, id, indirect ? &table : buffer, indirect ? 0 : count);
	q->counters.requests++;
	return true;
}

void virtq_kick(struct virtq *q)
{
	if (!q->deferred)
		return;
	if (q->format->publish(q)) {
		q->counters.kicks++;
		q->notify(q);
	} else {
		q->counters.kicks_spared++;
	}
}

bool virtq_has_used(const struct virtq *q)
{
	return q->in_batch || q->format->has_used(q);
}

/* Finishes one request. The device's ID is checked here and nowhere else. */
static void *finish(struct virtq *q, uint32_t id, uint32_t *bytes, uint32_t written)
{
	struct virtq_slot *slot = &q->slot[id % q->size];
	void *token = slot->token;

	if (id >= q->size || !token) {
		q->broken = true;
		return NULL;
	}
	*bytes = written < slot->writable ? written : slot->writable;
	q->format->pass(q, slot->count);
	give_back_id(q, id);
	return token;
}

void *virtq_take(struct virtq *q, uint32_t *bytes_written)
{
	uint32_t id, written;

	if (q->broken)
		return NULL;
	if (!q->in_batch) {
		if (!q->format->next_used(q, &id, &written))
			return NULL;
		if (!q->in_order)
			return finish(q, id, bytes_written, written);
		q->in_batch = true;
		q->batch_last = id;
		q->batch_bytes = written;
	}
	id = q->oldest;
	written = UINT32_MAX; /* without an entry of its own: all that it could write */
	if (id == q->batch_last) {
		q->in_batch = false;
		written = q->batch_bytes;
	}
	return finish(q, id, bytes_written, written);
}

void virtq_ask_interrupt(struct virtq *q, bool wanted)
{
	q->format->ask_interrupt(q, wanted);
	memory_fence(); /* §2.7.10.1, §2.8.12: the wish before the look at what was used */
}

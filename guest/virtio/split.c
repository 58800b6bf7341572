/* SPDX-License-Identifier: MIT
 *
 * Split rings (virtio 1.2 §2.7): a table of descriptors, and two rings of indices into it.
 */
#include "guest/arch/insn.h"
#include "guest/virtio/queue.h"

static struct virtq_split_desc *descriptors(const struct virtq *q)
{
	return q->ring.at;
}

static volatile struct virtq_avail *avail(const struct virtq *q)
{
	return (volatile struct virtq_avail *)((char *)q->ring.at + q->driver_offset);
}

static volatile struct virtq_used *used(const struct virtq *q)
{
	return (volatile struct virtq_used *)((char *)q->ring.at + q->device_offset);
}

/* Behind the avail ring: up to which used index no interrupt is needed. */
static volatile uint16_t *used_event(const struct virtq *q)
{
	return &avail(q)->ring[q->size];
}

/* Behind the used ring: up to which avail index no notification is needed. */
static volatile uint16_t *avail_event(const struct virtq *q)
{
	return (volatile uint16_t *)&used(q)->ring[q->size];
}

/* count 0: one descriptor of an indirect table. */
static void put(struct virtq *q, uint16_t id, const struct virtq_buffer *buffer, unsigned count)
{
	const bool indirect = !count;
	uint16_t at = id;

	count += indirect;
	for (unsigned i = 0; i < count; i++) {
		const uint16_t next = q->in_order ? (at + 1) % q->size : q->slot[at].next;
		uint16_t flags = indirect ? VIRTQ_DESC_INDIRECT : 0;

		if (buffer[i].device_writes)
			flags |= VIRTQ_DESC_WRITE;
		if (i + 1 < count)
			flags |= VIRTQ_DESC_NEXT;
		descriptors(q)[at] = (struct virtq_split_desc){buffer[i].gpa, buffer[i].bytes,
							       flags, i + 1 < count ? next : 0};
		at = next;
	}
	avail(q)->ring[q->put_at++ % q->size] = id;
	q->deferred++;
}

static bool publish(struct virtq *q)
{
	const uint16_t old = q->published;

	memory_order(); /* §2.7.13.2: entries before the index; stores stay in order on x86 */
	avail(q)->index = q->put_at;
	q->published = q->put_at;
	q->deferred = 0;
	memory_fence(); /* §2.7.13.4.1: the index before the look at the device's wish */
	if (q->event_index)
		return virtq_event_passed(*avail_event(q), q->put_at, old);
	return !(used(q)->flags & VIRTQ_USED_NO_NOTIFY);
}

static bool has_used(const struct virtq *q)
{
	return used(q)->index != q->take_at;
}

static bool next_used(struct virtq *q, uint32_t *id, uint32_t *bytes)
{
	const volatile struct virtq_used_entry *entry = &used(q)->ring[q->take_at % q->size];

	if (!has_used(q))
		return false;
	memory_order(); /* §2.7.14: the index before the entry; loads stay in order on x86 */
	*id = entry->id;
	*bytes = entry->bytes;
	return true;
}

/* In order too, the index counts requests, not entries written. */
static void pass(struct virtq *q, uint16_t unused)
{
	(void)unused;
	q->take_at++;
}

static void ask_interrupt(struct virtq *q, bool wanted)
{
	if (q->event_index)
		*used_event(q) = wanted ? q->take_at : q->take_at - 1;
	else
		avail(q)->flags = wanted ? 0 : VIRTQ_AVAIL_NO_INTERRUPT;
}

const struct virtq_format virtq_split = {put, publish, has_used, next_used, pass, ask_interrupt};

struct virtq_indexes virtq_split_indexes(const struct virtq *q)
{
	return (struct virtq_indexes){.avail = avail(q)->index,
				      .used = used(q)->index,
				      .taken = q->take_at,
				      .free = q->free_count,
				      .avail_event = *avail_event(q),
				      .used_event = *used_event(q)};
}

uint16_t virtq_split_head(const struct virtq *q, uint16_t index)
{
	return avail(q)->ring[index % q->size];
}

struct virtq_split_desc virtq_split_descriptor(const struct virtq *q, uint16_t index)
{
	return descriptors(q)[index % q->size];
}

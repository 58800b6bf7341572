/* SPDX-License-Identifier: MIT
 *
 * Packed rings (virtio 1.2 §2.8): one ring of descriptors that both sides write; two flag bits and a
 * wrap counter on each side say whose turn a descriptor is.
 */
#include "guest/arch/insn.h"
#include "guest/virtio/queue.h"

static volatile struct virtq_packed_desc *descriptor(const struct virtq *q, uint16_t at)
{
	return (volatile struct virtq_packed_desc *)q->ring.at + at;
}

static volatile struct virtq_event *driver_event(const struct virtq *q)
{
	return (volatile struct virtq_event *)((char *)q->ring.at + q->driver_offset);
}

static const volatile struct virtq_event *device_event(const struct virtq *q)
{
	return (const volatile struct virtq_event *)((char *)q->ring.at + q->device_offset);
}

static void advance(const struct virtq *q, uint16_t *at, bool *wrap, uint16_t by)
{
	*at += by;
	if (*at >= q->size) {
		*at -= q->size;
		*wrap = !*wrap;
	}
}

/* The first descriptor since the last publish keeps its flags until publish(): with them the device
 * sees all that follow (§2.8.6). */
static void put_one(struct virtq *q, const struct virtq_buffer *buffer, uint16_t id, uint16_t flags)
{
	volatile struct virtq_packed_desc *d = descriptor(q, q->put_at);

	flags |= q->put_wrap ? VIRTQ_DESC_AVAIL : VIRTQ_DESC_USED;
	if (buffer->device_writes)
		flags |= VIRTQ_DESC_WRITE;
	d->gpa = buffer->gpa;
	d->bytes = buffer->bytes;
	d->id = id;
	if (q->deferred++) {
		d->flags = flags;
	} else {
		q->first_at = q->put_at;
		q->first_flags = flags;
	}
	advance(q, &q->put_at, &q->put_wrap, 1);
}

/* count 0: one descriptor of an indirect table. */
static void put(struct virtq *q, uint16_t id, const struct virtq_buffer *buffer, unsigned count)
{
	if (!count)
		put_one(q, buffer, id, VIRTQ_DESC_INDIRECT);
	for (unsigned i = 0; i < count; i++)
		put_one(q, &buffer[i], id, i + 1 < count ? VIRTQ_DESC_NEXT : 0);
}

/* The device's position, brought into the round that put_at is in (§2.8.10). */
static bool device_wants(const struct virtq *q, uint16_t old)
{
	const uint32_t event = *(const volatile uint32_t *)device_event(
		q); /* both halves at once */
	const uint16_t flags = event >> 16;
	uint16_t position = event & (VIRTQ_WRAP - 1);

	if (flags != VIRTQ_EVENT_DESC || !q->event_index)
		return flags != VIRTQ_EVENT_DISABLE;
	if (!!(event & VIRTQ_WRAP) != q->put_wrap)
		position -= q->size;
	return virtq_event_passed(position, q->put_at, old);
}

static bool publish(struct virtq *q)
{
	const uint16_t old = q->put_at - q->deferred;

	memory_order(); /* §2.8.21.1: all else before the first flags; stores stay in order on x86 */
	descriptor(q, q->first_at)->flags = q->first_flags;
	q->deferred = 0;
	memory_fence(); /* §2.8.21.3.1: the flags before the look at the device's wish */
	return device_wants(q, old);
}

static bool has_used(const struct virtq *q)
{
	const uint16_t flags = descriptor(q, q->take_at)->flags;
	const bool is_avail = flags & VIRTQ_DESC_AVAIL, is_used = flags & VIRTQ_DESC_USED;

	return is_avail == q->take_wrap && is_used == q->take_wrap;
}

static bool next_used(struct virtq *q, uint32_t *id, uint32_t *bytes)
{
	if (!has_used(q))
		return false;
	memory_order(); /* §2.8.6: the flags before the rest; loads stay in order on x86 */
	*id = descriptor(q, q->take_at)->id;
	*bytes = descriptor(q, q->take_at)->bytes;
	return true;
}

static void pass(struct virtq *q, uint16_t count)
{
	advance(q, &q->take_at, &q->take_wrap, count);
}

static void ask_interrupt(struct virtq *q, bool wanted)
{
	if (wanted && q->event_index)
		driver_event(q)->position = q->take_at | (q->take_wrap ? VIRTQ_WRAP : 0);
	memory_order(); /* the position before the flags that make it count */
	driver_event(q)->flags = !wanted	  ? VIRTQ_EVENT_DISABLE
				 : q->event_index ? VIRTQ_EVENT_DESC
						  : VIRTQ_EVENT_ENABLE;
}

const struct virtq_format virtq_packed = {put, publish, has_used, next_used, pass, ask_interrupt};

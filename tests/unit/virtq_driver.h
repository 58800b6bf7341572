/* SPDX-License-Identifier: MIT
 *
 * The driver's side of a virtqueue, for tests: both formats, every ring feature, in a guest RAM of its
 * own. Written from virtio 1.2 §2.7 and §2.8, not from what the device does. One thread may be the
 * driver while another is the device.
 */
#ifndef VITRINE_TESTS_VIRTQ_DRIVER_H
#define VITRINE_TESTS_VIRTQ_DRIVER_H

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "kvm/gmem.h"
#include "virtio/queue.h"
#include "virtio_ring.h"

#define DRIVER_RAM_BYTES 0x400000u
#define DRIVER_DESC_GPA 0x10000u
#define DRIVER_AVAIL_GPA 0x20000u
#define DRIVER_USED_GPA 0x30000u
#define DRIVER_TABLE_GPA 0x100000u
#define DRIVER_DATA_GPA 0x200000u
#define DRIVER_DATA_BYTES 0x200000u
#define DRIVER_CHAIN_MAX 32

struct driver_buffer {
	uint64_t gpa;
	uint32_t len_bytes;
	bool is_writable;
};

/* What the driver remembers of a chain. */
struct driver_chain {
	uint64_t cookie;
	uint16_t slots;
	uint16_t tail; /* split: its last descriptor */
	uint32_t in_bytes;
};

struct driver {
	struct gmem mem;
	struct virtq_config config;
	uint64_t features;
	uint16_t size;
	bool is_packed, has_event_idx, is_in_order;
	struct driver_chain chain[VIRTQ_SIZE_MAX]; /* by id */

	struct vring_desc *desc; /* split */
	struct vring_avail *avail;
	struct vring_used *used;
	uint16_t *used_event, *avail_event;
	uint16_t next[VIRTQ_SIZE_MAX]; /* links of free descriptors */
	uint16_t free_head;

	struct vring_packed_desc *ring; /* packed */
	struct vring_packed_event *driver_event, *device_event;
	uint16_t free_id[VIRTQ_SIZE_MAX];
	uint16_t free_id_count;
	bool avail_wrap, used_wrap;

	uint16_t free_slots;
	uint16_t avail_next;  /* split: free-running; packed: index */
	uint16_t avail_shown; /* the last decision about a kick was for everything before this */
	uint16_t added_slots; /* since then */
	uint16_t used_next;
	uint16_t first_added, first_added_flags; /* packed: the chain that is not shown yet */

	uint16_t order[VIRTQ_SIZE_MAX]; /* IN_ORDER: ids as they were added */
	uint32_t order_head, order_tail;
	bool batch_open; /* IN_ORDER: a used element that stands for more than one chain */
	uint16_t batch_id;
	uint32_t batch_bytes;
	uint64_t batches;
};

static inline bool driver_has(const struct driver *d, unsigned feature)
{
	return d->features >> feature & 1;
}

static inline void *driver_hva(const struct driver *d, uint64_t gpa)
{
	return d->mem.region[0].hva + gpa;
}

static inline void driver_create(struct driver *d, uint64_t features, uint16_t size)
{
	memset(d, 0, sizeof(*d));
	if (gmem_create(&d->mem, DRIVER_RAM_BYTES, GMEM_ANONYMOUS))
		abort();
	d->features = features;
	d->size = d->free_slots = size;
	d->config = (struct virtq_config){size, DRIVER_DESC_GPA, DRIVER_AVAIL_GPA, DRIVER_USED_GPA};
	d->is_packed = driver_has(d, VIRTIO_F_RING_PACKED);
	d->has_event_idx = driver_has(d, VIRTIO_F_EVENT_IDX);
	d->is_in_order = driver_has(d, VIRTIO_F_IN_ORDER);
	d->desc = driver_hva(d, DRIVER_DESC_GPA);
	d->avail = driver_hva(d, DRIVER_AVAIL_GPA);
	d->used = driver_hva(d, DRIVER_USED_GPA);
	d->used_event = &d->avail->ring[size];
	d->avail_event = (uint16_t *)&d->used->ring[size];
	d->ring = driver_hva(d, DRIVER_DESC_GPA);
	d->driver_event = driver_hva(d, DRIVER_AVAIL_GPA);
	d->device_event = driver_hva(d, DRIVER_USED_GPA);
	d->avail_wrap = d->used_wrap = true;
	for (uint16_t i = 0; i < size; i++) {
		d->next[i] = (i + 1) % size;
		d->free_id[d->free_id_count++] = i;
	}
}

static inline void driver_destroy(struct driver *d)
{
	gmem_destroy(&d->mem);
}

static inline uint16_t driver_load(const uint16_t *field)
{
	return atomic_load((const _Atomic uint16_t *)field);
}

static inline void driver_store(uint16_t *field, uint16_t value)
{
	atomic_store((_Atomic uint16_t *)field, value);
}

/* --- adding chains --------------------------------------------------------------------------- */

static inline uint16_t driver_flags(const struct driver_buffer *buffer, bool has_next)
{
	return (buffer->is_writable ? VRING_DESC_WRITE : 0) | (has_next ? VRING_DESC_NEXT : 0);
}

static inline uint64_t driver_table(const struct driver *d, uint16_t id,
				    const struct driver_buffer *buffer, unsigned count)
{
	uint64_t gpa = DRIVER_TABLE_GPA + id * DRIVER_CHAIN_MAX * sizeof(struct vring_desc);
	struct vring_desc *split = driver_hva(d, gpa);
	struct vring_packed_desc *packed = driver_hva(d, gpa);

	for (unsigned i = 0; i < count; i++) {
		if (d->is_packed)
			packed[i] = (struct vring_packed_desc){buffer[i].gpa, buffer[i].len_bytes,
							       0, driver_flags(&buffer[i], 0)};
		else
			split[i] = (struct vring_desc){buffer[i].gpa, buffer[i].len_bytes,
						       driver_flags(&buffer[i], i + 1 < count),
						       i + 1 < count ? i + 1 : 0};
	}
	return gpa;
}

static inline uint16_t driver_add_split(struct driver *d, const struct driver_buffer *buffer,
					unsigned count, bool indirect)
{
	uint16_t head = d->free_head, index = head, tail = head;

	if (indirect) {
		d->desc[head] = (struct vring_desc){driver_table(d, head, buffer, count),
						    count * sizeof(struct vring_desc),
						    VRING_DESC_INDIRECT, 0};
		index = d->next[head];
	}
	for (unsigned i = 0; i < count && !indirect; i++) {
		tail = index;
		d->desc[index] = (struct vring_desc){buffer[i].gpa, buffer[i].len_bytes,
						     driver_flags(&buffer[i], i + 1 < count),
						     d->next[index]};
		index = d->next[index];
	}
	d->free_head = index;
	d->chain[head].tail = tail;
	d->avail->ring[d->avail_next++ % d->size] = head;
	return head;
}

static inline void driver_put_slot(struct driver *d, struct vring_packed_desc desc)
{
	desc.flags |= d->avail_wrap ? VRING_DESC_AVAIL : VRING_DESC_USED;
	d->ring[d->avail_next].gpa = desc.gpa;
	d->ring[d->avail_next].len_bytes = desc.len_bytes;
	d->ring[d->avail_next].id = desc.id;
	if (d->first_added == UINT16_MAX) {
		d->first_added = d->avail_next;
		d->first_added_flags = desc.flags;
	} else {
		driver_store(&d->ring[d->avail_next].flags, desc.flags);
	}
	if (++d->avail_next == d->size) {
		d->avail_next = 0;
		d->avail_wrap = !d->avail_wrap;
	}
}

/* The first descriptor's flags of each chain come last. A chain is visible at once. */
static inline uint16_t driver_add_packed(struct driver *d, const struct driver_buffer *buffer,
					 unsigned count, bool indirect)
{
	uint16_t id = d->free_id[--d->free_id_count];

	d->first_added = UINT16_MAX;
	if (indirect)
		driver_put_slot(d,
				(struct vring_packed_desc){driver_table(d, id, buffer, count),
							   count * sizeof(struct vring_packed_desc),
							   id, VRING_DESC_INDIRECT});
	for (unsigned i = 0; i < count && !indirect; i++)
		driver_put_slot(
			d, (struct vring_packed_desc){buffer[i].gpa, buffer[i].len_bytes, id,
						      driver_flags(&buffer[i], i + 1 < count)});
	driver_store(&d->ring[d->first_added].flags, d->first_added_flags);
	return id;
}

/* False: no room. Split: the device sees it after driver_show(). */
static inline bool driver_add(struct driver *d, const struct driver_buffer *buffer, unsigned count,
			      bool indirect, uint64_t cookie)
{
	uint16_t slots = indirect ? 1 : count;

	if (d->free_slots < slots || (d->is_packed && !d->free_id_count))
		return false;

	uint16_t id = d->is_packed ? driver_add_packed(d, buffer, count, indirect)
				   : driver_add_split(d, buffer, count, indirect);
	struct driver_chain *chain = &d->chain[id];

	chain->cookie = cookie;
	chain->slots = slots;
	chain->in_bytes = 0;
	for (unsigned i = 0; i < count; i++)
		chain->in_bytes += buffer[i].is_writable ? buffer[i].len_bytes : 0;
	d->order[d->order_tail++ % VIRTQ_SIZE_MAX] = id;
	d->free_slots -= slots;
	d->added_slots += slots;
	return true;
}

static inline bool driver_past(uint16_t event, uint16_t new, uint16_t old)
{
	for (uint16_t at = old; at != new; at++) /* §2.7.10.1 to the letter */
		if (at == event)
			return true;
	return false;
}

static inline bool driver_kick_packed(const struct driver *d, uint16_t slots)
{
	uint16_t flags = driver_load(&d->device_event->flags);
	uint16_t event = driver_load(&d->device_event->offset_wrap);
	uint32_t lap = d->avail_wrap, at = d->avail_next + d->size;

	if (flags != VRING_EVENT_DESC)
		return flags == VRING_EVENT_ENABLE;
	/* Go back slot by slot, over the end of the ring if need be, and look for the event. */
	for (uint16_t i = 0; i < slots; i++) {
		if (at-- == d->size)
			lap = !lap, at = 2u * d->size - 1;
		if ((event & 0x7fff) == at - d->size && event >> 15 == lap)
			return true;
	}
	return false;
}

/* Makes what was added visible. True: the device wants a kick. */
static inline bool driver_show(struct driver *d)
{
	uint16_t slots = d->added_slots, before = d->avail_shown;

	d->added_slots = 0;
	if (!slots)
		return false;
	if (d->is_packed)
		return driver_kick_packed(d, slots);
	d->avail_shown = d->avail_next;
	driver_store(&d->avail->idx, d->avail_next);
	if (d->has_event_idx)
		return driver_past(driver_load(d->avail_event), d->avail_next, before);
	return !(driver_load(&d->used->flags) & VRING_USED_NO_NOTIFY);
}

/* --- taking used chains ---------------------------------------------------------------------- */

static inline bool driver_has_used(const struct driver *d)
{
	if (d->batch_open)
		return true;
	if (!d->is_packed)
		return driver_load(&d->used->idx) != d->used_next;

	uint16_t flags = driver_load(&d->ring[d->used_next].flags);

	return !!(flags & VRING_DESC_USED) == d->used_wrap &&
	       !!(flags & VRING_DESC_AVAIL) == d->used_wrap;
}

static inline void driver_read_used(const struct driver *d, uint16_t *id, uint32_t *written)
{
	if (d->is_packed) {
		struct vring_packed_desc *desc = &d->ring[d->used_next];

		*id = desc->id;
		*written = desc->flags & VRING_DESC_WRITE ? desc->len_bytes : 0;
	} else {
		struct vring_used_elem *elem = &d->used->ring[d->used_next % d->size];

		*id = elem->id;
		*written = elem->len_bytes;
	}
}

static inline void driver_free(struct driver *d, uint16_t id)
{
	struct driver_chain *chain = &d->chain[id];

	d->free_slots += chain->slots;
	if (!d->is_packed) {
		d->used_next++;
		if (d->is_in_order)
			return; /* the table is a ring */
		d->next[chain->tail] = d->free_head;
		d->free_head = id;
		return;
	}
	d->free_id[d->free_id_count++] = id;
	d->used_next += chain->slots;
	if (d->used_next >= d->size) {
		d->used_next -= d->size;
		d->used_wrap = !d->used_wrap;
	}
}

/* False: nothing is used. */
static inline bool driver_take(struct driver *d, uint64_t *cookie, uint32_t *written)
{
	uint16_t id;

	if (!driver_has_used(d))
		return false;
	if (d->batch_open) {
		id = d->batch_id;
		*written = d->batch_bytes;
	} else {
		driver_read_used(d, &id, written);
	}
	if (id >= d->size)
		abort();
	if (d->is_in_order) {
		uint16_t oldest = d->order[d->order_head++ % VIRTQ_SIZE_MAX];

		d->batches += !d->batch_open && oldest != id;
		d->batch_open = oldest != id;
		d->batch_id = id;
		d->batch_bytes = *written;
		if (d->batch_open)
			*written = d->chain[oldest].in_bytes;
		id = oldest;
	}
	*cookie = d->chain[id].cookie;
	driver_free(d, id);
	return true;
}

/* --- interrupts ------------------------------------------------------------------------------ */

static inline void driver_disable_interrupts(struct driver *d)
{
	if (d->is_packed)
		driver_store(&d->driver_event->flags, VRING_EVENT_DISABLE);
	else if (!d->has_event_idx)
		driver_store(&d->avail->flags, VRING_AVAIL_NO_INTERRUPT);
}

/* After `ahead` more slots (packed) or chains (split) than now; 0: at the next one. Returns true if
 * something is used already. */
static inline bool driver_enable_interrupts(struct driver *d, uint16_t ahead)
{
	if (!d->is_packed && d->has_event_idx) {
		driver_store(d->used_event, d->used_next + ahead);
	} else if (!d->is_packed) {
		driver_store(&d->avail->flags, 0);
	} else if (d->has_event_idx) {
		uint32_t at = d->used_next + ahead;
		bool wrap = at >= d->size ? !d->used_wrap : d->used_wrap;

		driver_store(&d->driver_event->offset_wrap, (at % d->size) | (wrap ? 0x8000 : 0));
		driver_store(&d->driver_event->flags, VRING_EVENT_DESC);
	} else {
		driver_store(&d->driver_event->flags, VRING_EVENT_ENABLE);
	}
	return driver_has_used(d);
}

#endif

/* SPDX-License-Identifier: MIT
 *
 * The packed ring, device side (virtio 1.2 §2.8). docs/virtio.md has the picture.
 */
#include "virtio/queue_walk.h"

#define DESC_ALIGN 16 /* §2.8.10.1 */
#define EVENT_ALIGN 4
#define EVENT_OFFSET_MASK 0x7fff
#define EVENT_WRAP 0x8000
#define EVENT_FLAGS_MASK 3

int virtq_packed_map(struct virtq *q, const struct virtq_config *config)
{
	if (config->desc_gpa % DESC_ALIGN || config->driver_gpa % EVENT_ALIGN ||
	    config->device_gpa % EVENT_ALIGN)
		return -EINVAL;

	uint64_t ring_bytes = (uint64_t)config->size * sizeof(struct vring_packed_desc);
	struct virtq_packed_ring ring = {
		.desc = gmem_slice(q->mem, config->desc_gpa, ring_bytes),
		.driver_event = gmem_slice(q->mem, config->driver_gpa, sizeof(*ring.driver_event)),
		.device_event = gmem_slice(q->mem, config->device_gpa, sizeof(*ring.device_event)),
	};

	if (!ring.desc || !ring.driver_event || !ring.device_event)
		return -EFAULT;
	q->packed = ring;
	return 0;
}

/* §2.8.1: available, when AVAIL is the driver's wrap counter and USED is not. */
static bool is_available(const struct virtq *q, uint16_t flags)
{
	uint16_t wanted = q->avail_wrap ? VRING_DESC_AVAIL : VRING_DESC_USED;

	return (flags & (VRING_DESC_AVAIL | VRING_DESC_USED)) == wanted;
}

/* acquire (§2.8.21.1.1): pairs with the driver's release of the first descriptor's flags, which it writes
 * last; so the rest of the chain is there, too. */
static uint16_t next_flags(const struct virtq *q)
{
	return ring_load_acquire(&q->packed.desc[q->avail_next].flags);
}

static void advance(const struct virtq *q, uint16_t *index, bool *wrap, uint16_t slots)
{
	*index += slots;
	if (*index < q->size)
		return;
	*index -= q->size;
	*wrap = !*wrap;
}

/* An indirect table has no links: all of it is the chain, in order. Of its flags only WRITE is valid and all
 * others are to be ignored (§2.8.7), so there is no nesting either. */
WALK_INLINE enum virtq_fault walk_indirect(const struct virtq *q, struct virtq_walk *walk,
					   const struct vring_packed_desc *to)
{
	if (!virtq_indirect_is_valid(q, to->len_bytes, to->flags))
		return VIRTQ_BAD_INDIRECT;

	const uint8_t *table = gmem_slice(q->mem, to->gpa, to->len_bytes);

	if (!table)
		return VIRTQ_OUTSIDE_RAM;
	for (const uint8_t *end = table + to->len_bytes; table < end; table += sizeof(*to)) {
		struct vring_packed_desc desc = virtq_copy_packed(table);

		if (walk->iov == walk->iov_end)
			return VIRTQ_CHAIN_TOO_LONG;

		enum virtq_fault fault = virtq_walk_add(q, walk, desc.gpa, desc.len_bytes,
							desc.flags);

		if (fault)
			return fault;
	}
	return VIRTQ_OK;
}

/* A list in the ring, whose first descriptor's flags said: available. The last one's id counts (§2.8.6). */
WALK_INLINE enum virtq_fault walk_list(const struct virtq *q, struct virtq_walk *walk,
				       struct virtq_chain *chain, uint16_t flags)
{
	uint16_t index = q->avail_next;
	struct vring_packed_desc desc = virtq_copy_packed(&q->packed.desc[index]);
	uint16_t slots = 1;

	for (desc.flags = flags;; slots++) {
		if (slots > q->size)
			return VIRTQ_CHAIN_LOOP;
		if (walk->iov == walk->iov_end)
			return VIRTQ_CHAIN_TOO_LONG;
		if (desc.flags & VRING_DESC_INDIRECT) /* §2.8.19: not in a list */
			return VIRTQ_BAD_INDIRECT;

		enum virtq_fault fault = virtq_walk_add(q, walk, desc.gpa, desc.len_bytes,
							desc.flags);

		if (fault)
			return fault;
		if (!(desc.flags & VRING_DESC_NEXT))
			break;
		if (++index == q->size)
			index = 0;
		desc = virtq_copy_packed(&q->packed.desc[index]);
	}
	chain->id = desc.id;
	chain->slots = slots;
	return VIRTQ_OK;
}

WALK_INLINE enum virtq_fault walk_one_indirect(const struct virtq *q, struct virtq_walk *walk,
					       struct virtq_chain *chain, uint16_t flags)
{
	struct vring_packed_desc desc = virtq_copy_packed(&q->packed.desc[q->avail_next]);

	desc.flags = flags;
	chain->id = desc.id;
	chain->slots = 1;
	return walk_indirect(q, walk, &desc);
}

WALK_INLINE enum virtq_fault gather(struct virtq *q, struct virtq_chain *chain, uint16_t flags)
{
	struct virtq_walk walk = virtq_walk_begin(q, chain);
	enum virtq_fault fault = flags & VRING_DESC_INDIRECT
					 ? walk_one_indirect(q, &walk, chain, flags)
					 : walk_list(q, &walk, chain, flags);

	return fault ? fault : virtq_walk_end(q, &walk, chain);
}

int virtq_packed_pop(struct virtq *q, struct virtq_chain *chain)
{
	uint16_t flags = next_flags(q);

	if (!is_available(q, flags)) {
		/* With kicks on, an empty queue is one that the driver will kick. */
		if (!q->kicks_enabled || !q->has_event_idx || !virtq_packed_arm(q))
			return 0;
		flags = next_flags(q);
		if (!is_available(q, flags)) /* a hostile driver takes it back */
			return 0;
	}

	enum virtq_fault fault = gather(q, chain, flags);

	if (fault)
		return virtq_break(q, fault);
	if (chain->id >= q->size)
		return virtq_break(q, VIRTQ_BAD_HEAD);
	if (q->is_busy[chain->id])
		return virtq_break(q, VIRTQ_REUSED_HEAD);
	if (q->slots_taken + chain->slots > q->size)
		return virtq_break(q, VIRTQ_AVAIL_JUMP);
	q->slots_taken += chain->slots;
	advance(q, &q->avail_next, &q->avail_wrap, chain->slots);
	q->counters.kicks_suppressed += !q->kicks_enabled && !q->was_woken;
	q->was_woken = false;
	virtq_account_pop(q, chain);
	return 1;
}

void virtq_packed_unpop(struct virtq *q, uint16_t slots)
{
	q->slots_taken -= slots;
	if (q->avail_next < slots) {
		q->avail_next += q->size;
		q->avail_wrap = !q->avail_wrap;
	}
	q->avail_next -= slots;
	q->was_woken = true; /* so that kicks_suppressed does not count it twice */
}

/* A used descriptor overwrites one that was popped (§2.8.6). The driver reads them in ring order, so
 * the flags of a batch's first one, written at last, keep all the others from its sight. */
void virtq_packed_use(struct virtq *q, uint16_t id, uint32_t written_bytes, uint16_t slots)
{
	struct vring_packed_desc *desc = &q->packed.desc[q->used_next];
	uint16_t flags = (q->used_wrap ? VRING_DESC_AVAIL | VRING_DESC_USED : 0) |
			 (written_bytes ? VRING_DESC_WRITE : 0);

	desc->id = id;
	desc->len_bytes = written_bytes;
	if (q->slots_pushed) {
		ring_store(&desc->flags, flags);
	} else {
		q->first_used = q->used_next;
		q->first_used_flags = flags;
	}
	q->slots_pushed += slots;
	advance(q, &q->used_next, &q->used_wrap, slots);
}

/* §2.8.10, §2.8.14: the driver's wish; an offset of the other lap is one ring's length behind. */
static bool driver_wants_interrupt(const struct virtq *q, uint16_t published_slots)
{
	const struct vring_packed_event *event = q->packed.driver_event;
	uint16_t flags = ring_load_ordered(&event->flags) & EVENT_FLAGS_MASK;

	if (flags != VRING_EVENT_DESC || !q->has_event_idx)
		return flags != VRING_EVENT_DISABLE;

	/* acquire (§2.8.14): the driver writes the offset, then the flags. */
	uint16_t offset_wrap = ring_load_acquire(&event->offset_wrap);
	uint16_t offset = offset_wrap & EVENT_OFFSET_MASK;

	if (!!(offset_wrap & EVENT_WRAP) != q->used_wrap)
		offset -= q->size;
	return ring_need_event(offset, q->used_next, q->used_next - published_slots);
}

bool virtq_packed_publish(struct virtq *q)
{
	uint16_t slots = q->slots_pushed;

	/* Release as well (§2.8.22): pairs with the driver's acquire of these flags. And before the driver's
	 * wish is read: the driver writes its wish, then looks at the flags (§2.8.21.3.1). */
	ring_store_ordered(&q->packed.desc[q->first_used].flags, q->first_used_flags);
	q->slots_taken -= slots;
	q->slots_pushed = 0;
	return driver_wants_interrupt(q, slots);
}

/* First the wish, then another look at the ring: the mirror image of a publish. */
bool virtq_packed_arm(struct virtq *q)
{
	struct vring_packed_event *event = q->packed.device_event;

	if (q->has_event_idx) {
		ring_store(&event->offset_wrap, q->avail_next | (q->avail_wrap ? EVENT_WRAP : 0));
		ring_store_ordered(&event->flags, VRING_EVENT_DESC);
	} else {
		ring_store_ordered(&event->flags, VRING_EVENT_ENABLE);
	}
	return is_available(q, ring_load_ordered(&q->packed.desc[q->avail_next].flags));
}

void virtq_packed_disarm(struct virtq *q)
{
	ring_store(&q->packed.device_event->flags, VRING_EVENT_DISABLE);
}

bool virtq_packed_has_work(const struct virtq *q)
{
	return is_available(q, next_flags(q));
}

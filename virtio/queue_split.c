/* SPDX-License-Identifier: MIT
 *
 * The split ring, device side (virtio 1.2 §2.7). docs/virtio.md has the picture.
 */
#include "virtio/queue_walk.h"

#define DESC_ALIGN 16 /* §2.7 */
#define AVAIL_ALIGN 2
#define USED_ALIGN 4

int virtq_split_map(struct virtq *q, const struct virtq_config *config)
{
	uint64_t count = config->size;
	uint64_t avail_bytes = sizeof(struct vring_avail) + count * sizeof(uint16_t);
	uint64_t used_bytes = sizeof(struct vring_used) + count * sizeof(struct vring_used_elem);

	if ((count & (count - 1)) || config->desc_gpa % DESC_ALIGN ||
	    config->driver_gpa % AVAIL_ALIGN || config->device_gpa % USED_ALIGN)
		return -EINVAL;

	/* The event indexes behind the rings are part of them, negotiated or not (§2.7). */
	void *desc = gmem_slice(q->mem, config->desc_gpa, count * sizeof(struct vring_desc));
	uint8_t *avail = gmem_slice(q->mem, config->driver_gpa, avail_bytes + sizeof(uint16_t));
	uint8_t *used = gmem_slice(q->mem, config->device_gpa, used_bytes + sizeof(uint16_t));

	if (!desc || !avail || !used)
		return -EFAULT;
	q->split = (struct virtq_split_ring){
		.desc = desc,
		.avail = (void *)avail,
		.used = (void *)used,
		.used_event = (void *)(avail + avail_bytes),
		.avail_event = (void *)(used + used_bytes),
	};
	return 0;
}

/* Reads avail->idx, once for all chains that it covers. */
static int look_for_chains(struct virtq *q)
{
	/* acquire (§2.7.13.3): pairs with the driver's release of avail->idx, so that ring entries and
	 * descriptors up to it are read as they were then. */
	uint16_t idx = ring_load_acquire(&q->split.avail->idx);

	/* With kicks on, an empty queue is one that the driver will kick. */
	if (idx == q->avail_next && q->kicks_enabled && q->has_event_idx && virtq_split_arm(q))
		idx = ring_load_acquire(&q->split.avail->idx);
	if (idx == q->avail_next)
		return 0;
	/* Counted from what the driver knows as used: also bounds what is popped and never published. */
	if ((uint16_t)(idx - q->used_published) > q->size ||
	    (uint16_t)(idx - q->avail_next) > q->size)
		return virtq_break(q, VIRTQ_AVAIL_JUMP);
	if (!q->kicks_enabled)
		q->counters.kicks_suppressed += (uint16_t)(idx - q->avail_next) - q->was_woken;
	q->was_woken = false;
	q->avail_seen = idx;
	return 1;
}

/* Linked descriptors of one table, from index on. One that points to another table ends the walk: it is
 * left in *last and not taken for a buffer. A table may not be aligned. */
WALK_INLINE enum virtq_fault walk_table(const struct virtq *q, struct virtq_walk *walk,
					const uint8_t *table, uint32_t table_count, uint32_t index,
					struct vring_desc *last)
{
	/* Each descriptor makes one buffer: so many and there is a loop. */
	bool may_loop = walk->iov_end - walk->iov >= (ptrdiff_t)table_count;
	const struct iovec *end = may_loop ? walk->iov + table_count : walk->iov_end;

	for (;;) {
		*last = virtq_copy_split(table + (size_t)index * sizeof(*last));
		if (last->flags & VRING_DESC_INDIRECT)
			return VIRTQ_OK;
		if (walk->iov == end)
			return may_loop ? VIRTQ_CHAIN_LOOP : VIRTQ_CHAIN_TOO_LONG;

		enum virtq_fault fault = virtq_walk_add(q, walk, last->gpa, last->len_bytes,
							last->flags);

		if (fault || !(last->flags & VRING_DESC_NEXT))
			return fault;
		index = last->next;
		if (index >= table_count)
			return VIRTQ_BAD_NEXT;
	}
}

WALK_INLINE enum virtq_fault walk_indirect(const struct virtq *q, struct virtq_walk *walk,
					   const struct vring_desc *to)
{
	if (!virtq_indirect_is_valid(q, to->len_bytes, to->flags))
		return VIRTQ_BAD_INDIRECT;

	const uint8_t *table = gmem_slice(q->mem, to->gpa, to->len_bytes);
	struct vring_desc last;

	if (!table)
		return VIRTQ_OUTSIDE_RAM;

	enum virtq_fault fault = walk_table(q, walk, table, to->len_bytes / sizeof(last), 0, &last);

	return !fault && (last.flags & VRING_DESC_INDIRECT) ? VIRTQ_BAD_INDIRECT : fault;
}

/* §2.7.5.3.2: buffers first and an indirect table at the end are fine; the table's own WRITE is nothing. */
WALK_INLINE enum virtq_fault gather(struct virtq *q, struct virtq_chain *chain, uint16_t head)
{
	struct virtq_walk walk = virtq_walk_begin(q, chain);
	struct vring_desc last;
	enum virtq_fault fault = walk_table(q, &walk, (const uint8_t *)q->split.desc, q->size, head,
					    &last);

	if (!fault && (last.flags & VRING_DESC_INDIRECT))
		fault = walk_indirect(q, &walk, &last);
	return fault ? fault : virtq_walk_end(q, &walk, chain);
}

int virtq_split_pop(struct virtq *q, struct virtq_chain *chain)
{
	if (q->avail_next == q->avail_seen) {
		int found = look_for_chains(q);

		if (found <= 0)
			return found;
	}

	uint16_t head = ring_load(&q->split.avail->ring[q->avail_next & (q->size - 1)]);

	if (head >= q->size)
		return virtq_break(q, VIRTQ_BAD_HEAD);
	if (q->is_busy[head])
		return virtq_break(q, VIRTQ_REUSED_HEAD);

	enum virtq_fault fault = gather(q, chain, head);

	if (fault)
		return virtq_break(q, fault);
	q->avail_next++;
	chain->id = head;
	chain->slots = 1;
	virtq_account_pop(q, chain);
	return 1;
}

void virtq_split_use(struct virtq *q, uint16_t id, uint32_t written_bytes, uint16_t chains)
{
	struct vring_used_elem *elem = &q->split.used->ring[q->used_next & (q->size - 1)];

	*elem = (struct vring_used_elem){.id = id, .len_bytes = written_bytes};
	q->used_next += chains;
}

/* The order of the two accesses is what matters (§2.7.7.2, §2.7.10): the new used->idx must be visible
 * before the driver's wish is read. The driver does the opposite: it says that it wants an
 * interrupt, then looks at used->idx again. With the barriers of both at least one of the two sees the
 * other's store, and no interrupt is lost. */
bool virtq_split_publish(struct virtq *q)
{
	uint16_t before = q->used_published;

	q->used_published = q->used_next;
	/* Release as well (§2.7.8.2): elements and buffers come first. Pairs with the driver's acquire. */
	ring_store_ordered(&q->split.used->idx, q->used_next);
	if (q->has_event_idx)
		return ring_need_event(ring_load_ordered(q->split.used_event), q->used_next,
				       before);
	return !(ring_load_ordered(&q->split.avail->flags) & VRING_AVAIL_NO_INTERRUPT);
}

/* The same in the other direction (§2.7.10.2, §2.7.13.4.1): first the wish, then another look. */
bool virtq_split_arm(struct virtq *q)
{
	if (q->has_event_idx)
		ring_store_ordered(q->split.avail_event, q->avail_next);
	else
		ring_store_ordered(&q->split.used->flags, 0);
	return ring_load_ordered(&q->split.avail->idx) != q->avail_next;
}

/* With EVENT_IDX an index that is not moved on is enough, and flags stay 0 (§2.7.10.1). */
void virtq_split_disarm(struct virtq *q)
{
	if (!q->has_event_idx)
		ring_store(&q->split.used->flags, VRING_USED_NO_NOTIFY);
}

bool virtq_split_has_work(const struct virtq *q)
{
	return q->avail_next != q->avail_seen ||
	       ring_load_acquire(&q->split.avail->idx) != q->avail_next;
}

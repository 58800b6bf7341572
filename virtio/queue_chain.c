/* SPDX-License-Identifier: MIT
 *
 * The buffers of a chain (virtio 1.2 §2.7.5, §2.8.6): each descriptor is copied once, checked, translated.
 */
#include "virtio/queue_internal.h"

/* A chain while it is being read. */
struct gather {
	struct virtq *q;
	struct virtq_chain *chain;
	uint32_t buffer_count;
	uint32_t buffer_max;
	uint64_t total_bytes;
};

static inline struct gather gather_begin(struct virtq *q, struct virtq_chain *chain)
{
	chain->out_count = chain->in_count = 0;
	chain->out_bytes = chain->in_bytes = 0;
	return (struct gather){
		.q = q,
		.chain = chain,
		.buffer_max = chain->iov_max < q->chain_max ? chain->iov_max : q->chain_max,
	};
}

/* Buffers nearly always lie in the region where the last one was. */
static inline void *translate(struct virtq *q, uint64_t gpa, uint32_t len_bytes)
{
	void *hva = gmem_region_slice(q->region, gpa, len_bytes);

	if (__builtin_expect(hva != NULL, 1))
		return hva;
	for (unsigned i = 0; i < q->mem->region_count; i++) {
		hva = gmem_region_slice(&q->mem->region[i], gpa, len_bytes);
		if (hva) {
			q->region = &q->mem->region[i];
			return hva;
		}
	}
	return NULL;
}

static inline enum virtq_fault add_buffer(struct gather *gather, uint64_t gpa, uint32_t len_bytes,
					  uint16_t flags)
{
	struct virtq_chain *chain = gather->chain;

	if (gather->buffer_count >= gather->buffer_max)
		return VIRTQ_CHAIN_TOO_LONG;
	if (!len_bytes)
		return VIRTQ_ZERO_LENGTH;
	gather->total_bytes += len_bytes;
	if (gather->total_bytes > UINT32_MAX) /* §2.7.5.2, §2.8.19 */
		return VIRTQ_LENGTH_OVERFLOW;
	if (flags & VRING_DESC_WRITE) {
		chain->in_count++;
		chain->in_bytes += len_bytes;
	} else if (chain->in_count) { /* §2.7.4.2, §2.8.5 */
		return VIRTQ_READ_AFTER_WRITE;
	} else {
		chain->out_count++;
		chain->out_bytes += len_bytes;
	}

	void *hva = translate(gather->q, gpa, len_bytes);

	if (!hva)
		return VIRTQ_OUTSIDE_RAM;
	chain->iov[gather->buffer_count++] = (struct iovec){hva, len_bytes};
	return VIRTQ_OK;
}

/* Nothing behind this reads the descriptor again: what was checked is what is used. */
static inline struct vring_desc copy_split(const void *desc)
{
	struct vring_desc copy;

	memcpy(&copy, desc, sizeof(copy));
	atomic_signal_fence(memory_order_seq_cst);
	return copy;
}

static inline struct vring_packed_desc copy_packed(const void *desc)
{
	struct vring_packed_desc copy;

	memcpy(&copy, desc, sizeof(copy));
	atomic_signal_fence(memory_order_seq_cst);
	return copy;
}

/* The table that an INDIRECT descriptor points to (§2.7.5.3, §2.8.7). NULL: see fault. */
static const uint8_t *indirect_table(struct virtq *q, uint64_t gpa, uint32_t len_bytes,
				     uint16_t flags, enum virtq_fault *fault)
{
	const uint8_t *table;

	*fault = VIRTQ_BAD_INDIRECT;
	if (!q->has_indirect || (flags & VRING_DESC_NEXT) || !len_bytes ||
	    len_bytes % sizeof(struct vring_desc))
		return NULL;
	table = translate(q, gpa, len_bytes);
	*fault = table ? VIRTQ_OK : VIRTQ_OUTSIDE_RAM;
	return table;
}

/* One table of linked descriptors, from index on. The last one may point to a table of its own: then it
 * is left in *last and not taken for a buffer. A table may not be aligned. */
static inline enum virtq_fault walk_table(struct gather *gather, const void *table,
					  uint32_t table_count, uint32_t index,
					  struct vring_desc *last)
{
	for (uint32_t steps = 0; steps < table_count; steps++) {
		*last = copy_split((const uint8_t *)table + index * sizeof(*last));
		if (last->flags & VRING_DESC_INDIRECT)
			return VIRTQ_OK;

		enum virtq_fault fault = add_buffer(gather, last->gpa, last->len_bytes,
						    last->flags);

		if (fault)
			return fault;
		if (!(last->flags & VRING_DESC_NEXT))
			return VIRTQ_OK;
		index = last->next;
		if (index >= table_count)
			return VIRTQ_BAD_NEXT;
	}
	return VIRTQ_CHAIN_LOOP;
}

/* §2.7.5.3.2: buffers first and an indirect table at the end are fine; the table's own WRITE is nothing. */
enum virtq_fault virtq_gather_split(struct virtq *q, struct virtq_chain *chain, uint16_t head)
{
	struct gather gather = gather_begin(q, chain);
	struct vring_desc last;
	enum virtq_fault fault = walk_table(&gather, q->split.desc, q->size, head, &last);

	if (fault || !(last.flags & VRING_DESC_INDIRECT))
		return fault;

	const uint8_t *table = indirect_table(q, last.gpa, last.len_bytes, last.flags, &fault);

	if (!table)
		return fault;
	fault = walk_table(&gather, table, last.len_bytes / sizeof(last), 0, &last);
	if (!fault && (last.flags & VRING_DESC_INDIRECT))
		return VIRTQ_BAD_INDIRECT;
	return fault;
}

/* A packed indirect table has no links: all of it is the chain, in order. Of its flags only WRITE is valid
 * and all others are to be ignored (§2.8.7), so there is no nesting either. */
static enum virtq_fault gather_packed_table(struct gather *gather, const uint8_t *table,
					    uint32_t len_bytes)
{
	for (uint32_t at = 0; at < len_bytes; at += sizeof(struct vring_packed_desc)) {
		struct vring_packed_desc desc = copy_packed(table + at);
		enum virtq_fault fault = add_buffer(gather, desc.gpa, desc.len_bytes, desc.flags);

		if (fault)
			return fault;
	}
	return VIRTQ_OK;
}

static enum virtq_fault gather_indirect(struct gather *gather, const struct vring_packed_desc *desc)
{
	enum virtq_fault fault;
	const uint8_t *table = indirect_table(gather->q, desc->gpa, desc->len_bytes, desc->flags,
					      &fault);

	return table ? gather_packed_table(gather, table, desc->len_bytes) : fault;
}

enum virtq_fault virtq_gather_packed(struct virtq *q, struct virtq_chain *chain,
				     uint16_t head_flags)
{
	struct gather gather = gather_begin(q, chain);
	uint16_t index = q->avail_next;

	for (uint16_t slots = 1; slots <= q->size; slots++) {
		struct vring_packed_desc desc = copy_packed(&q->packed.desc[index]);
		enum virtq_fault fault;

		if (slots == 1)
			desc.flags = head_flags; /* the ones that said: available */
		if (!(desc.flags & VRING_DESC_INDIRECT))
			fault = add_buffer(&gather, desc.gpa, desc.len_bytes, desc.flags);
		else if (slots == 1)
			fault = gather_indirect(&gather, &desc);
		else
			fault = VIRTQ_BAD_INDIRECT; /* §2.8.19: not in a list */
		if (fault)
			return fault;
		if (!(desc.flags & VRING_DESC_NEXT)) {
			chain->id = desc.id; /* §2.8.6: that of the last one counts */
			chain->slots = slots;
			return VIRTQ_OK;
		}
		if (++index == q->size)
			index = 0;
	}
	return VIRTQ_CHAIN_LOOP;
}

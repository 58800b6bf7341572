/* SPDX-License-Identifier: MIT
 *
 * The buffers of a chain (virtio 1.2 §2.7.4, §2.7.5, §2.8.5): one descriptor after the other is copied once,
 * checked, translated. Inline, and with its state in registers: this loop is most of a pop's cost.
 */
#ifndef VITRINE_VIRTIO_QUEUE_WALK_H
#define VITRINE_VIRTIO_QUEUE_WALK_H

#include "virtio/queue_internal.h"

#define WALK_INLINE static inline __attribute__((always_inline))

/* A chain while it is being read. */
struct virtq_walk {
	const struct gmem_region *region; /* where the last buffer was */
	struct iovec *iov;		  /* of the next buffer */
	struct iovec *iov_end;
	uint64_t total_bytes;	/* cannot overflow: at most 2^16 buffers of 2^32 bytes */
	struct iovec *writable; /* the first device-writable buffer; NULL: none yet */
	uint64_t out_bytes;	/* valid if there is one */
};

WALK_INLINE struct virtq_walk virtq_walk_begin(const struct virtq *q,
					       const struct virtq_chain *chain)
{
	return (struct virtq_walk){
		.region = q->region,
		.iov = chain->iov,
		.iov_end = chain->iov +
			   (chain->iov_max < q->chain_max ? chain->iov_max : q->chain_max),
	};
}

/* The region that holds a span which is not where the last one was, or NULL. In queue.c. */
const struct gmem_region *virtq_locate(const struct gmem *mem, uint64_t gpa, uint32_t len_bytes);

WALK_INLINE enum virtq_fault virtq_walk_add(const struct virtq *q, struct virtq_walk *walk,
					    uint64_t gpa, uint32_t len_bytes, uint16_t flags)
{
	uint64_t offset = gpa - walk->region->gpa;

	if (flags & VRING_DESC_WRITE) {
		if (!walk->writable) {
			walk->writable = walk->iov;
			walk->out_bytes = walk->total_bytes;
		}
	} else if (walk->writable) { /* §2.7.4.2, §2.8.17 */
		return VIRTQ_READ_AFTER_WRITE;
	}
	/* As gmem_region_slice(): a length of 0 becomes one beyond every region. */
	if (__builtin_expect(offset >= walk->region->size_bytes ||
				     (uint64_t)len_bytes - 1 >= walk->region->size_bytes - offset,
			     0)) {
		walk->region = virtq_locate(q->mem, gpa, len_bytes);

		if (!walk->region)
			return len_bytes ? VIRTQ_OUTSIDE_RAM : VIRTQ_ZERO_LENGTH;
		offset = gpa - walk->region->gpa;
	}
	*walk->iov++ = (struct iovec){walk->region->hva + offset, len_bytes};
	walk->total_bytes += len_bytes;
	return VIRTQ_OK;
}

WALK_INLINE enum virtq_fault virtq_walk_end(struct virtq *q, const struct virtq_walk *walk,
					    struct virtq_chain *chain)
{
	uint64_t out_bytes = walk->writable ? walk->out_bytes : walk->total_bytes;
	const struct iovec *out_end = walk->writable ? walk->writable : walk->iov;

	if (walk->total_bytes > UINT32_MAX) /* §2.7.5.2 */
		return VIRTQ_LENGTH_OVERFLOW;
	q->region = walk->region;
	chain->out_count = out_end - chain->iov;
	chain->in_count = walk->iov - out_end;
	chain->out_bytes = out_bytes;
	chain->in_bytes = walk->total_bytes - out_bytes;
	return VIRTQ_OK;
}

/* Nothing behind these reads the descriptor again: what was checked is what is used. */
WALK_INLINE struct vring_desc virtq_copy_split(const void *desc)
{
	struct vring_desc copy;

	memcpy(&copy, desc, sizeof(copy));
	atomic_signal_fence(memory_order_seq_cst);
	return copy;
}

WALK_INLINE struct vring_packed_desc virtq_copy_packed(const void *desc)
{
	struct vring_packed_desc copy;

	memcpy(&copy, desc, sizeof(copy));
	atomic_signal_fence(memory_order_seq_cst);
	return copy;
}

/* What an INDIRECT descriptor says of its table (§2.7.5.3, §2.8.7), but for where that is. */
WALK_INLINE bool virtq_indirect_is_valid(const struct virtq *q, uint32_t len_bytes, uint16_t flags)
{
	return q->has_indirect && !(flags & VRING_DESC_NEXT) && len_bytes &&
	       len_bytes % sizeof(struct vring_desc) == 0;
}

#endif

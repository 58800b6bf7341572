/* SPDX-License-Identifier: MIT
 *
 * A driver that does anything, against the device side of a virtqueue. libFuzzer:
 *
 *     make fuzz-virtq-split && build/fuzz/fuzz_virtq_split -max_total_time=660
 *     make fuzz-virtq-packed && build/fuzz/fuzz_virtq_packed -max_total_time=660
 *
 * An input is three bytes of configuration, then steps: either raw bytes into the rings' memory, a
 * descriptor, a chain made available as a driver would, or a call of the device. Guest RAM are two heap
 * blocks, so that the sanitizer sees a step beyond them.
 */
#include <stdlib.h>
#include <string.h>

#include "virtio/queue.h"
#include "virtio_ring.h"

#ifndef FUZZ_FORMAT
#define FUZZ_FORMAT 0 /* or VIRTIO_BIT(VIRTIO_F_RING_PACKED) */
#endif

#define LOW_BYTES 0x4000u
#define HIGH_GPA 0x100000000u
#define HIGH_BYTES 0x1000u
#define DESC_GPA 0x0u
#define AVAIL_GPA 0x1000u
#define USED_GPA 0x2000u
#define SIZE_MAX_HERE 64
#define IOV_MAX_HERE 40
#define CHECK(condition) ((condition) ? (void)0 : abort())

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
	const uint8_t *at, *end;
};

struct pending {
	struct virtq_chain chain;
	struct iovec iov[IOV_MAX_HERE];
};

struct world {
	struct gmem mem;
	struct virtq *q;
	struct virtq_config config;
	uint64_t features;
	bool is_packed;
	bool is_in_order;
	uint16_t chain_max;
	struct pending pending[SIZE_MAX_HERE];
	unsigned pending_count;
	unsigned unpublished;
	bool was_broken;
	uint16_t slot; /* packed: where a well-behaved driver would go on */
	bool wrap;
};

static uint8_t take(struct input *in)
{
	return in->at < in->end ? *in->at++ : 0;
}

static uint16_t take16(struct input *in)
{
	uint16_t low = take(in);

	return low | (uint16_t)(take(in) << 8);
}

static uint8_t *low(struct world *w)
{
	return w->mem.region[0].hva;
}

/* --- the driver ------------------------------------------------------------------------------- */

static void scribble(struct world *w, struct input *in)
{
	unsigned at = take16(in) % LOW_BYTES;

	for (unsigned count = 1 + take(in) % 16; count; count--)
		low(w)[at++ % LOW_BYTES] = take(in);
}

static uint64_t some_gpa(struct input *in)
{
	uint16_t value = take16(in);

	switch (value >> 14) {
	case 0: return value;
	case 1: return HIGH_GPA + (value & 0x1fff);
	case 2: return (value & 0xf) ? value & 0x3fff : UINT64_MAX - (value & 0x3fff);
	default: return 0x3000 + (value & 0xfff);
	}
}

static uint32_t some_length(struct input *in)
{
	uint8_t value = take(in);

	if (value < 0xf8)
		return value * 16u;
	return value == 0xf8 ? LOW_BYTES : value == 0xf9 ? 1 : UINT32_MAX - (value & 3);
}

/* A descriptor in the ring, or in what may be an indirect table. */
static void put_descriptor(struct world *w, struct input *in)
{
	uint8_t where = take(in);
	unsigned at = where & 0x80 ? 0x3000 + (where & 0x7f) * 16u : (where % w->config.size) * 16u;
	struct vring_desc desc = {.gpa = some_gpa(in), .len_bytes = some_length(in)};

	desc.flags = take(in) & 7;
	desc.next = take(in) % (SIZE_MAX_HERE + 1);
	if (w->is_packed) {
		struct vring_packed_desc packed = {desc.gpa, desc.len_bytes, desc.next, desc.flags};

		memcpy(low(w) + at, &packed, sizeof(packed));
	} else {
		memcpy(low(w) + at, &desc, sizeof(desc));
	}
}

static void offer_split(struct world *w, uint8_t head)
{
	struct vring_avail *avail = (void *)(low(w) + AVAIL_GPA);

	avail->ring[avail->idx % w->config.size] = head % (w->config.size + 1);
	avail->idx++;
}

static void offer_packed(struct world *w, uint8_t slots)
{
	struct vring_packed_desc *ring = (void *)(low(w) + DESC_GPA);

	for (slots = slots % 4 + 1; slots; slots--) {
		struct vring_packed_desc *desc = &ring[w->slot];

		desc->flags &= VRING_DESC_WRITE | VRING_DESC_INDIRECT;
		desc->flags |= slots > 1 ? VRING_DESC_NEXT : 0;
		desc->flags |= w->wrap ? VRING_DESC_AVAIL : VRING_DESC_USED;
		if (++w->slot == w->config.size) {
			w->slot = 0;
			w->wrap = !w->wrap;
		}
	}
}

/* --- the device ------------------------------------------------------------------------------- */

static void start(struct world *w)
{
	int err = virtq_start(w->q, &w->config, w->features, w->chain_max);

	CHECK(!err);
	w->pending_count = w->unpublished = 0;
	w->was_broken = false;
	w->slot = 0;
	w->wrap = true;
}

static void check_buffer(const struct world *w, const struct iovec *iov)
{
	uint64_t inside = 0;

	for (unsigned i = 0; i < w->mem.region_count; i++) {
		const struct gmem_region *region = &w->mem.region[i];
		uint64_t offset = (uintptr_t)iov->iov_base - (uintptr_t)region->hva;

		inside += offset < region->size_bytes &&
			  iov->iov_len <= region->size_bytes - offset;
	}
	CHECK(inside == 1 && iov->iov_len > 0);
}

static void check_chain(const struct world *w, const struct virtq_chain *chain)
{
	uint64_t bytes = 0;
	unsigned count = chain->out_count + chain->in_count;

	CHECK(count >= 1 && count <= chain->iov_max && count <= w->chain_max);
	CHECK(chain->id < w->config.size && chain->slots <= w->config.size);
	for (unsigned i = 0; i < count; i++) {
		check_buffer(w, &chain->iov[i]);
		bytes += chain->iov[i].iov_len;
		if (i + 1 == chain->out_count)
			CHECK(bytes == chain->out_bytes);
	}
	CHECK(bytes == (uint64_t)chain->out_bytes + chain->in_bytes);
	for (unsigned i = 0; i < w->pending_count; i++)
		CHECK(w->pending[i].chain.id != chain->id);
}

static void pop(struct world *w, bool give_back)
{
	CHECK(w->pending_count <= w->config.size);
	struct pending *pending = &w->pending[w->pending_count % SIZE_MAX_HERE];
	struct pending spare;

	if (w->pending_count == SIZE_MAX_HERE)
		pending = &spare;
	pending->chain = (struct virtq_chain){.iov_max = IOV_MAX_HERE, .iov = pending->iov};

	int popped = virtq_pop(w->q, &pending->chain);

	CHECK(popped == 1 || popped == 0 || virtq_fault(w->q) != VIRTQ_OK);
	CHECK(!w->was_broken || popped < 0);
	w->was_broken = popped < 0;
	if (popped <= 0)
		return;
	/* IN_ORDER: a publish may show some of what was pushed, this count does not know how many. */
	CHECK(w->is_in_order || w->pending_count + w->unpublished < w->config.size);
	check_chain(w, &pending->chain);
	if (give_back)
		virtq_unpop(w->q, &pending->chain);
	else
		w->pending_count++;
}

static void push(struct world *w, uint8_t which, uint8_t written)
{
	uint8_t bytes[256];

	if (!w->pending_count)
		return;

	struct pending *pending = &w->pending[which % w->pending_count];
	struct virtq_chain *chain = &pending->chain;
	uint32_t got = virtq_chain_read(chain, written, bytes, sizeof(bytes));
	uint32_t put = virtq_chain_write(chain, 0, bytes, got < written ? got : written);

	CHECK(got <= chain->out_bytes && put <= chain->in_bytes);
	virtq_push(w->q, chain, written == 255 ? chain->in_bytes : put);
	w->unpublished++;
	*pending = w->pending[--w->pending_count];
	pending->chain.iov = pending->iov;
}

static void publish(struct world *w)
{
	virtq_publish(w->q);
	w->unpublished = 0;
}

static void step(struct world *w, struct input *in)
{
	uint8_t what = take(in);

	switch (what % 12) {
	case 0: scribble(w, in); break;
	case 1:
	case 2: put_descriptor(w, in); break;
	case 3:
	case 4:
		if (w->is_packed)
			offer_packed(w, take(in));
		else
			offer_split(w, take(in));
		break;
	case 5:
	case 6: pop(w, what & 0x80); break;
	case 7: push(w, take(in), take(in)); break;
	case 8: publish(w); break;
	case 9:
		if (virtq_enable_kicks(w->q))
			CHECK(!w->was_broken);
		break;
	case 10: virtq_disable_kicks(w->q); break;
	default:
		if (virtq_has_work(w->q) && what > 0xe0)
			start(w); /* a reset */
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct world w;
	struct input in = {data, data + size};
	uint8_t features = take(&in);
	uint16_t count = take(&in) % SIZE_MAX_HERE + 1;

	w = (struct world){.mem = {.region_count = 2}};
	w.mem.region[0] = (struct gmem_region){.size_bytes = LOW_BYTES,
					       .hva = calloc(1, LOW_BYTES)};
	w.mem.region[1] = (struct gmem_region){
		.gpa = HIGH_GPA, .size_bytes = HIGH_BYTES, .hva = calloc(1, HIGH_BYTES)};
	w.is_in_order = features & 4;
	w.is_packed = FUZZ_FORMAT != 0;
	w.features = FUZZ_FORMAT | (features & 1 ? VIRTIO_BIT(VIRTIO_F_EVENT_IDX) : 0) |
		     (features & 2 ? VIRTIO_BIT(VIRTIO_F_INDIRECT_DESC) : 0) |
		     (features & 4 ? VIRTIO_BIT(VIRTIO_F_IN_ORDER) : 0);
	while (!w.is_packed && (count & (count - 1)))
		count &= count - 1;
	w.config = (struct virtq_config){count, DESC_GPA, AVAIL_GPA, USED_GPA};
	w.chain_max = take(&in) % SIZE_MAX_HERE + 1;
	CHECK(!virtq_create(&w.mem, SIZE_MAX_HERE, &w.q));
	start(&w);
	while (in.at < in.end)
		step(&w, &in);
	virtq_destroy(w.q);
	free(w.mem.region[0].hva);
	free(w.mem.region[1].hva);
	return 0;
}

/* SPDX-License-Identifier: MIT
 *
 * The bundled guest's side of a virtqueue, on the host: against the VMM's own device side, over every
 * combination of ring features, and against a device that writes what it must not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Both sides call their queue by the same name. */
#define virtq guest_virtq
#define virtq_counters guest_virtq_counters
#include "guest/virtio/queue.c"
#define has_used packed_has_used
#define next_used packed_next_used
#define put packed_put
#define publish packed_publish
#define pass packed_pass
#define ask_interrupt packed_ask_interrupt
#include "guest/virtio/packed.c"
#undef has_used
#undef next_used
#undef put
#undef publish
#undef pass
#undef ask_interrupt
#include "guest/virtio/split.c"
#undef virtq
#undef virtq_counters
#undef VIRTQ_SIZE_MAX
#include "kvm/gmem.h"
#include "virtio/queue.h"

#define RAM_BYTES 0x200000
#define RING_GPA 0x10000
#define TABLES_GPA 0x40000
#define DATA_GPA 0x100000
#define SIZE_MAX_TESTED 256
#define ROUNDS 300
#define PIECES 4

struct rig {
	struct gmem mem;
	struct guest_virtq driver;
	struct virtq *device;
	struct virtq_slot slot[SIZE_MAX_TESTED];
	uint32_t expected[SIZE_MAX_TESTED]; /* bytes that the device said it wrote, by token */
	bool in_use[SIZE_MAX_TESTED], is_in_order;
	struct virtq_chain pending[SIZE_MAX_TESTED];
	struct iovec iov[SIZE_MAX_TESTED][PIECES];
	unsigned pending_count, notified, finished, next_in_order, next_token;
	uint32_t random;
};

static void on_notify(struct guest_virtq *q)
{
	((struct rig *)q->owner)->notified++;
}

static uint32_t draw(struct rig *rig, uint32_t below)
{
	rig->random = rig->random * 1664525 + 1013904223;
	return (rig->random >> 8) % below;
}

static struct dma area(struct rig *rig, uint64_t gpa, uint64_t bytes)
{
	return (struct dma){rig->mem.region[0].hva + gpa, gpa, bytes};
}

static struct rig *create(uint64_t features, unsigned size)
{
	struct rig *rig = calloc(1, sizeof *rig);
	struct virtq_config config;
	struct dma ring, tables;

	assert_non_null(rig);
	assert_int_equal(gmem_create(&rig->mem, RAM_BYTES, GMEM_ANONYMOUS), 0);
	ring = area(rig, RING_GPA, virtq_ring_bytes(features & VIRTIO_F_RING_PACKED, size));
	tables = area(rig, TABLES_GPA, (uint64_t)size * VIRTQ_TABLE_BYTES);
	rig->driver.owner = rig;
	rig->driver.notify = on_notify;
	rig->is_in_order = features & VIRTIO_F_IN_ORDER;
	rig->random = 1;
	virtq_init(&rig->driver, size, features, &ring, rig->slot, &tables);
	assert_int_equal(virtq_create(&rig->mem, SIZE_MAX_TESTED, &rig->device), 0);
	config = (struct virtq_config){(uint16_t)size, RING_GPA,
				       RING_GPA + rig->driver.driver_offset,
				       RING_GPA + rig->driver.device_offset};
	assert_int_equal(virtq_start(rig->device, &config, features | VIRTIO_F_VERSION_1, PIECES),
			 0);
	return rig;
}

static void destroy(struct rig *rig)
{
	virtq_destroy(rig->device);
	gmem_destroy(&rig->mem);
	free(rig);
}

/* A request of random shape. Its token is a place in expected, and so is its first piece's address. */
static bool add_one(struct rig *rig)
{
	const unsigned count = 1 + draw(rig, PIECES), readable = draw(rig, count + 1);
	struct virtq_buffer buffer[PIECES];
	unsigned token = rig->next_token % SIZE_MAX_TESTED;

	if (!rig->driver.free_count)
		return false;
	while (rig->in_use[token])
		token = (token + 1) % SIZE_MAX_TESTED;
	for (unsigned i = 0; i < count; i++)
		buffer[i] = (struct virtq_buffer){DATA_GPA + token * 1024 + i * 256,
						  1 + draw(rig, 256), i >= readable};
	if (!virtq_add(&rig->driver, buffer, count, &rig->expected[token]))
		return false;
	rig->in_use[token] = true;
	rig->next_token = token + 1;
	return true;
}

static void device_pops(struct rig *rig)
{
	unsigned most = draw(rig, SIZE_MAX_TESTED);

	while (most-- && rig->pending_count < SIZE_MAX_TESTED) {
		struct virtq_chain *chain = &rig->pending[rig->pending_count];

		chain->iov = rig->iov[rig->pending_count];
		chain->iov_max = PIECES;
		if (virtq_pop(rig->device, chain) != 1)
			break;
		rig->pending_count++;
	}
	assert_int_equal(virtq_fault(rig->device), VIRTQ_OK);
}

/* In any order. The first piece's address tells which token it is. */
static void device_pushes(struct rig *rig)
{
	for (unsigned most = draw(rig, SIZE_MAX_TESTED); most && rig->pending_count; most--) {
		const unsigned i = draw(rig, rig->pending_count);
		const struct virtq_chain *chain = &rig->pending[i];
		const uint8_t *data = chain->iov[0].iov_base;
		const size_t at = (size_t)(data - rig->mem.region[0].hva) - DATA_GPA;
		struct iovec *freed = chain->iov;

		rig->expected[at / 1024] = chain->in_bytes;
		virtq_push(rig->device, chain, chain->in_bytes);
		rig->pending[i] = rig->pending[--rig->pending_count];
		/* the moved chain keeps its pieces; the place that is free now gets the old ones */
		memmove(freed, rig->pending[i].iov, sizeof rig->iov[0]);
		rig->pending[i].iov = freed;
	}
	virtq_publish(rig->device);
}

static void driver_takes(struct rig *rig)
{
	uint32_t *token, written;

	while ((token = virtq_take(&rig->driver, &written))) {
		const size_t i = (size_t)(token - rig->expected);

		assert_true(i < SIZE_MAX_TESTED && rig->in_use[i]);
		assert_int_equal(written, *token);
		rig->in_use[i] = false;
		rig->finished++;
	}
	assert_false(rig->driver.broken);
}

static void traffic(uint64_t features, unsigned size)
{
	struct rig *rig = create(features, size);
	unsigned added = 0;

	for (unsigned round = 0; round < ROUNDS; round++) {
		for (unsigned most = draw(rig, size + 1); most && add_one(rig); most--)
			added++;
		virtq_kick(&rig->driver);
		device_pops(rig);
		device_pushes(rig);
		driver_takes(rig);
	}
	for (unsigned round = 0; rig->finished < added && round < ROUNDS; round++) {
		device_pops(rig);
		device_pushes(rig);
		driver_takes(rig);
	}
	assert_true(added > ROUNDS / 2);
	assert_int_equal(rig->finished, added);
	assert_int_equal(rig->driver.free_count, size);
	assert_int_equal(rig->notified, rig->driver.counters.kicks);
	destroy(rig);
}

static const uint64_t ring_feature[] = {VIRTIO_F_EVENT_IDX, VIRTIO_F_INDIRECT_DESC,
					VIRTIO_F_IN_ORDER, VIRTIO_F_RING_PACKED};

static void test_all_features_against_the_vmm(void **state)
{
	static const unsigned split_size[] = {4, 64, 256}, packed_size[] = {5, 64, 256};

	(void)state;
	for (unsigned set = 0; set < 16; set++) {
		uint64_t features = 0;

		for (unsigned i = 0; i < 4; i++)
			features |= set >> i & 1 ? ring_feature[i] : 0;
		for (unsigned i = 0; i < 3; i++)
			traffic(features, set & 8 ? packed_size[i] : split_size[i]);
	}
}

/* A wish for an interrupt is heard, and so is its absence. */
static void test_interrupt_wishes(void **state)
{
	(void)state;
	for (unsigned set = 0; set < 4; set++) {
		struct rig *rig = create((set & 1 ? VIRTIO_F_EVENT_IDX : 0) |
						 (set & 2 ? VIRTIO_F_RING_PACKED : 0),
					 8);

		for (unsigned round = 0; round < 100; round++) {
			const bool wanted = draw(rig, 2);
			uint32_t written;

			assert_true(add_one(rig));
			virtq_kick(&rig->driver);
			virtq_ask_interrupt(&rig->driver, wanted);
			rig->pending[0].iov = rig->iov[0];
			rig->pending[0].iov_max = PIECES;
			assert_int_equal(virtq_pop(rig->device, &rig->pending[0]), 1);
			virtq_push(rig->device, &rig->pending[0], 0);
			assert_int_equal(virtq_publish(rig->device), wanted);
			assert_non_null(virtq_take(&rig->driver, &written));
			memset(rig->in_use, 0, sizeof rig->in_use);
		}
		destroy(rig);
	}
}

static void add_three(struct rig *rig, int *token)
{
	for (unsigned i = 0; i < 3; i++) {
		const struct virtq_buffer buffer = {DATA_GPA + i * 64, 64, true};

		assert_true(virtq_add(&rig->driver, &buffer, 1, &token[i]));
	}
	virtq_kick(&rig->driver);
}

/* One used entry for three requests (§2.7.8.1, §2.8.8): the first two wrote all they could. */
static void test_one_entry_for_a_batch(void **state)
{
	(void)state;
	for (unsigned packed = 0; packed < 2; packed++) {
		struct rig *rig = create(VIRTIO_F_IN_ORDER | (packed ? VIRTIO_F_RING_PACKED : 0),
					 8);
		struct guest_virtq *q = &rig->driver;
		uint32_t written;
		int token[3];

		add_three(rig, token);
		if (packed) {
			struct virtq_packed_desc *d = q->ring.at;

			d[0].id = d[2].id;
			d[0].bytes = 7;
			d[0].flags = VIRTQ_DESC_AVAIL | VIRTQ_DESC_USED;
		} else {
			struct virtq_used *u = (void *)((char *)q->ring.at + q->device_offset);

			u->ring[0] = (struct virtq_used_entry){2, 7};
			u->index = 3;
		}
		for (unsigned i = 0; i < 3; i++) {
			assert_true(virtq_has_used(q));
			assert_ptr_equal(virtq_take(q, &written), &token[i]);
			assert_int_equal(written, i < 2 ? 64 : 7);
		}
		assert_false(virtq_has_used(q));
		assert_int_equal(q->free_count, 8);
		destroy(rig);
	}
}

/* Used IDs that were never given: the queue breaks, and stays so. */
static void test_hostile_device(void **state)
{
	static const uint32_t bad_id[] = {3, 7, 8, 255, 65535};

	(void)state;
	for (unsigned i = 0; i < sizeof bad_id / sizeof bad_id[0] * 4; i++) {
		const bool packed = i & 1, in_order = i & 2;
		struct rig *rig = create((in_order ? VIRTIO_F_IN_ORDER : 0) |
						 (packed ? VIRTIO_F_RING_PACKED : 0),
					 8);
		struct guest_virtq *q = &rig->driver;
		struct virtq_used *u = (void *)((char *)q->ring.at + q->device_offset);
		struct virtq_packed_desc *d = q->ring.at;
		uint32_t written;
		int token[3];

		add_three(rig, token);
		if (packed) {
			d[0].id = (uint16_t)bad_id[i / 4];
			d[0].flags = VIRTQ_DESC_AVAIL | VIRTQ_DESC_USED;
		} else {
			u->ring[0] = (struct virtq_used_entry){bad_id[i / 4], 0};
			u->index = 1;
		}
		for (unsigned n = 0; n < 3 && in_order; n++)
			assert_ptr_equal(virtq_take(q, &written), &token[n]);
		assert_null(virtq_take(q, &written));
		assert_true(q->broken);
		assert_null(virtq_take(q, &written));
		assert_false(virtq_add(q, &(struct virtq_buffer){DATA_GPA, 1, false}, 1, token));
		destroy(rig);
	}
}

static void test_add_refuses(void **state)
{
	struct rig *rig = create(0, 4);
	struct virtq_buffer buffer[VIRTQ_CHAIN_MAX + 1] = {{DATA_GPA, 1, false}};
	int token;

	(void)state;
	assert_false(virtq_add(&rig->driver, buffer, 0, &token));
	assert_false(virtq_add(&rig->driver, buffer, 5, &token));
	assert_false(virtq_add(&rig->driver, buffer, VIRTQ_CHAIN_MAX + 1, &token));
	assert_int_equal(rig->driver.free_count, 4);
	assert_true(virtq_add(&rig->driver, buffer, 3, &token));
	assert_false(virtq_add(&rig->driver, buffer, 2, &token));
	destroy(rig);
}

static void test_event_arithmetic(void **state)
{
	static const struct {
		uint16_t event, now, old;
		bool passed;
	} example[] = {
		{0, 1, 0, true},	  {1, 1, 0, false},	{0, 0, 0, false},
		{65535, 0, 65535, true},  {0, 0, 65535, false}, {65534, 0, 65535, false},
		{5, 10, 5, true},	  {4, 10, 5, false},	{9, 10, 5, true},
		{10, 10, 5, false},	  {0, 32768, 0, true},	{32767, 32768, 0, true},
		{32768, 32768, 0, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof example / sizeof example[0]; i++)
		assert_int_equal(
			virtq_event_passed(example[i].event, example[i].now, example[i].old),
			example[i].passed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_features_against_the_vmm),
		cmocka_unit_test(test_interrupt_wishes),
		cmocka_unit_test(test_one_entry_for_a_batch),
		cmocka_unit_test(test_hostile_device),
		cmocka_unit_test(test_add_refuses),
		cmocka_unit_test(test_event_arithmetic),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT
 *
 * Drivers that a queue must refuse, each fault by its name, with what is just allowed beside it. A row is
 * the descriptors of a ring of eight and what virtq_pop() says of them, in either format.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <errno.h>
#include <pthread.h>

#include "virtq_driver.h"

#define SIZE 8
#define CHAIN_MAX 16
#define N VRING_DESC_NEXT
#define W VRING_DESC_WRITE
#define I VRING_DESC_INDIRECT
#define DATA DRIVER_DATA_GPA
#define TABLE DRIVER_TABLE_GPA
#define END DRIVER_RAM_BYTES
#define EVENT VIRTIO_BIT(VIRTIO_F_EVENT_IDX)
#define INDIRECT VIRTIO_BIT(VIRTIO_F_INDIRECT_DESC)
#define PACKED VIRTIO_BIT(VIRTIO_F_RING_PACKED)

/* next is the buffer id in a packed row. */
struct row {
	const char *what;
	enum virtq_fault fault;
	unsigned buffers; /* of a good one */
	struct vring_desc ring[SIZE];
	struct vring_desc table[SIZE]; /* at TABLE */
	uint16_t head;
	unsigned iov_max, chain_max; /* 0: plenty */
	bool no_indirect;
};

static void start(struct driver *d, struct virtq **q, uint64_t features, const struct row *row)
{
	driver_create(d, features, SIZE);
	assert_int_equal(virtq_create(&d->mem, SIZE, q), 0);
	assert_int_equal(virtq_start(*q, &d->config, features,
				     row && row->chain_max ? row->chain_max : CHAIN_MAX),
			 0);
}

static void finish(struct driver *d, struct virtq *q)
{
	virtq_destroy(q);
	driver_destroy(d);
}

static int pop(struct virtq *q, struct virtq_chain *chain, unsigned iov_max)
{
	static struct iovec iov[CHAIN_MAX];

	*chain = (struct virtq_chain){.iov = iov, .iov_max = iov_max ? iov_max : CHAIN_MAX};
	return virtq_pop(q, chain);
}

/* Broken is broken, until the queue is stopped. */
static void expect(struct driver *d, struct virtq *q, const struct row *row)
{
	struct virtq_chain chain;
	int popped = pop(q, &chain, row->iov_max);

	if (popped != (row->fault ? -EPROTO : 1) || virtq_fault(q) != row->fault)
		fail_msg("%s: %d, %s", row->what, popped, virtq_fault_text(virtq_fault(q)));
	if (!row->fault) {
		assert_int_equal(chain.out_count + chain.in_count, row->buffers);
		return;
	}
	memset(d->mem.region[0].hva, 0, DRIVER_RAM_BYTES);
	assert_int_equal(pop(q, &chain, 0), -EPROTO);
	assert_true(virtq_has_work(q));
	assert_false(virtq_enable_kicks(q));
	assert_int_equal(virtq_counters(q)->requests, 0);
	virtq_stop(q);
	assert_false(virtq_is_live(q));
	assert_int_equal(virtq_fault(q), VIRTQ_OK);
	assert_int_equal(pop(q, &chain, 0), 0);
	assert_int_equal(virtq_start(q, &d->config, d->features, CHAIN_MAX), 0);
	assert_int_equal(pop(q, &chain, 0), 0);
}

/* --- split ------------------------------------------------------------------------------------ */

static const struct row split_rows[] = {
	{"one buffer", VIRTQ_OK, 1, .ring = {{DATA, 1, 0, 0}}},
	{"last head", VIRTQ_OK, 1, .ring = {[SIZE - 1] = {DATA, 1, W, 0}}, .head = SIZE - 1},
	{"head == size", VIRTQ_BAD_HEAD, .head = SIZE},
	{"head 65535", VIRTQ_BAD_HEAD, .head = UINT16_MAX},
	{"next is the last", VIRTQ_OK, 2,
	 .ring = {{DATA, 1, N, SIZE - 1}, [SIZE - 1] = {DATA, 1, W, 0}}},
	{"next == size", VIRTQ_BAD_NEXT, 0, .ring = {{DATA, 1, N, SIZE}}},
	{"next 65535", VIRTQ_BAD_NEXT, 0, .ring = {{DATA, 1, N, UINT16_MAX}}},
	{"next without NEXT is nothing", VIRTQ_OK, 1, .ring = {{DATA, 1, 0, SIZE}}},
	{"self link", VIRTQ_CHAIN_LOOP, 0, .ring = {{DATA, 1, N, 0}}},
	{"loop of two", VIRTQ_CHAIN_LOOP, 0, .ring = {{DATA, 1, N, 1}, {DATA, 1, N, 0}}},
	{"whole table", VIRTQ_OK, SIZE,
	 .ring = {{DATA, 1, N, 1},
		  {DATA, 1, N, 2},
		  {DATA, 1, N, 3},
		  {DATA, 1, N, 4},
		  {DATA, 1, N, 5},
		  {DATA, 1, N, 6},
		  {DATA, 1, N, 7},
		  {DATA, 1, 0, 0}}},
	{"chain_max reached", VIRTQ_OK, 2, .ring = {{DATA, 1, N, 1}, {DATA, 1, 0, 0}},
	 .chain_max = 2},
	{"chain_max passed", VIRTQ_CHAIN_TOO_LONG, 0,
	 .ring = {{DATA, 1, N, 1}, {DATA, 1, N, 2}, {DATA, 1, 0, 0}}, .chain_max = 2},
	{"iov_max passed", VIRTQ_CHAIN_TOO_LONG, 0, .ring = {{DATA, 1, N, 1}, {DATA, 1, 0, 0}},
	 .iov_max = 1},
	{"loop in a short limit", VIRTQ_CHAIN_TOO_LONG, 0, .ring = {{DATA, 1, N, 0}},
	 .chain_max = 3},
	{"end of RAM", VIRTQ_OK, 1, .ring = {{END - 16, 16, 0, 0}}},
	{"end of RAM + 1", VIRTQ_OUTSIDE_RAM, 0, .ring = {{END - 16, 17, 0, 0}}},
	{"behind RAM", VIRTQ_OUTSIDE_RAM, 0, .ring = {{END, 1, 0, 0}}},
	{"last byte of 64 bits", VIRTQ_OUTSIDE_RAM, 0, .ring = {{UINT64_MAX, 1, 0, 0}}},
	{"wraps 64 bits", VIRTQ_OUTSIDE_RAM, 0, .ring = {{UINT64_MAX - 15, 32, 0, 0}}},
	{"wraps into RAM", VIRTQ_OUTSIDE_RAM, 0, .ring = {{UINT64_MAX, UINT32_MAX, 0, 0}}},
	{"as long as can be", VIRTQ_OUTSIDE_RAM, 0, .ring = {{0, UINT32_MAX, 0, 0}}},
	{"second one outside", VIRTQ_OUTSIDE_RAM, 0, .ring = {{DATA, 1, N, 1}, {END, 1, W, 0}}},
	{"no bytes", VIRTQ_ZERO_LENGTH, 0, .ring = {{DATA, 0, 0, 0}}},
	{"no bytes at the end", VIRTQ_ZERO_LENGTH, 0, .ring = {{DATA, 1, N, 1}, {DATA, 0, W, 0}}},
	{"all of RAM twice", VIRTQ_OK, 2, .ring = {{0, END, N, 1}, {0, END, 0, 0}}},
	{"readable behind writable", VIRTQ_READ_AFTER_WRITE, 0,
	 .ring = {{DATA, 1, W | N, 1}, {DATA, 1, 0, 0}}},
	{"indirect", VIRTQ_OK, 2, .ring = {{TABLE, 32, I, 0}},
	 .table = {{DATA, 1, N, 1}, {DATA, 1, W, 0}}},
	{"indirect: WRITE means nothing", VIRTQ_OK, 1, .ring = {{TABLE, 16, I | W, 0}},
	 .table = {{DATA, 1, 0, 0}}},
	{"indirect at the end", VIRTQ_OK, 2, .ring = {{DATA, 1, N, 1}, {TABLE, 16, I, 0}},
	 .table = {{DATA, 1, W, 0}}},
	{"indirect at the end, readable behind writable", VIRTQ_READ_AFTER_WRITE, 0,
	 .ring = {{DATA, 1, N | W, 1}, {TABLE, 16, I, 0}}, .table = {{DATA, 1, 0, 0}}},
	{"indirect, not aligned", VIRTQ_OUTSIDE_RAM, 0, .ring = {{END - 17, 32, I, 0}}},
	{"indirect, not negotiated", VIRTQ_BAD_INDIRECT, 0, .ring = {{TABLE, 16, I, 0}},
	 .table = {{DATA, 1, 0, 0}}, .no_indirect = true},
	{"indirect and NEXT", VIRTQ_BAD_INDIRECT, 0,
	 .ring = {{TABLE, 16, I | N, 1}, {DATA, 1, 0, 0}}},
	{"indirect, no bytes", VIRTQ_BAD_INDIRECT, 0, .ring = {{TABLE, 0, I, 0}}},
	{"indirect, half a descriptor", VIRTQ_BAD_INDIRECT, 0, .ring = {{TABLE, 24, I, 0}}},
	{"indirect, as long as can be", VIRTQ_OUTSIDE_RAM, 0,
	 .ring = {{TABLE, UINT32_MAX & ~15u, I, 0}}},
	{"indirect outside", VIRTQ_OUTSIDE_RAM, 0, .ring = {{END, 16, I, 0}}},
	{"indirect in indirect", VIRTQ_BAD_INDIRECT, 0, .ring = {{TABLE, 32, I, 0}},
	 .table = {{TABLE, 16, I, 0}}},
	{"indirect, next == size", VIRTQ_BAD_NEXT, 0, .ring = {{TABLE, 32, I, 0}},
	 .table = {{DATA, 1, N, 2}, {DATA, 1, 0, 0}, {DATA, 1, 0, 0}}},
	{"indirect, self link", VIRTQ_CHAIN_LOOP, 0, .ring = {{TABLE, 32, I, 0}},
	 .table = {{DATA, 1, N, 0}}},
	{"indirect, chain_max passed", VIRTQ_CHAIN_TOO_LONG, 0, .ring = {{TABLE, 32, I, 0}},
	 .table = {{DATA, 1, N, 1}, {DATA, 1, 0, 0}}, .chain_max = 1},
};

static void test_split_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof split_rows / sizeof *split_rows; i++) {
		const struct row *row = &split_rows[i];
		struct driver d;
		struct virtq *q;

		start(&d, &q, row->no_indirect ? 0 : INDIRECT, row);
		memcpy(d.desc, row->ring, sizeof row->ring);
		memcpy(driver_hva(&d, TABLE), row->table, sizeof row->table);
		d.avail->ring[0] = row->head;
		d.avail->idx = 1;
		expect(&d, q, row);
		finish(&d, q);
	}
}

static void test_split_index(void **state)
{
	(void)state;
	static const struct {
		uint16_t idx;
		enum virtq_fault fault;
	} rows[] = {
		{1, VIRTQ_OK},
		{SIZE, VIRTQ_OK},
		{SIZE + 1, VIRTQ_AVAIL_JUMP},
		{0x8000, VIRTQ_AVAIL_JUMP},
		{UINT16_MAX, VIRTQ_AVAIL_JUMP}, /* one back */
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const struct row row = {.what = "index", .fault = rows[i].fault, .buffers = 1};
		struct driver d;
		struct virtq *q;

		start(&d, &q, EVENT, NULL);
		d.desc[0] = (struct vring_desc){DATA, 1, 0, 0};
		d.avail->idx = rows[i].idx;
		expect(&d, q, &row);
		finish(&d, q);
	}
}

/* Chains that are popped and not given back count, too, and a chain is in flight once. */
static void test_split_reuse(void **state)
{
	(void)state;
	struct driver d;
	struct virtq *q;
	struct virtq_chain chain;

	start(&d, &q, 0, NULL);
	for (uint16_t i = 0; i < SIZE; i++) {
		d.desc[i] = (struct vring_desc){DATA, 1, 0, 0};
		d.avail->ring[i] = i;
	}
	d.avail->idx = 2;
	assert_int_equal(pop(q, &chain, 0), 1);
	assert_int_equal(pop(q, &chain, 0), 1);
	virtq_push(q, &chain, 0);
	virtq_publish(q);
	d.avail->ring[2] = 1; /* came back: may go again */
	d.avail->idx = 3;
	assert_int_equal(pop(q, &chain, 0), 1);
	d.avail->ring[3] = 0; /* did not */
	d.avail->idx = 4;
	assert_int_equal(pop(q, &chain, 0), -EPROTO);
	assert_int_equal(virtq_fault(q), VIRTQ_REUSED_HEAD);

	assert_int_equal(virtq_start(q, &d.config, 0, CHAIN_MAX), 0);
	assert_int_equal(virtq_set_position(q, (struct virtq_position){2, 1}), 0);
	d.avail->idx = 1; /* takes back what was popped */
	assert_int_equal(pop(q, &chain, 0), -EPROTO);
	assert_int_equal(virtq_fault(q), VIRTQ_AVAIL_JUMP);

	assert_int_equal(virtq_start(q, &d.config, 0, CHAIN_MAX), 0);
	d.avail->ring[1] = 1;
	d.avail->idx = 1;
	assert_int_equal(pop(q, &chain, 0), 1);
	virtq_push(q, &chain, 0);
	d.avail->idx = 1 + SIZE; /* as if that one had been published */
	assert_int_equal(pop(q, &chain, 0), -EPROTO);
	assert_int_equal(virtq_fault(q), VIRTQ_AVAIL_JUMP);
	finish(&d, q);
}

/* --- packed ----------------------------------------------------------------------------------- */

static const struct row packed_rows[] = {
	{"one buffer", VIRTQ_OK, 1, .ring = {{DATA, 1, 0, 0}}},
	{"last id", VIRTQ_OK, 1, .ring = {{DATA, 1, W, SIZE - 1}}},
	{"id == size", VIRTQ_BAD_HEAD, 0, .ring = {{DATA, 1, 0, SIZE}}},
	{"id 65535", VIRTQ_BAD_HEAD, 0, .ring = {{DATA, 1, 0, UINT16_MAX}}},
	{"the last id counts", VIRTQ_OK, 2, .ring = {{DATA, 1, N, SIZE}, {DATA, 1, 0, 2}}},
	{"whole ring", VIRTQ_OK, SIZE,
	 .ring = {{DATA, 1, N, 0},
		  {DATA, 1, N, 0},
		  {DATA, 1, N, 0},
		  {DATA, 1, N, 0},
		  {DATA, 1, N, 0},
		  {DATA, 1, N, 0},
		  {DATA, 1, N, 0},
		  {DATA, 1, 0, 0}}},
	{"more than the ring", VIRTQ_CHAIN_LOOP, 0,
	 .ring = {{DATA, 1, N, 0},
		  {DATA, 1, N, 0},
		  {DATA, 1, N, 0},
		  {DATA, 1, N, 0},
		  {DATA, 1, N, 0},
		  {DATA, 1, N, 0},
		  {DATA, 1, N, 0},
		  {DATA, 1, N, 0}}},
	{"chain_max reached", VIRTQ_OK, 2, .ring = {{DATA, 1, N, 0}, {DATA, 1, 0, 0}},
	 .chain_max = 2},
	{"chain_max passed", VIRTQ_CHAIN_TOO_LONG, 0,
	 .ring = {{DATA, 1, N, 0}, {DATA, 1, N, 0}, {DATA, 1, 0, 0}}, .chain_max = 2},
	{"iov_max passed", VIRTQ_CHAIN_TOO_LONG, 0, .ring = {{DATA, 1, N, 0}, {DATA, 1, 0, 0}},
	 .iov_max = 1},
	{"end of RAM", VIRTQ_OK, 1, .ring = {{END - 16, 16, 0, 0}}},
	{"end of RAM + 1", VIRTQ_OUTSIDE_RAM, 0, .ring = {{END - 16, 17, 0, 0}}},
	{"wraps 64 bits", VIRTQ_OUTSIDE_RAM, 0, .ring = {{UINT64_MAX - 15, 32, 0, 0}}},
	{"no bytes", VIRTQ_ZERO_LENGTH, 0, .ring = {{DATA, 0, 0, 0}}},
	{"readable behind writable", VIRTQ_READ_AFTER_WRITE, 0,
	 .ring = {{DATA, 1, W | N, 0}, {DATA, 1, 0, 0}}},
	{"indirect", VIRTQ_OK, 2, .ring = {{TABLE, 32, I, 0}},
	 .table = {{DATA, 1, 0, 0}, {DATA, 1, W, 0}}},
	{"indirect: WRITE means nothing", VIRTQ_OK, 1, .ring = {{TABLE, 16, I | W, 0}},
	 .table = {{DATA, 1, 0, 0}}},
	{"indirect: of the flags only WRITE does", VIRTQ_OK, 1, .ring = {{TABLE, 16, I, 0}},
	 .table = {{DATA, 1, N | I | VRING_DESC_USED, UINT16_MAX}}},
	{"indirect, not negotiated", VIRTQ_BAD_INDIRECT, 0, .ring = {{TABLE, 16, I, 0}},
	 .table = {{DATA, 1, 0, 0}}, .no_indirect = true},
	{"indirect and NEXT", VIRTQ_BAD_INDIRECT, 0,
	 .ring = {{TABLE, 16, I | N, 0}, {DATA, 1, 0, 0}}},
	{"indirect in a list", VIRTQ_BAD_INDIRECT, 0, .ring = {{DATA, 1, N, 0}, {TABLE, 16, I, 0}},
	 .table = {{DATA, 1, 0, 0}}},
	{"indirect, no bytes", VIRTQ_BAD_INDIRECT, 0, .ring = {{TABLE, 0, I, 0}}},
	{"indirect, half a descriptor", VIRTQ_BAD_INDIRECT, 0, .ring = {{TABLE, 24, I, 0}}},
	{"indirect outside", VIRTQ_OUTSIDE_RAM, 0, .ring = {{END - 16, 32, I, 0}}},
	{"indirect, chain_max passed", VIRTQ_CHAIN_TOO_LONG, 0, .ring = {{TABLE, 32, I, 0}},
	 .table = {{DATA, 1, 0, 0}, {DATA, 1, 0, 0}}, .chain_max = 1},
	{"indirect, all of RAM is a table", VIRTQ_ZERO_LENGTH, 0,
	 .ring = {{TABLE, END - TABLE, I, 0}}},
};

static struct vring_packed_desc packed(const struct vring_desc *desc)
{
	return (struct vring_packed_desc){desc->gpa, desc->len_bytes, desc->next,
					  desc->flags | VRING_DESC_AVAIL};
}

static void test_packed_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof packed_rows / sizeof *packed_rows; i++) {
		const struct row *row = &packed_rows[i];
		struct driver d;
		struct virtq *q;

		start(&d, &q, PACKED | (row->no_indirect ? 0 : INDIRECT), row);
		struct vring_packed_desc *table = driver_hva(&d, TABLE);

		for (unsigned at = 0; at < SIZE; at++) {
			d.ring[at] = packed(&row->ring[at]);
			table[at] = packed(&row->table[at]);
		}
		expect(&d, q, row);
		finish(&d, q);
	}
}

/* An id twice; and slots that were not given back yet, made available for a second lap. */
static void test_packed_reuse(void **state)
{
	(void)state;
	struct driver d;
	struct virtq *q;
	struct virtq_chain chain;

	start(&d, &q, PACKED, NULL);
	d.ring[0] = packed(&(struct vring_desc){DATA, 1, 0, 3});
	d.ring[1] = packed(&(struct vring_desc){DATA, 1, 0, 3});
	assert_int_equal(pop(q, &chain, 0), 1);
	assert_int_equal(pop(q, &chain, 0), -EPROTO);
	assert_int_equal(virtq_fault(q), VIRTQ_REUSED_HEAD);

	assert_int_equal(virtq_start(q, &d.config, PACKED, CHAIN_MAX), 0);
	for (uint16_t i = 0; i < SIZE; i++)
		d.ring[i] = packed(&(struct vring_desc){DATA, 1, i < SIZE - 1 ? N : 0, 0});
	assert_int_equal(pop(q, &chain, 0), 1);
	d.ring[0].flags = VRING_DESC_USED;
	d.ring[0].id = 1;
	assert_int_equal(pop(q, &chain, 0), -EPROTO);
	assert_int_equal(virtq_fault(q), VIRTQ_AVAIL_JUMP);
	finish(&d, q);
}

/* --- both ------------------------------------------------------------------------------------- */

/* 4 GiB in one chain. Only address space: nothing is touched. */
static void test_length_overflow(void **state)
{
	(void)state;
	static const struct {
		uint32_t second;
		enum virtq_fault fault;
	} rows[] = {{0x7fffffff, VIRTQ_OK}, {0x80000000, VIRTQ_LENGTH_OVERFLOW}};

	for (unsigned i = 0; i < 4; i++) {
		struct driver d;
		struct virtq *q;
		struct virtq_chain chain;
		bool is_packed = i & 1;

		start(&d, &q, is_packed ? PACKED : 0, NULL);
		d.mem.region[1] = (struct gmem_region){
			.gpa = 1ULL << 32, .size_bytes = 1ULL << 32, .hva = (void *)0x1000};
		d.mem.region_count = 2;
		const struct vring_desc ring[] = {{1ULL << 32, 0x80000000, N | W, 1},
						  {1ULL << 32, rows[i / 2].second, W, 1}};

		for (unsigned at = 0; at < 2; at++) {
			if (is_packed)
				d.ring[at] = packed(&ring[at]);
			else
				d.desc[at] = ring[at];
		}
		if (!is_packed)
			d.avail->idx = 1;
		assert_int_equal(pop(q, &chain, 0), rows[i / 2].fault ? -EPROTO : 1);
		assert_int_equal(virtq_fault(q), rows[i / 2].fault);
		d.mem.region_count = 1;
		finish(&d, q);
	}
}

static void test_configurations(void **state)
{
	(void)state;
	const uint64_t desc = DRIVER_DESC_GPA, avail = DRIVER_AVAIL_GPA, used = DRIVER_USED_GPA;
	const struct {
		struct virtq_config config;
		int split, packed;
	} rows[] = {
		{{8, desc, avail, used}, 0, 0},
		{{1, desc, avail, used}, 0, 0},
		{{0, desc, avail, used}, -EINVAL, -EINVAL},
		{{7, desc, avail, used}, -EINVAL, 0},
		{{16, desc, avail, used}, 0, 0},
		{{32, desc, avail, used}, -EINVAL, -EINVAL}, /* beyond size_max */
		{{17, desc, avail, used}, -EINVAL, -EINVAL},
		{{8, desc + 8, avail, used}, -EINVAL, -EINVAL},
		{{8, desc, avail + 1, used}, -EINVAL, -EINVAL},
		{{8, desc, avail + 2, used}, 0, -EINVAL},
		{{8, desc, avail, used + 2}, -EINVAL, -EINVAL},
		{{8, END - 128, avail, used}, 0, 0},
		{{8, END - 112, avail, used}, -EFAULT, -EFAULT},
		{{8, desc, END - 22, used}, 0, -EINVAL},
		{{8, desc, END - 20, used}, -EFAULT, 0},
		{{8, desc, END - 4, used}, -EFAULT, 0},
		{{8, desc, END, used}, -EFAULT, -EFAULT},
		{{8, desc, avail, END - 72}, 0, 0}, /* 70 bytes, aligned to 4 */
		{{8, desc, avail, END - 68}, -EFAULT, 0},
		{{8, desc, avail, END}, -EFAULT, -EFAULT},
		{{8, UINT64_MAX - 15, avail, used}, -EFAULT, -EFAULT},
		{{8, desc, UINT64_MAX - 3, used}, -EFAULT, -EFAULT},
	};
	struct driver d;
	struct virtq *q;

	driver_create(&d, 0, SIZE);
	assert_int_equal(virtq_create(&d.mem, 0, &q), -EINVAL);
	assert_int_equal(virtq_create(&d.mem, VIRTQ_SIZE_MAX + 1, &q), -EINVAL);
	assert_int_equal(virtq_create(&d.mem, 16, &q), 0);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		int split = virtq_start(q, &rows[i].config, 0, 1);

		assert_true(virtq_is_live(q) == !split);
		int packed = virtq_start(q, &rows[i].config, PACKED, 1);

		if (split != rows[i].split || packed != rows[i].packed)
			fail_msg("row %zu: split %d, packed %d", i, split, packed);
	}
	assert_int_equal(virtq_start(q, &rows[0].config, 0, 0), -EINVAL);
	finish(&d, q);
}

static void test_positions(void **state)
{
	(void)state;
	struct driver d;
	struct virtq *q;

	start(&d, &q, PACKED, NULL);
	assert_int_equal(virtq_position(q).avail, 0x8000);
	assert_int_equal(virtq_set_position(q, (struct virtq_position){7, 7}), 0);
	assert_int_equal(virtq_position(q).avail, 7);
	assert_int_equal(virtq_set_position(q, (struct virtq_position){8, 7}), -EINVAL);
	assert_int_equal(virtq_set_position(q, (struct virtq_position){7, 0x8008}), -EINVAL);
	finish(&d, q);
	start(&d, &q, EVENT, NULL);
	assert_int_equal(virtq_set_position(q, (struct virtq_position){0xfffe, 0xfffe}), 0);
	assert_int_equal(*d.avail_event, 0xfffe);
	assert_int_equal(virtq_position(q).used, 0xfffe);
	virtq_stop(q);
	assert_int_equal(virtq_set_position(q, (struct virtq_position){0, 0}), -EINVAL);
	finish(&d, q);
}

struct scribbler {
	uint8_t *ram;
	atomic_bool stop;
};

/* The guest's other CPUs: they rewrite descriptors, also while one is being looked at. */
static void *scribble(void *ctx)
{
	struct scribbler *s = ctx;
	static const uint64_t gpa[] = {DATA, TABLE, END - 8, END, UINT64_MAX, 0, DRIVER_DESC_GPA};
	static const uint32_t len[] = {1, 16, 32, 0, UINT32_MAX, 64, 0x100000};

	for (unsigned i = 1; !atomic_load(&s->stop); i = i * 1103515245 + 12345) {
		struct vring_desc *ring = (void *)(s->ram + (i & 0x100 ? TABLE : DRIVER_DESC_GPA));
		volatile struct vring_desc *desc = &ring[(i >> 9) % SIZE];

		desc->gpa = gpa[(i >> 12) % 7];
		desc->len_bytes = len[(i >> 15) % 7];
		desc->flags = (i >> 18) % 8;
		desc->next = (i >> 21) % (SIZE + 1);
	}
	return NULL;
}

/* Whatever a chain says, it said it of RAM, and its sums are those of its buffers. */
static void check_scribbled(const struct driver *d, const struct virtq_chain *chain)
{
	uint64_t bytes = 0;

	assert_true(chain->out_count + chain->in_count <= CHAIN_MAX);
	for (int i = 0; i < chain->out_count + chain->in_count; i++) {
		uint64_t at = (uint8_t *)chain->iov[i].iov_base - d->mem.region[0].hva;

		assert_true(at < END && chain->iov[i].iov_len <= END - at);
		bytes += chain->iov[i].iov_len;
	}
	assert_int_equal(bytes, (uint64_t)chain->out_bytes + chain->in_bytes);
}

static void test_changes_while_looking(void **state)
{
	(void)state;
	struct driver d;
	struct virtq *q;
	struct virtq_chain chain;
	pthread_t thread;
	unsigned good = 0, faults = 0;

	start(&d, &q, INDIRECT, NULL);
	struct scribbler s = {.ram = d.mem.region[0].hva};
	assert_int_equal(pthread_create(&thread, NULL, scribble, &s), 0);
	for (unsigned i = 0; i < 400000; i++) {
		d.avail->ring[0] = i % SIZE;
		driver_store(&d.avail->idx, 1);
		int popped = pop(q, &chain, 0);

		good += popped == 1;
		faults += popped < 0;
		if (popped == 1)
			check_scribbled(&d, &chain);
		assert_int_equal(virtq_start(q, &d.config, INDIRECT, CHAIN_MAX), 0);
	}
	atomic_store(&s.stop, true);
	pthread_join(thread, NULL);
	assert_true(good > 0 && faults > 0);
	finish(&d, q);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_split_table),
		cmocka_unit_test(test_split_index),
		cmocka_unit_test(test_split_reuse),
		cmocka_unit_test(test_packed_table),
		cmocka_unit_test(test_packed_reuse),
		cmocka_unit_test(test_length_overflow),
		cmocka_unit_test(test_configurations),
		cmocka_unit_test(test_positions),
		cmocka_unit_test(test_changes_while_looking),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

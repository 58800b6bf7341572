/* SPDX-License-Identifier: MIT
 *
 * When requests may start, on a clock that is only a number: limits, and the disk with an arm.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include <cmocka.h>

#include "backend/block.h"
#include "backend/block_hdd.h"
#include "backend/block_pace.h"

#define MS 1000000u
#define SECOND (1000u * MS)
#define GIB (1ULL << 30)

static struct block_pace *make(struct block_options options)
{
	struct block_pace *pace;

	assert_int_equal(block_pace_create(&options, GIB, &pace), 0);
	return pace;
}

static struct block_request request_of(enum block_op op, uint64_t offset_bytes, uint64_t len_bytes)
{
	return (struct block_request){
		.op = op, .offset_bytes = offset_bytes, .len_bytes = len_bytes};
}

static void test_none(void **state)
{
	(void)state;
	assert_null(make((struct block_options){.cache = BLOCK_CACHE_NONE}));
	block_pace_destroy(NULL);
}

/* 100 a second: some at once after a rest, then one every 10 ms; the sum over a long time is exact. */
static void test_iops(void **state)
{
	struct block_pace *pace = make((struct block_options){.iops = 100});
	struct block_request request = request_of(BLOCK_READ, 0, 4096);
	uint64_t now = 5 * (uint64_t)SECOND, last = 0, at_once = 0;

	(void)state;
	for (int i = 0; i < 1000; i++) {
		uint64_t due = block_pace_due_ns(pace, now, &request);

		assert_true(due >= now && due >= last);
		at_once += due == now;
		last = due;
	}
	assert_in_range(at_once, 2, 20);
	assert_in_range(last - now, 9800 * (uint64_t)MS, 10 * (uint64_t)SECOND);
	/* One that asks seldom never waits. */
	for (int i = 0; i < 100; i++) {
		now = last += 11 * MS;
		if (i > 10)
			assert_int_equal(block_pace_due_ns(pace, now, &request), now);
		else
			last = block_pace_due_ns(pace, now, &request);
	}
	block_pace_destroy(pace);
}

static void test_bytes(void **state)
{
	struct block_pace *pace = make((struct block_options){.bytes_per_s = 10 << 20});
	struct block_request request = request_of(BLOCK_WRITE, 0, 1 << 20);
	struct block_request flush = request_of(BLOCK_FLUSH, 0, 0);
	uint64_t due = 0;

	(void)state;
	for (int i = 0; i < 101; i++)
		due = block_pace_due_ns(pace, SECOND, &request);
	assert_in_range(due - SECOND, 9800 * (uint64_t)MS, 10 * (uint64_t)SECOND);
	/* In order: not before what came first, though it costs nothing. */
	assert_int_equal(block_pace_due_ns(pace, SECOND, &flush), due);
	block_pace_destroy(pace);
}

/* A request larger than all that fits is not held for ever, and nothing overflows. */
static void test_extremes(void **state)
{
	struct block_pace *pace = make((struct block_options){.bytes_per_s = 1});
	struct block_request request = request_of(BLOCK_READ, 0, 1 << 30);

	(void)state;
	assert_int_equal(block_pace_due_ns(pace, 7, &request), 7);
	assert_true(block_pace_due_ns(pace, 7, &request) > GIB * 999999999);
	block_pace_destroy(pace);
	pace = make((struct block_options){.iops = UINT64_MAX, .bytes_per_s = UINT64_MAX});
	assert_int_equal(block_pace_due_ns(pace, 7, &request), 7);
	block_pace_destroy(pace);
}

/* --- the disk with an arm */

static void test_hdd_sequential(void **state)
{
	struct block_hdd hdd;
	uint64_t total = 0;

	(void)state;
	block_hdd_init(&hdd, GIB);
	block_hdd_serve_ns(&hdd, 0, 4096);
	for (uint64_t at = 4096; at < 100 << 20; at += 4096)
		total += block_hdd_serve_ns(&hdd, at, 4096);
	/* One turn per MiB, and never a wait: 126 MB/s. */
	assert_in_range(total, 99 * (uint64_t)BLOCK_HDD_TURN_NS, 100 * (uint64_t)BLOCK_HDD_TURN_NS);
}

static void test_hdd_seeks(void **state)
{
	static const struct {
		uint64_t to_bytes;
		uint64_t seek_min, seek_max;
	} row[] = {
		{0, 0, 0},
		{1 << 20, 800000, 800000},
		{GIB / 3, 8900000, 9200000},
		{GIB - 4096, 14900000, 15000000},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(row) / sizeof(*row); i++) {
		struct block_hdd hdd;
		uint64_t ns;

		block_hdd_init(&hdd, GIB);
		ns = block_hdd_serve_ns(&hdd, row[i].to_bytes, 4096);
		assert_in_range(ns, row[i].seek_min,
				row[i].seek_max + BLOCK_HDD_TURN_NS + BLOCK_HDD_TURN_NS / 256 + 1);
	}
}

/* The same sector again comes by after a whole turn. */
static void test_hdd_turns(void **state)
{
	struct block_hdd hdd;

	(void)state;
	block_hdd_init(&hdd, GIB);
	block_hdd_serve_ns(&hdd, 12345 * 512, 512);
	for (int i = 0; i < 100; i++)
		assert_in_range(block_hdd_serve_ns(&hdd, 12345 * 512, 512), BLOCK_HDD_TURN_NS - 1,
				BLOCK_HDD_TURN_NS + 1);
}

/* Random reads: the mean of such a disk, and the same sum for the same requests, whenever they come. */
static void test_hdd_repeats(void **state)
{
	uint64_t sum[2] = {0, 0};

	(void)state;
	for (int round = 0; round < 2; round++) {
		struct block_pace *pace = make((struct block_options){.seek_hdd = true});
		uint64_t now = (uint64_t)round * 12345678901;
		uint32_t random = 1;

		for (int i = 0; i < 1000; i++) {
			random = random * 1664525 + 1013904223;
			struct block_request request = request_of(
				BLOCK_READ, random % (GIB / 4096) * 4096ULL, 4096);
			uint64_t due = block_pace_due_ns(pace, now, &request);

			sum[round] += due - now;
			now = due + (round ? random % 1000000 : 0);
		}
		block_pace_destroy(pace);
	}
	assert_int_equal(sum[0], sum[1]);
	assert_in_range(sum[0] / 1000, 9 * MS, 15 * MS); /* 8.3 ms of seek, half a turn */
}

/* Images smaller than a track, larger than any disk. */
static void test_hdd_extremes(void **state)
{
	static const uint64_t sizes[] = {512, 1 << 20, 2 << 20, 3 << 20, 1ULL << 60};

	(void)state;
	for (unsigned i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		struct block_hdd hdd;

		block_hdd_init(&hdd, sizes[i]);
		for (int j = 0; j < 4; j++)
			assert_in_range(block_hdd_serve_ns(&hdd, j & 1 ? sizes[i] - 512 : 0, 512),
					1, 25 * MS);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_none),	       cmocka_unit_test(test_iops),
		cmocka_unit_test(test_bytes),	       cmocka_unit_test(test_extremes),
		cmocka_unit_test(test_hdd_sequential), cmocka_unit_test(test_hdd_seeks),
		cmocka_unit_test(test_hdd_turns),      cmocka_unit_test(test_hdd_repeats),
		cmocka_unit_test(test_hdd_extremes),
	};

	return cmocka_run_group_tests_name("block pace", tests, NULL, NULL);
}

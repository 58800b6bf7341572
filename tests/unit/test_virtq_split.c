/* SPDX-License-Identifier: MIT
 *
 * The split ring, step by step: what is in memory after each call.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <errno.h>

#include "virtq_driver.h"

static const struct driver_buffer request[] = {
	{DRIVER_DATA_GPA, 16, false},
	{DRIVER_DATA_GPA + 0x1000, 4096, true},
	{DRIVER_DATA_GPA + 0x2000, 1, true},
};

static struct virtq *start(struct driver *d, uint64_t features, uint16_t size)
{
	struct virtq *q;

	driver_create(d, features, size);
	assert_int_equal(virtq_create(&d->mem, VIRTQ_SIZE_MAX, &q), 0);
	assert_int_equal(virtq_start(q, &d->config, features, DRIVER_CHAIN_MAX), 0);
	return q;
}

static void finish(struct driver *d, struct virtq *q)
{
	virtq_destroy(q);
	driver_destroy(d);
}

static void test_round_trip(void **state)
{
	(void)state;
	struct driver d;
	struct virtq *q = start(&d, 0, 8);
	struct iovec iov[4];
	struct virtq_chain chain = {.iov_max = 4, .iov = iov};
	uint64_t cookie;
	uint32_t written;

	assert_int_equal(virtq_pop(q, &chain), 0);
	assert_false(virtq_has_work(q));
	assert_true(driver_add(&d, request, 3, false, 77));
	assert_true(driver_show(&d));
	assert_true(virtq_has_work(q));
	assert_int_equal(virtq_pop(q, &chain), 1);
	assert_int_equal(chain.out_count, 1);
	assert_int_equal(chain.in_count, 2);
	assert_int_equal(chain.out_bytes, 16);
	assert_int_equal(chain.in_bytes, 4097);
	assert_ptr_equal(iov[1].iov_base, driver_hva(&d, DRIVER_DATA_GPA + 0x1000));
	virtq_unpop(q, &chain);
	assert_true(virtq_has_work(q));
	assert_int_equal(virtq_pop(q, &chain), 1);
	assert_int_equal(virtq_chain_write(&chain, 4095, "ab", 2), 2);
	assert_memory_equal(driver_hva(&d, DRIVER_DATA_GPA + 0x1fff), "a", 1);
	assert_memory_equal(driver_hva(&d, DRIVER_DATA_GPA + 0x2000), "b", 1);
	virtq_push(q, &chain, 4097);
	assert_false(driver_has_used(&d));
	assert_true(virtq_publish(q));
	assert_true(driver_take(&d, &cookie, &written));
	assert_int_equal(cookie, 77);
	assert_int_equal(written, 4097);
	assert_false(virtq_publish(q));
	assert_int_equal(virtq_counters(q)->requests, 1);
	assert_int_equal(virtq_counters(q)->bytes, 16 + 4097);
	assert_int_equal(virtq_counters(q)->depth[0], 1);
	finish(&d, q);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

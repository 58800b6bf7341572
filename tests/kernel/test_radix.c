/* SPDX-License-Identifier: MIT
 *
 * lib/radix.c against an array of what is in it, with indexes near and far.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "guest/lib/radix.h"
#include "guest/mm/page.h"
#include "tests/kernel/host.h"

#define COUNT 400

static uint64_t key[COUNT];

static int start(void **state)
{
	(void)state;
	host_ram_start(0x1000000);
	for (unsigned i = 0; i < COUNT; i++)
		key[i] = i < 100   ? i
			 : i < 200 ? i * 61
			 : i < 300 ? (uint64_t)i << 30
				   : UINT64_MAX - (i - 300) * 1000;
	return 0;
}

static void *find_next(const bool *in, uint64_t from, uint64_t *at)
{
	void *found = NULL;

	for (unsigned i = 0; i < COUNT; i++)
		if (in[i] && key[i] >= from && (!found || key[i] < *at)) {
			found = &key[i];
			*at = key[i];
		}
	return found;
}

static void test_random(void **state)
{
	const uint64_t before = page_free_count();
	struct radix radix = {0};
	bool in[COUNT] = {0};

	(void)state;
	srand(3);
	for (unsigned round = 0; round < 40000; round++) {
		const unsigned i = rand() % (round % 4000 < 2000 ? COUNT : 50);

		assert_ptr_equal(radix_find(&radix, key[i]), in[i] ? &key[i] : NULL);
		if (in[i])
			assert_ptr_equal(radix_remove(&radix, key[i]), &key[i]);
		else
			assert_true(radix_insert(&radix, key[i], &key[i]));
		in[i] = !in[i];
		assert_null(radix_remove(&radix, 0x123456789));
		if (round % 64 == 0) {
			uint64_t index = key[rand() % COUNT] + rand() % 3, expected = index;
			void *next = find_next(in, index, &expected);

			assert_ptr_equal(radix_next(&radix, &index), next);
			if (next)
				assert_int_equal(index, expected);
		}
	}
	for (unsigned i = 0; i < COUNT; i++)
		if (in[i])
			radix_remove(&radix, key[i]);
	assert_null(radix.root);
	assert_in_range(before - page_free_count(), 0, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_random)};

	return cmocka_run_group_tests(tests, start, NULL);
}

/* SPDX-License-Identifier: MIT
 *
 * The page and slab allocators: random requests against a model that knows whose each byte is.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "guest/mm/frame.h"
#include "guest/mm/page.h"
#include "guest/mm/slab.h"
#include "tests/kernel/host.h"

/* Two ranges with ragged ends around the second 4 MiB, and one above 4 GiB. */
#define RAM_BYTES 0x104400000
#define FRAMES (RAM_BYTES / PAGE_BYTES)
#define BLOCKS 400
#define ROUNDS 60000

static uint8_t owner[FRAMES]; /* 1: in a block that was handed out */
static uint64_t total;

static int start(void **state)
{
	struct page_stats stats;

	(void)state;
	host_ram_map(RAM_BYTES);
	page_add_range(0x3000, 0x5fd000);
	page_add_range(0x5ff800, 0x1803000);
	page_add_range(0xff000000, RAM_BYTES - PAGE_BYTES);
	assert_int_not_equal(frame_alloc(), 0); /* an early one */
	page_init();
	page_stats_read(&stats);
	total = stats.total;
	assert_int_equal(stats.free, total - 1);
	return 0;
}

static bool is_ram(uint64_t gpa, uint64_t bytes)
{
	return (gpa >= 0x3000 && gpa + bytes <= 0x5fd000) ||
	       (gpa >= 0x600000 && gpa + bytes <= 0x1803000) ||
	       (gpa >= 0xff000000 && gpa + bytes <= RAM_BYTES - PAGE_BYTES);
}

static void take(const struct page *page, unsigned order)
{
	const uint64_t first = page_gpa(page) / PAGE_BYTES;

	assert_true(is_ram(page_gpa(page), PAGE_BYTES << order));
	assert_int_equal(first % (1 << order), 0);
	assert_int_equal(page->refs, 1);
	for (unsigned i = 0; i < 1u << order; i++) {
		assert_int_equal(owner[first + i], 0);
		owner[first + i] = 1;
	}
}

static void give_back(struct page *page, unsigned order)
{
	memset(&owner[page_gpa(page) / PAGE_BYTES], 0, 1 << order);
	page_put(page);
}

static void test_random_blocks(void **state)
{
	static struct page *block[BLOCKS];
	static unsigned order[BLOCKS];
	struct page_stats stats;
	uint64_t used = 1, in_lists;

	(void)state;
	srand(2);
	for (unsigned round = 0; round < ROUNDS; round++) {
		const unsigned i = rand() % BLOCKS;

		if (block[i]) {
			give_back(block[i], order[i]);
			used -= 1 << order[i];
			block[i] = NULL;
			continue;
		}
		order[i] = rand() % 4 ? 0 : rand() % (PAGE_ORDER_MAX + 1);
		block[i] = page_alloc(order[i], PAGE_ATOMIC | (rand() % 2 ? PAGE_LOW : 0));
		if (block[i]) {
			take(block[i], order[i]);
			used += 1 << order[i];
		}
		assert_int_equal(page_free_count(), total - used);
	}
	for (unsigned i = 0; i < BLOCKS; i++)
		if (block[i])
			give_back(block[i], order[i]);
	page_stats_read(&stats);
	assert_int_equal(stats.free, total - 1);
	in_lists = 0;
	for (unsigned i = 0; i <= PAGE_ORDER_MAX; i++)
		in_lists += stats.free_blocks[i] << i;
	assert_in_range(in_lists, stats.free - 1024, stats.free);
}

/* All of it, frame by frame; then whole blocks again, so what was freed has merged. */
static void test_exhaust_and_merge(void **state)
{
	static struct page *all[FRAMES];
	uint64_t count = 0, blocks = 0;
	struct page *page;

	(void)state;
	while ((page = page_alloc(0, PAGE_ATOMIC)))
		all[count++] = page;
	assert_int_equal(count, total - 1);
	assert_int_equal(frame_alloc(), 0);
	for (uint64_t i = 0; i < count; i++)
		take(all[i], 0);
	for (uint64_t i = 0; i < count; i++)
		give_back(all[i * 7919 % count], 0);
	while ((page = page_alloc(PAGE_ORDER_MAX, PAGE_ATOMIC)))
		all[blocks++] = page;
	for (uint64_t i = 0; i < blocks; i++)
		page_put(all[i]);
	assert_in_range(blocks, 11,
			13); /* 1 + 4 + 4, and 5 behind the table of pages; less the ends */
	assert_int_equal(page_free_count(), total - 1);
}

static void test_rows_are_low_and_trimmed(void **state)
{
	const uint64_t before = page_free_count();
	const struct page *five = page_alloc_row(5);

	(void)state;
	assert_non_null(five);
	assert_true(page_gpa(five) + 5 * PAGE_BYTES <= 0x100000000);
	assert_int_equal(page_free_count(), before - 5);
	total -= 5; /* for good */
}

static void test_split_gives_single_pages(void **state)
{
	const uint64_t before = page_free_count();
	struct page *page = page_alloc(LARGE_PAGE_ORDER, PAGE_ATOMIC);

	(void)state;
	assert_non_null(page);
	page_split(page);
	for (unsigned i = 0; i < 512; i++)
		page_put(page + (i * 5) % 512);
	assert_int_equal(page_free_count(), before);
}

static void test_zeroed(void **state)
{
	static const uint8_t zero[PAGE_BYTES];

	(void)state;
	for (unsigned i = 0; i < 100; i++) {
		struct page *page = page_alloc(0, PAGE_ATOMIC | PAGE_ZEROED);

		assert_memory_equal(page_data(page), zero, PAGE_BYTES);
		memset(page_data(page), 0x5a, PAGE_BYTES);
		page_put(page);
	}
}

#define OBJECTS 2000

static void test_slab_random(void **state)
{
	static uint8_t *object[OBJECTS];
	static size_t bytes[OBJECTS];
	const uint64_t before = page_free_count();

	(void)state;
	for (unsigned round = 0; round < ROUNDS; round++) {
		const unsigned i = rand() % OBJECTS;

		if (object[i]) {
			for (size_t j = 0; j < bytes[i]; j++)
				assert_int_equal(object[i][j], i % 255 + 1);
			kfree(object[i]);
			object[i] = NULL;
			continue;
		}
		bytes[i] = rand() % 16 ? rand() % 300 + 1 : rand() % 9000 + 1;
		object[i] = kmalloc(bytes[i]);
		if (!object[i])
			continue;
		assert_int_equal((uint64_t)object[i] % 16, 0);
		for (size_t j = 0; j < bytes[i]; j++)
			assert_int_equal(object[i][j], 0);
		memset(object[i], i % 255 + 1, bytes[i]);
	}
	for (unsigned i = 0; i < OBJECTS; i++)
		kfree(object[i]);
	/* One empty slab a size may stay. */
	assert_in_range(before - page_free_count(), 0, 8);
}

static void test_slab_cache(void **state)
{
	struct slab_cache *cache = slab_cache_create("test", 3000, 64);
	void *a = slab_alloc(cache), *b = slab_alloc(cache);
	struct slab_stats stats = {0};
	unsigned i = 0;

	(void)state;
	assert_non_null(a);
	assert_non_null(b);
	assert_int_equal((uint64_t)b % 64, 0);
	while (slab_stats_read(i, &stats) && strcmp(stats.name, "test"))
		i++;
	assert_string_equal(stats.name, "test");
	assert_int_equal(stats.used, 2);
	assert_int_equal(stats.pages, 2);
	slab_free(cache, a);
	slab_free(cache, b);
	assert_true(slab_stats_read(i, &stats));
	assert_int_equal(stats.used, 0);
	assert_false(slab_stats_read(1000, &stats));
	assert_null(kmalloc((size_t)PAGE_BYTES << (PAGE_ORDER_MAX + 1)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_blocks),
		cmocka_unit_test(test_exhaust_and_merge),
		cmocka_unit_test(test_rows_are_low_and_trimmed),
		cmocka_unit_test(test_split_gives_single_pages),
		cmocka_unit_test(test_zeroed),
		cmocka_unit_test(test_slab_random),
		cmocka_unit_test(test_slab_cache),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}

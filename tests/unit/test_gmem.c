/* SPDX-License-Identifier: MIT
 *
 * Guest RAM: layout around the hole, and slices with every length and address an attacker would try.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>

#include "kvm/gmem.h"
#include "memory_map.h"

#define MIB (1ULL << 20)
#define GIB (1ULL << 30)

static void test_sizes(void **state)
{
	(void)state;
	static const struct {
		uint64_t size;
		int result;
		unsigned regions;
		uint64_t end;
	} table[] = {
		{0, -EINVAL, 0, 0},
		{1, -EINVAL, 0, 0},
		{4095, -EINVAL, 0, 0},
		{4097, -EINVAL, 0, 0},
		{UINT64_MAX, -EINVAL, 0, 0},
		{UINT64_MAX - 4095, -EINVAL, 0, 0},
		{1ULL << 63, -EINVAL, 0, 0},
		{4096, 0, 1, 4096},
		{256 * MIB, 0, 1, 256 * MIB},
		{GPA_HOLE_START, 0, 1, GPA_HOLE_START},
		{GPA_HOLE_START + 4096, 0, 2, GPA_HOLE_END + 4096},
		{6 * GIB, 0, 2, 6 * GIB + (GPA_HOLE_END - GPA_HOLE_START)},
	};

	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		struct gmem mem;

		assert_int_equal(gmem_create(&mem, table[i].size, GMEM_ANONYMOUS), table[i].result);
		assert_int_equal(mem.region_count, table[i].regions);
		assert_true(gmem_end(&mem) == table[i].end);
		assert_true(gmem_size(&mem) == (table[i].result ? 0 : table[i].size));
		for (unsigned r = 0; r < mem.region_count; r++)
			assert_int_equal((uintptr_t)mem.region[r].hva % (2 * MIB), 0);
		gmem_destroy(&mem);
		assert_int_equal(mem.region_count, 0);
	}
}

static void test_slices(void **state)
{
	(void)state;
	const uint64_t high = GPA_HOLE_END, end = GPA_HOLE_END + 64 * MIB;
	static const uint64_t hole = GPA_HOLE_START;
	const struct {
		uint64_t gpa, len;
		int ok;
	} table[] = {
		{0, 1, 1},
		{0, 0, 0},
		{0, hole, 1},
		{0, hole + 1, 0},
		{0, UINT64_MAX, 0},
		{1, UINT64_MAX, 0}, /* gpa + len == 0 */
		{0x1000, UINT64_MAX - 0xfff, 0},
		{0x1000, UINT64_MAX - 0x1000, 0},
		{hole - 1, 1, 1},
		{hole - 1, 2, 0},
		{hole - 4096, 4096, 1},
		{hole - 4096, 4097, 0},
		{hole, 1, 0},
		{hole, 0, 0},
		{GPA_LAPIC, 4, 0},
		{high - 1, 1, 0},
		{high - 1, 2, 0},
		{hole - 1, high - hole + 2, 0}, /* both ends in RAM, the hole between */
		{high, 1, 1},
		{high, 64 * MIB, 1},
		{high, 64 * MIB + 1, 0},
		{end - 1, 1, 1},
		{end - 1, 2, 0},
		{end, 0, 0},
		{end, 1, 0},
		{end + 1, 1, 0},
		{UINT64_MAX, 1, 0},
		{UINT64_MAX, UINT64_MAX, 0},
		{1ULL << 63, 1ULL << 63, 0},
		{high, UINT64_MAX - high + 1, 0},
	};
	struct gmem mem;

	assert_int_equal(gmem_create(&mem, hole + 64 * MIB, GMEM_ANONYMOUS), 0);
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		uint8_t *p = gmem_slice(&mem, table[i].gpa, table[i].len);
		const struct gmem_region *r = &mem.region[table[i].gpa >= high];

		if (!!p != table[i].ok)
			fail_msg("slice %#llx + %#llx", (unsigned long long)table[i].gpa,
				 (unsigned long long)table[i].len);
		if (p)
			assert_ptr_equal(p, r->hva + (table[i].gpa - r->gpa));
	}
	gmem_destroy(&mem);
	assert_null(gmem_slice(&mem, 0, 1));
	assert_true(gmem_end(&mem) == 0);
}

static void test_copies(void **state)
{
	(void)state;
	static const enum gmem_backing backing[] = {GMEM_ANONYMOUS, GMEM_MEMFD};
	char out[8];

	for (unsigned b = 0; b < 2; b++) {
		struct gmem mem;

		assert_int_equal(gmem_create(&mem, 4 * MIB, backing[b]), 0);
		assert_int_equal(gmem_read(&mem, 4 * MIB - 8, out, 8), 0);
		assert_memory_equal(out, "\0\0\0\0\0\0\0\0", 8); /* fresh memory is zero */
		assert_int_equal(gmem_write(&mem, 4 * MIB - 8, "vitrine", 8), 0);
		assert_int_equal(gmem_write(&mem, 4 * MIB - 7, "XXXXXXXX", 8), -EFAULT);
		assert_int_equal(gmem_zero(&mem, 4 * MIB - 7, 8), -EFAULT);
		assert_int_equal(gmem_read(&mem, 4 * MIB - 7, out, 8), -EFAULT);
		assert_int_equal(gmem_read(&mem, 4 * MIB - 8, out, 8), 0);
		assert_string_equal(out, "vitrine"); /* nothing was copied by the failures */
		assert_int_equal(gmem_zero(&mem, 4 * MIB - 8, 3), 0);
		assert_int_equal(gmem_read(&mem, 4 * MIB - 8, out, 8), 0);
		assert_memory_equal(out, "\0\0\0rine", 8);
		assert_int_equal(gmem_write(&mem, 0, out, 0), 0);
		assert_int_equal(gmem_read(&mem, UINT64_MAX, out, 0), 0);
		gmem_destroy(&mem);
	}
}

/* Tools recognise guest RAM in smaps by its name. Only the memfd's is tested: naming anonymous memory
 * is an option of the host's kernel. */
static void test_name(void **state)
{
	(void)state;
	struct gmem mem;
	char line[256], start[32];
	int named = 0;

	assert_int_equal(gmem_create(&mem, 4 * MIB, GMEM_MEMFD), 0);
	snprintf(start, sizeof start, "%lx-", (unsigned long)(uintptr_t)mem.region[0].hva);
	FILE *maps = fopen("/proc/self/maps", "r");
	assert_non_null(maps);
	while (fgets(line, sizeof line, maps))
		if (!strncmp(line, start, strlen(start)))
			named = strstr(line, "guest-ram") != NULL;
	fclose(maps);
	assert_true(named);
	gmem_destroy(&mem);
}

static void test_hugetlb(void **state)
{
	(void)state;
	struct gmem mem;

	assert_int_equal(gmem_create(&mem, 3 * MIB, GMEM_HUGETLB), -EINVAL);

	int err = gmem_create(&mem, 4 * MIB, GMEM_HUGETLB); /* hosts rarely have any reserved */

	assert_true(err == 0 || err == -ENOMEM);
	assert_int_equal(mem.region_count, err ? 0 : 1);
	gmem_destroy(&mem);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes),	cmocka_unit_test(test_slices),
		cmocka_unit_test(test_copies),	cmocka_unit_test(test_name),
		cmocka_unit_test(test_hugetlb),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

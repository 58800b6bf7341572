/* SPDX-License-Identifier: MIT
 *
 * KASLR: the relocation table in its two shapes, broken tables, the bases, and when it does not
 * happen.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>

#include "boot/kaslr.h"
#include "boot_images.h"
#include "memory_map.h"

#define MIB (1ULL << 20)
#define LINK(offset) (0x80000000u + KERNEL_TEXT_GPA + (offset)) /* virtual address, low half */
#define DELTA 0x2600000ULL

static void test_words(void **state)
{
	(void)state;
	static const struct {
		const char *cmdline;
		bool forbidden;
	} table[] = {
		{"", false},
		{"nokaslr", true},
		{"quiet nokaslr", true},
		{"nokaslr quiet", true},
		{"a nokaslr b", true},
		{"nokaslrx", false},
		{"xnokaslr", false},
		{"nokaslr=1", false},
		{"nokaslrx nokaslr", true},
		{"kaslr", false},
		{"init=/nokaslr", false},
	};

	for (unsigned i = 0; i < sizeof table / sizeof table[0]; i++)
		if (kaslr_forbidden(table[i].cmdline) != table[i].forbidden)
			fail_msg("\"%s\"", table[i].cmdline);
}

/* Lists of one kernel of 64 bytes linked at KERNEL_TEXT_GPA, with and without the middle list. */
static const uint32_t three_lists[] = {0, LINK(0), LINK(56), 0, LINK(8), 0, LINK(12), LINK(20)};
static const uint32_t two_lists[] = {0, LINK(0), LINK(56), 0, LINK(12), LINK(20)};
static const uint32_t empty_middle[] = {0, LINK(0), LINK(56), 0, 0, LINK(12), LINK(20)};
static const uint32_t all_empty[] = {0, 0, 0};

static void check_relocated(const void *table, size_t len_bytes, bool inverse, bool other)
{
	uint8_t kernel[64], expected[64];
	uint64_t value64;
	uint32_t value32;

	for (unsigned i = 0; i < sizeof kernel; i++)
		kernel[i] = expected[i] = (uint8_t)(0xf0 + i * 7);
	for (unsigned at = 0; other && at <= 56; at += 56) {
		memcpy(&value64, expected + at, 8);
		value64 += DELTA;
		memcpy(expected + at, &value64, 8);
	}
	for (unsigned at = 12; other && at <= 20; at += 8) {
		memcpy(&value32, expected + at, 4);
		value32 += (uint32_t)DELTA;
		memcpy(expected + at, &value32, 4);
	}
	if (inverse) {
		memcpy(&value32, expected + 8, 4);
		value32 -= (uint32_t)DELTA;
		memcpy(expected + 8, &value32, 4);
	}
	assert_true(kaslr_table_is_known(table, len_bytes));
	assert_int_equal(
		kaslr_relocate(kernel, KERNEL_TEXT_GPA, sizeof kernel, table, len_bytes, DELTA), 0);
	assert_memory_equal(kernel, expected, sizeof kernel);
}

static void test_relocate(void **state)
{
	(void)state;
	check_relocated(three_lists, sizeof three_lists, true, true);
	check_relocated(two_lists, sizeof two_lists, false, true);
	check_relocated(empty_middle, sizeof empty_middle, false, true);
	check_relocated(all_empty, sizeof all_empty, false, false);
}

static void test_unknown_tables(void **state)
{
	(void)state;
	static const uint32_t none[] = {1, 2, 3}, one[] = {0, 1, 2},
			      four[] = {0, 1, 0, 2, 0, 3, 0, 4}, no_start[] = {5, 0, 1, 0, 2};

	assert_false(kaslr_table_is_known((const void *)none, sizeof none));
	assert_false(kaslr_table_is_known((const void *)one, sizeof one));
	assert_false(kaslr_table_is_known((const void *)four, sizeof four));
	assert_false(kaslr_table_is_known((const void *)no_start, sizeof no_start));
	assert_false(kaslr_table_is_known((const void *)two_lists, sizeof two_lists - 1));
	assert_false(kaslr_table_is_known((const void *)two_lists, 0));
}

/* Places at and around both ends of a kernel of 64 bytes, in each list. */
static void test_places(void **state)
{
	(void)state;
	static const struct {
		uint32_t word;
		bool ok32, ok64;
	} table[] = {
		{LINK(0), true, true},	    {LINK(60), true, false},	{LINK(61), false, false},
		{LINK(56), true, true},	    {LINK(57), true, false},	{LINK(64), false, false},
		{LINK(-1), false, false},   {1, false, false},		{0xffffffff, false, false},
		{0x80000000, false, false}, {0x7fffffff, false, false},
	};
	uint8_t kernel[64] = {0};

	for (unsigned i = 0; i < sizeof table / sizeof table[0]; i++) {
		const uint32_t list32[] = {0, 0, 0, table[i].word},
			       inverse[] = {0, 0, table[i].word, 0},
			       list64[] = {0, table[i].word, 0, 0};

		assert_int_equal(kaslr_relocate(kernel, KERNEL_TEXT_GPA, 64, (const void *)list32,
						16, DELTA),
				 table[i].ok32 ? 0 : -EBADMSG);
		assert_int_equal(kaslr_relocate(kernel, KERNEL_TEXT_GPA, 64, (const void *)inverse,
						16, DELTA),
				 table[i].ok32 ? 0 : -EBADMSG);
		assert_int_equal(kaslr_relocate(kernel, KERNEL_TEXT_GPA, 64, (const void *)list64,
						16, DELTA),
				 table[i].ok64 ? 0 : -EBADMSG);
	}
	assert_int_equal(
		kaslr_relocate(kernel, KERNEL_TEXT_GPA, 7, (const void *)all_empty, 12, DELTA),
		-EBADMSG);
}

/* In range, aligned, and not always the same. */
static void test_bases(void **state)
{
	(void)state;
	struct kaslr_bases b;
	unsigned physical = 0, virtual = 0;

	for (unsigned i = 0; i < 200; i++) {
		assert_int_equal(kaslr_choose(16 * MIB, 46 * MIB, 256 * MIB, &b), 0);
		assert_true(b.physical_delta % (2 * MIB) == 0 && b.virtual_delta % (2 * MIB) == 0);
		assert_true(b.physical_delta <= 256 * MIB - 62 * MIB);
		assert_true(b.virtual_delta <= 1024 * MIB - 62 * MIB);
		physical |= b.physical_delta != 0;
		virtual |= b.virtual_delta != 0;
	}
	assert_true(physical && virtual);
	/* No room: no choice. */
	assert_int_equal(kaslr_choose(16 * MIB, 46 * MIB, 62 * MIB, &b), 0);
	assert_true(b.physical_delta == 0);
	assert_int_equal(kaslr_choose(16 * MIB, 46 * MIB, 62 * MIB + 4096, &b), 0);
	assert_true(b.physical_delta == 0);
	assert_int_equal(kaslr_choose(1008 * MIB, 16 * MIB, 4096 * MIB, &b), 0);
	assert_true(b.virtual_delta == 0);
	assert_int_equal(kaslr_choose(UINT64_MAX, UINT64_MAX, UINT64_MAX, &b), 0);
	assert_true(b.physical_delta == 0 && b.virtual_delta == 0);
}

/* --- whole boots --- */

/* One 64-bit and one 32-bit place in the sample kernel. */
static struct blob make_relocatable(uint32_t place)
{
	struct blob elf = make_elf(WITH_PVH);
	const uint32_t table[] = {0, place, 0, 0, LINK(0x110)};

	blob_append(&elf, table, sizeof table);
	return elf;
}

static void boot(const struct blob *image, const char *dir, const char *cmdline, struct rig **out)
{
	*out = rig_new(image, 128 * MIB);
	(*out)->options.kaslr = BOOT_KASLR_ON;
	(*out)->options.cache_dir = dir;
	(*out)->board.cmdline = cmdline;
}

static uint64_t word(const struct rig *rig, uint64_t gpa)
{
	uint64_t value;

	assert_int_equal(gmem_read(&rig->mem, gpa, &value, sizeof value), 0);
	return value;
}

static void check_randomised(const struct rig *rig, struct blob *elf)
{
	uint64_t gpa = rig->report.kernel_gpa, delta;
	uint64_t before64;
	uint32_t before32;
	const struct boot_params *params = gmem_slice(&rig->mem, GPA_BOOT_PARAMS, sizeof *params);

	memcpy(&before64, elf->bytes + KERNEL_TEXT_OFFSET + 0x100, 8);
	memcpy(&before32, elf->bytes + KERNEL_TEXT_OFFSET + 0x110, 4);
	delta = word(rig, gpa + 0x100) - before64;
	assert_true(delta % (2 * MIB) == 0 && delta < 1024 * MIB);
	assert_true((uint32_t)word(rig, gpa + 0x110) == before32 + (uint32_t)delta);
	assert_true(gpa % (2 * MIB) == 0 && gpa + KERNEL_SPAN <= 128 * MIB);
	assert_true(rig->entry.rip == gpa + KERNEL_ENTRY - KERNEL_TEXT_GPA);
	assert_int_equal(params->hdr.loadflags & KASLR_FLAG, KASLR_FLAG);
	assert_non_null(strstr(rig->report.detail, "KASLR on, virtual offset"));
}

static void test_boot(void **state)
{
	(void)state;
	char dir[] = "/tmp/vitrine-test-XXXXXX", command[64];
	struct blob elf = make_relocatable(LINK(0x100));
	struct blob image = make_packed_bzimage(PAYLOAD_ZSTD, &elf);
	uint64_t first = 0;
	bool differs = false;

	assert_non_null(mkdtemp(dir));
	for (unsigned i = 0; i < 10; i++) {
		struct rig *rig;

		boot(&image, i < 2 ? NULL : dir, "quiet", &rig);
		assert_int_equal(rig_boot(rig), 0);
		assert_int_equal(rig->report.cache_hit, i > 2);
		check_randomised(rig, &elf);
		if (i == 0)
			first = rig->report.kernel_gpa;
		differs |= rig->report.kernel_gpa != first;
		rig_free(rig);
	}
	assert_true(differs);
	snprintf(command, sizeof command, "rm -r %s", dir);
	assert_int_equal(system(command), 0);
	free(image.bytes);
	free(elf.bytes);
}

static void test_not_randomised(void **state)
{
	(void)state;
	struct blob elf = make_relocatable(LINK(0x100)), plain = make_elf(WITH_PVH);
	const struct {
		const struct blob *elf;
		const char *cmdline, *text;
		enum boot_kaslr kaslr;
	} table[] = {
		{&elf, "quiet", "KASLR off", BOOT_KASLR_OFF},
		{&elf, "nokaslr", "KASLR off (nokaslr on the command line)", BOOT_KASLR_ON},
		{&plain, "quiet", "KASLR off (the kernel has no relocation table)", BOOT_KASLR_ON},
	};

	for (unsigned i = 0; i < sizeof table / sizeof table[0]; i++) {
		struct blob image = make_packed_bzimage(PAYLOAD_LZ4, table[i].elf);
		struct rig *rig;

		boot(&image, NULL, table[i].cmdline, &rig);
		rig->options.kaslr = table[i].kaslr;
		assert_int_equal(rig_boot(rig), 0);
		assert_true(rig_has_kernel(rig, table[i].elf, 0));
		assert_non_null(strstr(rig->report.detail, table[i].text));

		const struct boot_params *params = gmem_slice(&rig->mem, GPA_BOOT_PARAMS,
							      sizeof *params);

		assert_int_equal(params->hdr.loadflags & KASLR_FLAG, 0);
		rig_free(rig);
		free(image.bytes);
	}
	free(elf.bytes);
	free(plain.bytes);
}

/* A table that points outside is refused with a line, also from the cache. */
static void test_broken_table(void **state)
{
	(void)state;
	struct blob elf = make_relocatable(LINK(KERNEL_SPAN));
	struct blob image = make_packed_bzimage(PAYLOAD_LZ4, &elf);
	char dir[] = "/tmp/vitrine-test-XXXXXX", command[64];

	assert_non_null(mkdtemp(dir));
	for (unsigned i = 0; i < 2; i++) {
		struct rig *rig;

		boot(&image, dir, "quiet", &rig);
		assert_int_equal(rig_boot(rig), -ENOEXEC);
		assert_non_null(
			strstr(rig->error.text, "relocation table is damaged; --kaslr off"));
		rig_free(rig);
	}
	snprintf(command, sizeof command, "rm -r %s", dir);
	assert_int_equal(system(command), 0);
	free(image.bytes);
	free(elf.bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words),	       cmocka_unit_test(test_relocate),
		cmocka_unit_test(test_unknown_tables), cmocka_unit_test(test_places),
		cmocka_unit_test(test_bases),	       cmocka_unit_test(test_boot),
		cmocka_unit_test(test_not_randomised), cmocka_unit_test(test_broken_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

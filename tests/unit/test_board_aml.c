/* SPDX-License-Identifier: MIT
 *
 * The AML emitter: encodings byte by byte, PkgLength at its boundaries, and buffers that are too small.
 */
#include "board_test.h"

#include "board/aml.h"

#define expect(aml, ...)                                            \
	do {                                                        \
		const uint8_t want[] = {__VA_ARGS__};               \
		assert_int_equal(aml_result(aml), sizeof want);     \
		assert_memory_equal((aml)->buf, want, sizeof want); \
		(aml)->used_bytes = 0;                              \
	} while (0)

static void integers_are_shortest(void **state)
{
	(void)state;
	uint8_t buf[32];
	struct aml aml;

	aml_init(&aml, buf, sizeof buf);
	aml_integer(&aml, 0);
	expect(&aml, 0x00);
	aml_integer(&aml, 1);
	expect(&aml, 0x01);
	aml_integer(&aml, 2);
	expect(&aml, 0x0a, 2);
	aml_integer(&aml, 0xff);
	expect(&aml, 0x0a, 0xff);
	aml_integer(&aml, 0x100);
	expect(&aml, 0x0b, 0x00, 0x01);
	aml_integer(&aml, 0xffff);
	expect(&aml, 0x0b, 0xff, 0xff);
	aml_integer(&aml, 0x10000);
	expect(&aml, 0x0c, 0, 0, 1, 0);
	aml_integer(&aml, 0xffffffff);
	expect(&aml, 0x0c, 0xff, 0xff, 0xff, 0xff);
	aml_integer(&aml, 0x100000000);
	expect(&aml, 0x0e, 0, 0, 0, 0, 1, 0, 0, 0);
}

static void names_and_ids(void **state)
{
	(void)state;
	uint8_t buf[64];
	struct aml aml;

	aml_init(&aml, buf, sizeof buf);
	aml_path(&aml, "RTC");
	expect(&aml, 'R', 'T', 'C', '_');
	aml_path(&aml, "\\_S5");
	expect(&aml, '\\', '_', 'S', '5', '_');
	aml_path(&aml, "^^A.B");
	expect(&aml, '^', '^', 0x2e, 'A', '_', '_', '_', 'B', '_', '_', '_');
	aml_path(&aml, "\\_SB.PCI0.COM1");
	expect(&aml, '\\', 0x2f, 3, '_', 'S', 'B', '_', 'P', 'C', 'I', '0', 'C', 'O', 'M', '1');
	aml_hid(&aml, "PNP0501");
	expect(&aml, 0x0c, 0x41, 0xd0, 0x05, 0x01);
	aml_hid(&aml, "PNP0C0C");
	expect(&aml, 0x0c, 0x41, 0xd0, 0x0c, 0x0c);
	aml_hid(&aml, "QEMU0001");
	expect(&aml, 0x0d, 'Q', 'E', 'M', 'U', '0', '0', '0', '1', 0);
	aml_hid(&aml, "pnp0501");
	expect(&aml, 0x0d, 'p', 'n', 'p', '0', '5', '0', '1', 0);
}

static void resources(void **state)
{
	(void)state;
	uint8_t buf[64];
	struct aml aml;

	aml_init(&aml, buf, sizeof buf);
	size_t body = aml_resources_begin(&aml);

	aml_resource_io(&aml, 0x3f8, 8);
	aml_resource_isa_irq(&aml, 4);
	aml_resources_end(&aml, body);
	expect(&aml, 0x11, 16, 0x0a, 13, 0x47, 1, 0xf8, 3, 0xf8, 3, 1, 8, 0x22, 0x10, 0, 0x79, 0);

	body = aml_resources_begin(&aml);
	aml_resource_interrupt(&aml, 9, true);
	aml_resource_memory(&aml, 0xd0000000, 0x200);
	aml_resources_end(&aml, body);
	expect(&aml, 0x11, 26, 0x0a, 23, 0x89, 6, 0, 0x01, 1, 9, 0, 0, 0, 0x86, 9, 0, 1, 0, 0, 0,
	       0xd0, 0, 2, 0, 0, 0x79, 0);
}

/* A body of that many bytes gets this PkgLength. */
static const struct {
	size_t body_bytes;
	unsigned len_bytes;
	uint8_t encoded[4];
} pkg_lengths[] = {
	{0, 1, {0x01}},
	{61, 1, {0x3e}},
	{62, 1, {0x3f}},
	{63, 2, {0x41, 0x04}}, /* 63 + 1 = 64 needs two bytes: 65 */
	{64, 2, {0x42, 0x04}},
	{4092, 2, {0x4e, 0xff}},
	{4093, 2, {0x4f, 0xff}},
	{4094, 3, {0x81, 0x00, 0x01}}, /* 4094 + 2 = 4096 needs three: 4097 */
	{4095, 3, {0x82, 0x00, 0x01}},
	{(1 << 20) - 4, 3, {0x8f, 0xff, 0xff}},
	{(1 << 20) - 3, 4, {0xc1, 0x00, 0x00, 0x01}},
};

static void pkg_length_boundaries(void **state)
{
	(void)state;
	const size_t size_bytes = (1 << 20) + 64;
	uint8_t *buf = test_malloc(size_bytes);

	for (unsigned i = 0; i < sizeof pkg_lengths / sizeof *pkg_lengths; i++) {
		struct aml aml;

		aml_init(&aml, buf, size_bytes);
		size_t body = aml_begin(&aml, AML_OP_PACKAGE);

		for (size_t n = 0; n < pkg_lengths[i].body_bytes; n++)
			aml_byte(&aml, (uint8_t)(n * 7));
		aml_end(&aml, body);
		assert_int_equal(aml_result(&aml),
				 1 + pkg_lengths[i].len_bytes + pkg_lengths[i].body_bytes);
		assert_memory_equal(buf + 1, pkg_lengths[i].encoded, pkg_lengths[i].len_bytes);
		for (size_t n = 0; n < pkg_lengths[i].body_bytes; n++)
			assert_int_equal(buf[1 + pkg_lengths[i].len_bytes + n], (uint8_t)(n * 7));
	}
	test_free(buf);
}

static void field_units_count_bits_only(void **state)
{
	(void)state;
	uint8_t buf[32];
	struct aml aml;

	aml_init(&aml, buf, sizeof buf);
	aml_field_unit(&aml, "GEVT", 8);
	expect(&aml, 'G', 'E', 'V', 'T', 8);
	aml_field_unit(&aml, "GEVT", 63);
	expect(&aml, 'G', 'E', 'V', 'T', 63);
	aml_field_unit(&aml, "GEVT", 64);
	expect(&aml, 'G', 'E', 'V', 'T', 0x40, 4);
}

/* Something of everything. */
static void emit_all(struct aml *aml)
{
	size_t scope = aml_begin(aml, AML_OP_SCOPE);

	aml_path(aml, "\\_SB");
	size_t device = aml_begin(aml, AML_OP_DEVICE);

	aml_path(aml, "ABCD");
	aml_name(aml, "_HID");
	aml_hid(aml, "QEMU0001");
	aml_name(aml, "_CRS");
	size_t resources = aml_resources_begin(aml);

	for (int i = 0; i < 12; i++)
		aml_resource_interrupt(aml, 4, false);
	aml_resources_end(aml, resources);
	aml_op(aml, AML_OP_REGION);
	aml_integer(aml, 0x123456789a);
	aml_field_unit(aml, "FLD0", 4096);
	aml_end(aml, device);
	aml_end(aml, scope);
}

/* In a buffer of every size up to what is needed: -ENOSPC below, and the bytes behind it stay. */
static void too_small_buffers(void **state)
{
	(void)state;
	uint8_t whole[512];
	struct aml aml;

	aml_init(&aml, whole, sizeof whole);
	emit_all(&aml);
	size_t need_bytes = (size_t)aml_result(&aml);

	assert_in_range(need_bytes, 100, sizeof whole);
	for (size_t size_bytes = 0; size_bytes <= need_bytes; size_bytes++) {
		uint8_t *buf = test_malloc(size_bytes + 16); /* cmocka guards it, too */

		memset(buf, 0xa5, size_bytes + 16);
		aml_init(&aml, buf, size_bytes);
		emit_all(&aml);
		if (size_bytes < need_bytes)
			assert_int_equal(aml_result(&aml), -ENOSPC);
		else
			assert_memory_equal(buf, whole, need_bytes);
		for (size_t i = 0; i < 16; i++)
			assert_int_equal(buf[size_bytes + i], 0xa5);
		test_free(buf);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(integers_are_shortest),
		cmocka_unit_test(names_and_ids),
		cmocka_unit_test(resources),
		cmocka_unit_test(pkg_length_boundaries),
		cmocka_unit_test(field_units_count_bits_only),
		cmocka_unit_test(too_small_buffers),
	};

	return cmocka_run_group_tests_name("AML emitter", tests, NULL, NULL);
}

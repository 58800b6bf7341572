/* SPDX-License-Identifier: MIT
 *
 * The bundled guest's device tree reader, on the host: trees made by libfdt, then damaged ones. Each
 * blob is a heap block of its exact size, so the sanitizers see any read beyond it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <libfdt.h>

#include "guest/board/fdt.c"
#include "guest/board/machine_fdt.c"

#define BLOB_MAX 4096
#define EVENT_MAX 4096 /* far more than BLOB_MAX bytes can hold */

struct machine machine;

static void add_uart(void *blob)
{
	const fdt32_t reg[] = {cpu_to_fdt32(1), cpu_to_fdt32(0x3f8), cpu_to_fdt32(8)};

	fdt_begin_node(blob, "serial@i3f8");
	fdt_property(blob, "compatible", "ns8250\0ns16550a", 16);
	fdt_property(blob, "reg", reg, sizeof reg);
	fdt_property_u32(blob, "interrupts", 4);
	fdt_end_node(blob);
}

static void add_cpus(void *blob)
{
	static const uint32_t id[] = {0, 2, 254, 255, 1000}; /* the last two are not for an xAPIC */

	fdt_begin_node(blob, "cpus");
	for (unsigned i = 0; i < sizeof id / sizeof id[0]; i++) {
		fdt_begin_node(blob, "cpu@0");
		fdt_property_u32(blob, "reg", id[i]);
		fdt_end_node(blob);
	}
	fdt_end_node(blob);
}

/* A tree like Vitrine's. Returns its size; the caller frees *out. */
static size_t build(uint8_t **out)
{
	const fdt64_t page[] = {cpu_to_fdt64(0x9e000), cpu_to_fdt64(4096)};
	const fdt64_t memory[] = {cpu_to_fdt64(0), cpu_to_fdt64(0xd0000000),
				  cpu_to_fdt64(0x100000000), cpu_to_fdt64(0x30000000)};
	uint8_t blob[BLOB_MAX];
	size_t bytes;

	fdt_create(blob, sizeof blob);
	fdt_finish_reservemap(blob);
	fdt_begin_node(blob, "");
	fdt_property_string(blob, "compatible", "vitrine,board");
	fdt_begin_node(blob, "memory@0");
	fdt_property(blob, "reg", memory, sizeof memory);
	fdt_end_node(blob);
	add_cpus(blob);
	fdt_begin_node(blob, "hypervisor@9e000");
	fdt_property(blob, "reg", page, sizeof page);
	fdt_property_string(blob, "compatible", "vitrine,hypervisor");
	fdt_end_node(blob);
	add_uart(blob);
	fdt_end_node(blob);
	assert_int_equal(fdt_finish(blob), 0);
	bytes = fdt_totalsize(blob);
	*out = malloc(bytes);
	assert_non_null(*out);
	for (size_t i = 0; i < bytes; i++)
		(*out)[i] = blob[i];
	return bytes;
}

static void forget_machine(void)
{
	machine = (struct machine){0};
}

static void test_reads_the_machine(void **state)
{
	uint8_t *blob;
	const size_t bytes = build(&blob);

	(void)state;
	forget_machine();
	assert_true(machine_read_fdt(blob, bytes));
	assert_int_equal(machine.serial_port, 0x3f8);
	assert_int_equal(machine.serial_irq, 4);
	assert_int_equal(machine.hypercall_gpa, 0x9e000);
	assert_int_equal(machine.cpu_count, 3);
	assert_int_equal(machine.apic_id[1], 2);
	assert_int_equal(machine.apic_id[2], 254);
	assert_int_equal(machine.ram_count, 2);
	assert_int_equal(machine.ram[1].start, 0x100000000);
	assert_int_equal(machine.ram_bytes, 0x100000000);
	assert_int_equal(machine.debug_exit_port, 0);
	free(blob);
}

static void test_memory_map_comes_first(void **state)
{
	uint8_t *blob;
	const size_t bytes = build(&blob);

	(void)state;
	forget_machine();
	machine.ram_count = 1;
	machine.ram[0] = (struct machine_range){0, 0x1000};
	assert_true(machine_read_fdt(blob, bytes));
	assert_int_equal(machine.ram_count, 1);
	free(blob);
}

/* Walks to the end; there must be one. */
static void walk(const uint8_t *blob, size_t bytes)
{
	struct fdt fdt;
	enum fdt_event event = FDT_EVENT_BAD;
	unsigned events = 0;

	forget_machine();
	machine_read_fdt(blob, bytes);
	if (!fdt_open(&fdt, blob, bytes))
		return;
	do {
		event = fdt_next(&fdt);
		assert_true(++events < EVENT_MAX);
		if (event == FDT_EVENT_PROPERTY) {
			fdt_cell(&fdt.value, 3);
			fdt_cell_pair(&fdt.value, UINT32_MAX);
			for (const char *s = NULL; (s = fdt_string_after(&fdt.value, s));)
				assert_true(strlen(s) < bytes);
		}
		if (event == FDT_EVENT_NODE || event == FDT_EVENT_PROPERTY)
			assert_true(strlen(fdt.name) < bytes);
	} while (event != FDT_EVENT_END && event != FDT_EVENT_BAD);
	if (event == FDT_EVENT_BAD)
		assert_int_equal(fdt_next(&fdt), FDT_EVENT_BAD); /* for good */
}

static void test_every_truncation(void **state)
{
	uint8_t *blob;
	const size_t bytes = build(&blob);

	(void)state;
	for (size_t length = 0; length < bytes; length++) {
		uint8_t *part = malloc(length ? length : 1);
		struct fdt fdt;

		for (size_t i = 0; i < length; i++)
			part[i] = blob[i];
		assert_false(fdt_open(&fdt, part, length));
		free(part);
	}
	free(blob);
}

static void test_every_damaged_byte(void **state)
{
	static const uint8_t value[] = {0x00, 0x01, 0x02, 0x03, 0x09, 0x7f, 0x80, 0xff};
	uint8_t *blob;
	const size_t bytes = build(&blob);

	(void)state;
	for (size_t i = 0; i < bytes; i++) {
		const uint8_t good = blob[i];

		for (size_t v = 0; v < sizeof value; v++) {
			blob[i] = value[v];
			walk(blob, bytes);
		}
		blob[i] = good;
	}
	free(blob);
}

/* Damaged headers, one field each: {word index, value}. */
static void test_hostile_headers(void **state)
{
	static const struct {
		unsigned word;
		uint32_t value;
	} damage[] = {
		{0, 0xedfe0dd0}, {1, 0},	  {1, 39},	   {1, UINT32_MAX}, {2, 0},
		{2, 57},	 {2, UINT32_MAX}, {3, 0},	   {3, UINT32_MAX}, {5, 16},
		{6, 18},	 {8, 0},	  {8, UINT32_MAX}, {9, UINT32_MAX}, {9, 3},
	};
	uint8_t *blob;
	const size_t bytes = build(&blob);

	(void)state;
	for (size_t i = 0; i < sizeof damage / sizeof damage[0]; i++) {
		fdt32_t *word = (fdt32_t *)(void *)blob + damage[i].word;
		const fdt32_t good = *word;
		struct fdt fdt;

		*word = cpu_to_fdt32(damage[i].value);
		assert_false(fdt_open(&fdt, blob, bytes));
		*word = good;
	}
	free(blob);
}

static void test_depth_is_bounded(void **state)
{
	uint8_t blob[BLOB_MAX];

	(void)state;
	fdt_create(blob, sizeof blob);
	fdt_finish_reservemap(blob);
	for (unsigned i = 0; i < 40; i++)
		fdt_begin_node(blob, i ? "deeper" : "");
	for (unsigned i = 0; i < 40; i++)
		fdt_end_node(blob);
	assert_int_equal(fdt_finish(blob), 0);
	forget_machine();
	assert_false(machine_read_fdt(blob, fdt_totalsize(blob)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reads_the_machine),
		cmocka_unit_test(test_memory_map_comes_first),
		cmocka_unit_test(test_every_truncation),
		cmocka_unit_test(test_every_damaged_byte),
		cmocka_unit_test(test_hostile_headers),
		cmocka_unit_test(test_depth_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

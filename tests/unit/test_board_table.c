/* SPDX-License-Identifier: MIT
 *
 * The board table itself, its start-up check with tables that are wrong, and e820.
 */
#include "board_test.h"

#include "memory_map.h"
#include "ports.h"

static void check_good(const struct board *board)
{
	struct board_fault why = {""};

	assert_int_equal(board_check(board, &why), 0);
	assert_string_equal(why.text, "");
}

static void table_fits_together(void **state)
{
	(void)state;
	test_each_board(check_good);
}

static void table_follows_options(void **state)
{
	(void)state;
	struct board board = test_board(BOARD_IRQCHIP_KERNEL, 1);

	assert_non_null(board_find(&board, "acpi-pm"));
	assert_null(board_find(&board, "ioapic"));
	assert_int_equal(board_find(&board, "acpi-sleep")->irq, BOARD_NO_IRQ);
	assert_non_null(board_find(&board, "debug-exit"));
	board.irqchip = BOARD_IRQCHIP_SPLIT;
	board.debug_exit = false;
	assert_null(board_find(&board, "acpi-pm"));
	assert_non_null(board_find(&board, "ioapic"));
	assert_int_equal(board_find(&board, "acpi-sleep")->irq, IRQ_ACPI_SCI);
	assert_null(board_find(&board, "debug-exit"));
	assert_null(board_find(&board, "no such device"));
}

#define PIO(base, size)                     \
	{                                   \
		{                           \
			BUS_PIO, base, size \
		}                           \
	}
#define MMIO(base, size)                     \
	{                                    \
		{                            \
			BUS_MMIO, base, size \
		}                            \
	}

/* Pairs of devices that can't be on one board, and a word of the complaint. */
static const struct {
	struct board_device device[2];
	const char *word;
} bad[] = {
	{{{.name = "a", .window = PIO(0x100, 8), .irq = -1},
	  {.name = "b", .window = PIO(0x104, 4), .irq = -1}},
	 "overlap"},
	{{{.name = "a", .window = MMIO(GPA_DEVICE_MMIO, 0x2000), .irq = -1},
	  {.name = "b", .window = MMIO(GPA_DEVICE_MMIO + 0x1000, 0x1000), .irq = -1}},
	 "overlap"},
	{{{.name = "a", .window = {{BUS_PIO, 0x10, 4}, {BUS_PIO, 0x12, 2}}, .irq = -1},
	  {.name = "b", .irq = -1}},
	 "own windows"},
	{{{.name = "a", .irq = 4}, {.name = "b", .irq = 4}}, "interrupt 4"},
	{{{.name = "a", .irq = 24}, {.name = "b", .irq = -1}}, "interrupt 24"},
	{{{.name = "a", .irq = -2}, {.name = "b", .irq = -1}}, "interrupt -2"},
	{{{.name = "a", .irq = -1}, {.name = "a", .irq = -1}}, "called a"},
	{{{.name = "a", .window = PIO(0x102, 4), .irq = -1}, {.name = "b", .irq = -1}}, "aligned"},
	{{{.name = "a", .window = PIO(0x100, 3), .irq = -1}, {.name = "b", .irq = -1}}, "aligned"},
	{{{.name = "a", .window = PIO(0x10000, 4), .irq = -1}, {.name = "b", .irq = -1}},
	 "outside"},
	{{{.name = "a", .window = MMIO(0x1000, 0x1000), .irq = -1}, {.name = "b", .irq = -1}},
	 "outside"},
	{{{.name = "a", .window = MMIO(GPA_HOLE_END, 0x1000), .irq = -1}, {.name = "b", .irq = -1}},
	 "outside"},
	{{{.name = "a", .window = MMIO(GPA_LAPIC, 0x1000), .irq = -1}, {.name = "b", .irq = -1}},
	 "taken"},
	{{{.name = "a", .window = PIO(0x700, 4), .irq = -1}, {.name = "b", .irq = -1}}, "taken"},
};

static void bad_tables_are_refused(void **state)
{
	(void)state;
	const struct board board = test_board(BOARD_IRQCHIP_KERNEL, 1);

	for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct board_fault why = {""};

		assert_int_equal(board_check_table(&board, bad[i].device, 2, &why), -EINVAL);
		if (!strstr(why.text, bad[i].word))
			fail_msg("table %u: \"%s\" does not say \"%s\"", i, why.text, bad[i].word);
		assert_int_equal(board_check_table(&board, bad[i].device, 2, NULL), -EINVAL);
	}
}

/* What is not part of the machine may be where it likes. */
static void absent_devices_do_not_clash(void **state)
{
	(void)state;
	const struct board board = test_board(BOARD_IRQCHIP_KERNEL, 1);
	const struct board_device table[] = {
		{.name = "a", .window = PIO(0x100, 8), .irq = 3},
		{.name = "a", .when = BOARD_WITH_SPLIT_IRQCHIP, .window = PIO(0x100, 8), .irq = 3},
	};

	assert_int_equal(board_check_table(&board, table, 2, NULL), 0);
}

static const struct {
	uint64_t memory_bytes;
	unsigned entries;
} e820_sizes[] = {
	{1 * MIB, 3},
	{1 * MIB + 4096, 4},
	{16 * MIB, 4},
	{256 * MIB, 4},
	{GPA_HOLE_START - 4096, 4},
	{GPA_HOLE_START, 4},
	{GPA_HOLE_START + 4096, 5},
	{8 * GIB, 5},
	{512 * GIB, 5},
};

/* RAM that the legacy area below 1 MiB hides or reserves. */
#define LEGACY_BYTES (GPA_HIGH_RAM - GPA_LOW_RAM_END)

static void e820_is_sorted_and_complete(void **state)
{
	(void)state;
	for (unsigned i = 0; i < sizeof e820_sizes / sizeof *e820_sizes; i++) {
		struct board board = test_board(BOARD_IRQCHIP_KERNEL, 1);
		struct board_e820_entry entry[BOARD_E820_MAX];
		uint64_t end = 0, ram_bytes = 0;

		board.memory_bytes = e820_sizes[i].memory_bytes;
		unsigned count = board_build_e820(&board, entry);

		assert_int_equal(count, e820_sizes[i].entries);
		for (unsigned j = 0; j < count; j++) {
			assert_true(entry[j].gpa >= end);
			assert_true(entry[j].size_bytes > 0);
			end = entry[j].gpa + entry[j].size_bytes;
			assert_true(end <= GPA_HOLE_START || entry[j].gpa >= GPA_HOLE_END);
			if (entry[j].type == E820_RAM)
				ram_bytes += entry[j].size_bytes;
		}
		assert_int_equal(ram_bytes, board.memory_bytes - LEGACY_BYTES);
	}
}

static void e820_reserves_what_is_in_use(void **state)
{
	(void)state;
	const struct board board = test_board(BOARD_IRQCHIP_KERNEL, 1);
	const uint64_t used[] = {GPA_HYPERCALL_PAGE,  GPA_EBDA,
				 GPA_MP_TABLE,	      GPA_ACPI_TABLES,
				 GPA_FIRMWARE_SHADOW, GPA_HIGH_RAM - 1};
	struct board_e820_entry entry[BOARD_E820_MAX];
	unsigned count = board_build_e820(&board, entry);

	for (unsigned i = 0; i < sizeof used / sizeof *used; i++) {
		bool reserved = false;

		for (unsigned j = 0; j < count; j++)
			if (used[i] - entry[j].gpa < entry[j].size_bytes)
				reserved = entry[j].type == E820_RESERVED;
		assert_true(reserved);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(table_fits_together),
		cmocka_unit_test(table_follows_options),
		cmocka_unit_test(bad_tables_are_refused),
		cmocka_unit_test(absent_devices_do_not_clash),
		cmocka_unit_test(e820_is_sorted_and_complete),
		cmocka_unit_test(e820_reserves_what_is_in_use),
	};

	return cmocka_run_group_tests_name("board table", tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT
 *
 * The device tree, read back with libfdt and by dtc, and its printer.
 */
#include "board_test.h"

#include <libfdt.h>

#include "cmd/dump.h"
#include "memory_map.h"
#include "ports.h"

static uint8_t fdt[FDT_MAX_BYTES];

static uint32_t cell(const char *path, const char *name, int index)
{
	int len_bytes;
	int node = fdt_path_offset(fdt, path);
	const fdt32_t *value = fdt_getprop(fdt, node, name, &len_bytes);

	if (!value || len_bytes < 4 * (index + 1))
		fail_msg("%s has no %s[%d]", path, name, index);
	return fdt32_ld(&value[index]);
}

static uint64_t two_cells(const char *path, const char *name, int index)
{
	return (uint64_t)cell(path, name, index) << 32 | cell(path, name, index + 1);
}

static void assert_text(const char *path, const char *name, const char *want)
{
	const char *value = fdt_getprop(fdt, fdt_path_offset(fdt, path), name, NULL);

	assert_non_null(value);
	assert_string_equal(value, want);
}

static void build(const struct board *board)
{
	int len_bytes = board_build_fdt(board, fdt, sizeof fdt);

	assert_true(len_bytes > 0);
	assert_int_equal(fdt_check_full(fdt, (size_t)len_bytes), 0);
}

static void check_shape(const struct board *board)
{
	char path[32];

	build(board);
	assert_text("/", "compatible", "vitrine,board");
	assert_text("/chosen", "bootargs", board->cmdline);
	assert_text("/chosen", "stdout-path", "/isa/serial@i3f8");
	assert_text("/isa/serial@i3f8", "compatible", "ns16550a");
	assert_int_equal(cell("/isa/serial@i3f8", "reg", 0), 1);
	assert_int_equal(cell("/isa/serial@i3f8", "reg", 1), PORT_COM1);
	assert_int_equal(cell("/isa/serial@i3f8", "reg", 2), 8);
	assert_int_equal(cell("/isa/serial@i3f8", "interrupts", 0), IRQ_COM1);
	assert_int_equal(cell("/isa/serial@i3f8", "clock-frequency", 0), 1843200);
	assert_int_equal(cell("/isa/serial@i3f8", "current-speed", 0), 115200);
	assert_int_equal(cell("/isa/i8042@i60", "reg", 4), PORT_I8042_STATUS);
	assert_text("/isa/debug-exit@if4", "compatible", "vitrine,debug-exit");
	assert_text("/isa/power@i610", "compatible", "vitrine,acpi-sleep");
	assert_int_equal(fdt_path_offset(fdt, "/isa/power@i600") >= 0,
			 board->irqchip == BOARD_IRQCHIP_KERNEL);
	for (unsigned i = 0; i < board->cpu_count; i++) {
		snprintf(path, sizeof path, "/cpus/cpu@%x", i);
		assert_int_equal(cell(path, "reg", 0), i);
	}
	snprintf(path, sizeof path, "/cpus/cpu@%x", board->cpu_count);
	assert_true(fdt_path_offset(fdt, path) < 0);
}

static void shape(void **state)
{
	(void)state;
	test_each_board(check_shape);
}

static void memory_and_reservations(void **state)
{
	(void)state;
	struct board board = test_board(BOARD_IRQCHIP_KERNEL, 1);
	uint64_t gpa, size_bytes;
	int len_bytes;

	build(&board);
	assert_int_equal(two_cells("/memory@0", "reg", 2), 256 * MIB);
	fdt_getprop(fdt, fdt_path_offset(fdt, "/memory@0"), "reg", &len_bytes);
	assert_int_equal(len_bytes, 16);
	board.memory_bytes = GPA_HOLE_START + 4096;
	build(&board);
	assert_int_equal(two_cells("/memory@0", "reg", 2), GPA_HOLE_START);
	assert_int_equal(two_cells("/memory@0", "reg", 4), GPA_HOLE_END);
	assert_int_equal(two_cells("/memory@0", "reg", 6), 4096);
	assert_int_equal(fdt_num_mem_rsv(fdt), 1);
	assert_int_equal(fdt_get_mem_rsv(fdt, 0, &gpa, &size_bytes), 0);
	assert_int_equal(gpa, GPA_HYPERCALL_PAGE);
	assert_int_equal(gpa + size_bytes, GPA_HIGH_RAM);
}

static void options_show(void **state)
{
	(void)state;
	struct board board = test_board(BOARD_IRQCHIP_KERNEL, 1);

	build(&board);
	assert_true(fdt_path_offset(fdt, "/hypervisor") < 0);
	assert_null(fdt_getprop(fdt, fdt_path_offset(fdt, "/chosen"), "linux,initrd-start", NULL));
	board.debug_exit = false;
	board.hypercall_gpa = GPA_HYPERCALL_PAGE;
	board.hypercall_features = 0x15;
	board.initrd_gpa = 0x123456000;
	board.initrd_bytes = 0x789;
	build(&board);
	assert_text("/hypervisor", "compatible", "vitrine,hypervisor");
	assert_int_equal(two_cells("/hypervisor", "reg", 0), GPA_HYPERCALL_PAGE);
	assert_int_equal(two_cells("/hypervisor", "reg", 2), 4096);
	assert_int_equal(cell("/hypervisor", "vitrine,features", 0), 0x15);
	assert_int_equal(two_cells("/chosen", "linux,initrd-start", 0), 0x123456000);
	assert_int_equal(two_cells("/chosen", "linux,initrd-end", 0), 0x123456789);
	assert_true(fdt_path_offset(fdt, "/isa/debug-exit@if4") < 0);
}

/* The longest command line and the most CPUs together. */
static void biggest_fits(void **state)
{
	(void)state;
	struct board board = test_board(BOARD_IRQCHIP_KERNEL, BOARD_CPU_MAX);
	static char cmdline[CMDLINE_MAX_BYTES];

	memset(cmdline, 'x', sizeof cmdline - 1);
	board.cmdline = cmdline;
	build(&board);
}

static void too_small_buffers(void **state)
{
	(void)state;
	const struct board board = test_board(BOARD_IRQCHIP_KERNEL, 2);
	int need_bytes = board_build_fdt(&board, fdt, sizeof fdt);

	for (int size_bytes = 0; size_bytes <= need_bytes; size_bytes++) {
		uint8_t *buf = test_malloc((size_t)size_bytes + 16);

		memset(buf, 0xa5, (size_t)size_bytes + 16);
		int len_bytes = board_build_fdt(&board, buf, (size_t)size_bytes);

		if (len_bytes >= 0)
			assert_int_equal(len_bytes, need_bytes);
		else
			assert_int_equal(len_bytes, -ENOSPC);
		for (int i = 0; i < 16; i++)
			assert_int_equal(buf[size_bytes + i], 0xa5);
		test_free(buf);
	}
	assert_int_equal(board_build_fdt(&board, fdt, (size_t)need_bytes - 1), -ENOSPC);
}

static void save_text(const char *directory)
{
	char path[128];

	snprintf(path, sizeof path, "%s/board.dts", directory);
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	dump_fdt(file, fdt);
	assert_int_equal(fclose(file), 0);
}

/* dtc reads the blob without a warning, and our text gives the same tree as the blob. */
static void check_with_dtc(const struct board *board)
{
	char dir[64];

	build(board);
	test_make_directory(dir);
	test_write_file(dir, "board.dtb", fdt, fdt_totalsize(fdt));
	save_text(dir);
	assert_int_equal(
		test_shell("cd %s && dtc -s -I dtb -O dts -o blob.dts board.dtb 2>blob.log && "
			   "dtc -s -I dts -O dts -o text.dts board.dts 2>text.log",
			   dir),
		0);
	if (test_shell("cd %s && ! grep . blob.log text.log >&2", dir))
		fail_msg("dtc has something to say");
	/* Property values are grouped differently by their source; as blobs they are the same. */
	assert_int_equal(test_shell("cd %s && dtc -q -s -I dts -O dtb blob.dts -o 1.dtb && "
				    "dtc -q -s -I dts -O dtb text.dts -o 2.dtb && cmp 1.dtb 2.dtb",
				    dir),
			 0);
	test_remove_directory(dir);
}

static void dtc_agrees(void **state)
{
	(void)state;
	test_need_tool("dtc");
	test_each_board(check_with_dtc);
}

static void dtc_agrees_with_all_options(void **state)
{
	(void)state;
	struct board board = test_board(BOARD_IRQCHIP_KERNEL, 2);

	test_need_tool("dtc");
	board.memory_bytes = 8 * GIB;
	board.hypercall_gpa = GPA_HYPERCALL_PAGE;
	board.initrd_gpa = 0x8000000;
	board.initrd_bytes = 1;
	check_with_dtc(&board);
	board.cmdline = "";
	check_with_dtc(&board);
	board.cmdline = "back\\slash \"quote\"\ttab";
	check_with_dtc(&board);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shape),
		cmocka_unit_test(memory_and_reservations),
		cmocka_unit_test(options_show),
		cmocka_unit_test(biggest_fits),
		cmocka_unit_test(too_small_buffers),
		cmocka_unit_test(dtc_agrees),
		cmocka_unit_test(dtc_agrees_with_all_options),
	};

	return cmocka_run_group_tests_name("device tree", tests, NULL, NULL);
}

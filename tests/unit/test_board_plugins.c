/* SPDX-License-Identifier: MIT
 *
 * Plugins on the board: which places they get and when there are none left, and what DSDT, MCFG, device tree and e820
 * say of them, read by iasl and fdtget.
 */
#include "board_test.h"

#include "board/acpi.h"
#include "dev/pci_host.h"
#include "memory_map.h"
#include "ports.h"
#include "virtio/rng.h"

#define PLUGINS (BOARD_PLUGIN_MAX + 1)

static struct board_plugin plugin[PLUGINS];
static char name[PLUGINS][8];

/* kinds: 'p' a PCI function, 'm' a virtio-mmio page. */
static struct board board_with(const char *kinds)
{
	struct board board = test_board(BOARD_IRQCHIP_KERNEL, 2);

	for (unsigned i = 0; kinds[i]; i++) {
		snprintf(name[i], sizeof name[i], "dev%u", i);
		plugin[i] = (struct board_plugin){.plug = kinds[i] == 'm' ? BOARD_PLUG_VIRTIO_MMIO
									  : BOARD_PLUG_VIRTIO_PCI,
						  .name = name[i],
						  .model = &virtio_rng_model};
		board.plugin_count++;
	}
	board.plugin = plugin;
	return board;
}

static struct board_place place_of(const struct board *board, unsigned index)
{
	struct board_place place;

	assert_int_equal(board_place_plugin(board, index, &place), 0);
	return place;
}

static void places(void **state)
{
	struct board board = board_with("pmpmp");

	(void)state;
	assert_int_equal(board_mmio_count(&board), 2);
	assert_true(board_has_pci(&board));
	assert_int_equal(place_of(&board, 0).slot, 1);
	assert_int_equal(place_of(&board, 2).slot, 2);
	assert_int_equal(place_of(&board, 4).slot, 3);
	assert_int_equal(place_of(&board, 4).irq, PCI_HOST_FIRST_GSI + 3);
	assert_int_equal(place_of(&board, 1).gpa, GPA_VIRTIO_MMIO);
	assert_int_equal(place_of(&board, 3).gpa, GPA_VIRTIO_MMIO + 0x1000);
	assert_int_equal(place_of(&board, 1).irq, 5);
	assert_int_equal(place_of(&board, 3).irq, 6);
	assert_int_equal(board_check(&board, NULL), 0);
}

/* Interrupts of MMIO devices are theirs alone: not the table's, and no INTA#. */
static void interrupts_are_used_once(void **state)
{
	static const char *const kinds[] = {"mmmmmmmmmmmmmmm", "mmmmmmmp"};

	(void)state;
	for (unsigned k = 0; k < 2; k++) {
		struct board board = board_with(kinds[k]);
		uint32_t seen = 0;

		for (unsigned i = 0; i < board_table_count; i++)
			if (board_has(&board, &board_table[i]) &&
			    board_table[i].irq != BOARD_NO_IRQ)
				seen |= 1u << board_table[i].irq;
		for (unsigned i = 0; i < board_mmio_count(&board); i++) {
			int irq = place_of(&board, i).irq;

			assert_in_range(irq, 1, k ? PCI_HOST_FIRST_GSI - 1 : 23);
			assert_int_equal(seen >> irq & 1, 0);
			seen |= 1u << irq;
		}
	}
}

static void nothing_left(void **state)
{
	struct board_fault why = {""};
	char kinds[PLUGINS + 1] = "";
	struct board board;

	(void)state;
	board = board_with("mmmmmmmmmmmmmmmm");
	assert_int_equal(board_check(&board, &why), -EINVAL);
	assert_string_equal(why.text, "there is no interrupt left for dev15");
	board = board_with("pmmmmmmmm");
	assert_int_equal(board_check(&board, &why), -EINVAL);
	assert_string_equal(why.text, "there is no interrupt left for dev8");
	memset(kinds, 'p', BOARD_PLUGIN_MAX);
	board = board_with(kinds);
	assert_int_equal(board_check(&board, NULL), 0);
	assert_int_equal(place_of(&board, BOARD_PLUGIN_MAX - 1).slot, 31);
	kinds[BOARD_PLUGIN_MAX] = 'p';
	board = board_with(kinds);
	assert_int_equal(board_check(&board, &why), -EINVAL);
	assert_string_equal(why.text, "there is no PCI slot left for dev31");
}

/* --- what guests read */

static uint8_t tables[ACPI_TABLES_MAX_BYTES];

static const struct acpi_header *find_table(const struct board *board, const char *signature)
{
	int len = board_build_acpi(board, GPA_ACPI_TABLES, tables, sizeof tables);

	assert_true(len > 0);
	for (int at = 0; at + (int)sizeof(struct acpi_header) <= len; at += 4)
		if (!memcmp(tables + at, signature, 4))
			return (const struct acpi_header *)(tables + at);
	return NULL;
}

static void mcfg(void **state)
{
	struct board board = board_with("p");
	const struct acpi_mcfg *table = (const struct acpi_mcfg *)find_table(&board, "MCFG");

	(void)state;
	assert_non_null(table);
	assert_int_equal(table->base, GPA_PCI_CONFIG);
	assert_int_equal(test_sum(table, table->header.length), 0);
	board = board_with("m");
	assert_null(find_table(&board, "MCFG"));
}

/* The disassembled DSDT of this board has this text so many times. */
static void expect_dsl(const struct board *board, const char *text, unsigned times)
{
	char dir[64];
	const struct acpi_header *dsdt = find_table(board, "DSDT");

	assert_non_null(dsdt);
	test_make_directory(dir);
	test_write_file(dir, "dsdt.dat", dsdt, dsdt->length);
	assert_int_equal(test_shell("cd %s && iasl -d dsdt.dat >log 2>&1", dir), 0);
	assert_int_equal(
		test_shell("cd %s && iasl dsdt.dsl >log 2>&1 && grep -q ' 0 Errors' log", dir), 0);
	assert_int_equal(test_shell("test $(grep -cE '%s' %s/dsdt.dsl) = %u", text, dir, times), 0);
	test_remove_directory(dir);
}

static void dsdt(void **state)
{
	char kinds[BOARD_PLUGIN_MAX + 1] = "";
	struct board board = board_with("mpm");

	(void)state;
	test_need_tool("iasl");
	expect_dsl(&board, "LNRO0005", 2);
	expect_dsl(&board, "0xD0001000, ", 1);
	expect_dsl(&board, "PNP0A03", 1);
	expect_dsl(&board, "0x0001FFFF", 1);
	board = board_with("mm");
	expect_dsl(&board, "PNP0A03", 0);
	memset(kinds, 'p', BOARD_PLUGIN_MAX);
	board = board_with(kinds);
	expect_dsl(&board, "0x00[01][0-9A-F]FFFF", BOARD_PLUGIN_MAX); /* a route for each slot */
}

static void expect_fdt(const char *dir, const char *node, const char *property, const char *value)
{
	assert_int_equal(test_shell("test \"$(fdtget -t x %s/dtb %s %s | cut -c1-%zu)\" = '%s'",
				    dir, node, property, strlen(value), value),
			 0);
}

static void device_tree(void **state)
{
	static uint8_t dtb[0x10000];
	struct board board = board_with("pm");
	char dir[64];
	char node[64];
	int len = board_build_fdt(&board, dtb, sizeof dtb);

	(void)state;
	test_need_tool("fdtget");
	assert_true(len > 0);
	test_make_directory(dir);
	test_write_file(dir, "dtb", dtb, (size_t)len);
	snprintf(node, sizeof node, "/virtio_mmio@%llx", GPA_VIRTIO_MMIO);
	expect_fdt(dir, node, "interrupts", "5");
	snprintf(node, sizeof node, "/pci@%llx", GPA_PCI_CONFIG);
	expect_fdt(dir, node, "ranges", "1000000 0 c000 0 c000 0 4000 2000000 0 d8000000");
	expect_fdt(dir, node, "interrupt-map-mask", "3800 0 0 0");
	expect_fdt(dir, node, "interrupt-map", "0 0 0 0 1 10 800 0 0 0 1 11");
	test_remove_directory(dir);
}

static bool is_reserved(const struct board *board, uint64_t gpa)
{
	struct board_e820_entry entry[BOARD_E820_MAX];
	unsigned count = board_build_e820(board, entry);

	for (unsigned i = 0; i < count; i++)
		if (gpa >= entry[i].gpa && gpa - entry[i].gpa < entry[i].size_bytes)
			return entry[i].type == E820_RESERVED;
	return false;
}

static void e820(void **state)
{
	struct board board = board_with("p");

	(void)state;
	assert_true(is_reserved(&board, GPA_PCI_CONFIG));
	assert_true(is_reserved(&board, GPA_PCI_CONFIG + GPA_PCI_CONFIG_BYTES - 1));
	board = board_with("m");
	assert_false(is_reserved(&board, GPA_PCI_CONFIG));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(places),	cmocka_unit_test(interrupts_are_used_once),
		cmocka_unit_test(nothing_left), cmocka_unit_test(mcfg),
		cmocka_unit_test(dsdt),		cmocka_unit_test(device_tree),
		cmocka_unit_test(e820),
	};

	return cmocka_run_group_tests_name("board_plugins", tests, NULL, NULL);
}

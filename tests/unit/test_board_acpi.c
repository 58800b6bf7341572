/* SPDX-License-Identifier: MIT
 *
 * ACPI tables: links and checksums, what they say about the machine, iasl's opinion, and the printer.
 */
#include "board_test.h"

#include "board/acpi.h"
#include "cmd/dump.h"
#include "dev/acpi_sleep.h"
#include "memory_map.h"
#include "ports.h"

static uint8_t tables[ACPI_TABLES_MAX_BYTES];
static size_t tables_bytes;

static void build(const struct board *board)
{
	int len_bytes = board_build_acpi(board, GPA_ACPI_TABLES, tables, sizeof tables);

	assert_true(len_bytes > 0);
	tables_bytes = (size_t)len_bytes;
}

static const void *at(uint64_t gpa, size_t len_bytes)
{
	assert_in_range(gpa, GPA_ACPI_TABLES, GPA_ACPI_TABLES + tables_bytes - len_bytes);
	return tables + (gpa - GPA_ACPI_TABLES);
}

/* A table with that signature, whole and with a right checksum. */
static const void *table_at(uint64_t gpa, const char *signature)
{
	const struct acpi_header *table = at(gpa, sizeof *table);

	assert_memory_equal(table->signature, signature, 4);
	at(gpa, table->length);
	assert_int_equal(test_sum(table, table->length), 0);
	return table;
}

static uint64_t xsdt_entry(unsigned index)
{
	const struct acpi_rsdp *rsdp = at(GPA_ACPI_TABLES, sizeof *rsdp);
	const struct acpi_header *xsdt = table_at(rsdp->xsdt_gpa, "XSDT");
	uint64_t gpa;

	assert_int_equal(xsdt->length, sizeof *xsdt + 2 * sizeof gpa);
	memcpy(&gpa, (const uint8_t *)(xsdt + 1) + index * sizeof gpa, sizeof gpa);
	return gpa;
}

static const struct acpi_fadt *fadt(void)
{
	return table_at(xsdt_entry(0), "FACP");
}

static void check_links(const struct board *board)
{
	build(board);
	const struct acpi_rsdp *rsdp = at(GPA_ACPI_TABLES, sizeof *rsdp);

	assert_memory_equal(rsdp->signature, "RSD PTR ", 8);
	assert_int_equal(rsdp->revision, 2);
	assert_int_equal(test_sum(rsdp, 20), 0);
	assert_int_equal(test_sum(rsdp, sizeof *rsdp), 0);
	assert_int_equal(fadt()->dsdt, fadt()->x_dsdt);
	table_at(fadt()->dsdt, "DSDT");
	table_at(xsdt_entry(1), "APIC");
	if (board->irqchip == BOARD_IRQCHIP_SPLIT) {
		assert_int_equal(fadt()->firmware_ctrl, 0);
		return;
	}
	const struct acpi_facs *facs = at(fadt()->firmware_ctrl, sizeof *facs);

	assert_memory_equal(facs->signature, "FACS", 4);
	assert_int_equal(facs->length, sizeof *facs);
	assert_int_equal(fadt()->firmware_ctrl % 64, 0);
}

static void links_and_checksums(void **state)
{
	(void)state;
	test_each_board(check_links);
}

static void check_madt(const struct board *board)
{
	build(board);
	const struct acpi_madt *madt = table_at(xsdt_entry(1), "APIC");
	const uint8_t *entry = (const uint8_t *)(madt + 1);
	const uint8_t *end = (const uint8_t *)madt + madt->header.length;
	unsigned seen[256] = {0}, cpu_count = 0;

	assert_int_equal(madt->lapic_gpa, GPA_LAPIC);
	assert_int_equal(madt->flags, board->irqchip == BOARD_IRQCHIP_KERNEL ? 1 : 0);
	for (; entry < end; entry += entry[1]) {
		assert_true(entry[1] >= 2 && entry + entry[1] <= end);
		seen[entry[0]]++;
		if (entry[0] == MADT_LAPIC) {
			const struct madt_lapic *lapic = (const void *)entry;

			assert_int_equal(lapic->apic_id, cpu_count++);
			assert_int_equal(lapic->flags, MADT_LAPIC_ENABLED);
		}
	}
	assert_ptr_equal(entry, end);
	assert_int_equal(cpu_count, board->cpu_count);
	assert_int_equal(seen[MADT_IOAPIC], 1);
	assert_int_equal(seen[MADT_LAPIC_NMI], 1);
	assert_int_equal(seen[MADT_INTERRUPT_OVERRIDE],
			 board->irqchip == BOARD_IRQCHIP_KERNEL ? 2 : 0);
}

static void madt_lists_the_machine(void **state)
{
	(void)state;
	test_each_board(check_madt);
}

/* 300 processors are more than a board has; the tables could say it. */
static void big_apic_ids_are_x2apics(void **state)
{
	(void)state;
	struct board board = test_board(BOARD_IRQCHIP_KERNEL, 300);
	unsigned x2apic_count = 0;

	build(&board);
	const struct acpi_madt *madt = table_at(xsdt_entry(1), "APIC");
	const uint8_t *entry = (const uint8_t *)(madt + 1);
	const uint8_t *end = (const uint8_t *)madt + madt->header.length;

	for (; entry < end; entry += entry[1])
		if (entry[0] == MADT_X2APIC) {
			const struct madt_x2apic *x2apic = (const void *)entry;

			assert_int_equal(x2apic->apic_id, 255 + x2apic_count++);
		}
	assert_int_equal(x2apic_count, 300 - 255);
}

static void classic_board(void **state)
{
	(void)state;
	const struct board board = test_board(BOARD_IRQCHIP_KERNEL, 1);

	build(&board);
	assert_int_equal(fadt()->header.revision, 6);
	assert_int_equal(fadt()->sci_int, IRQ_ACPI_SCI);
	assert_int_equal(fadt()->smi_cmd, 0);
	assert_int_equal(fadt()->pm1a_evt_blk, PORT_ACPI_PM);
	assert_int_equal(fadt()->x_pm1a_evt_blk.address, fadt()->pm1a_evt_blk);
	assert_int_equal(fadt()->x_pm1a_cnt_blk.address, fadt()->pm1a_cnt_blk);
	assert_int_equal(fadt()->x_pm_tmr_blk.address, fadt()->pm_tmr_blk);
	assert_int_equal(fadt()->x_pm1a_evt_blk.bit_width, 8 * fadt()->pm1_evt_len);
	assert_int_equal(fadt()->x_pm1a_cnt_blk.bit_width, 8 * fadt()->pm1_cnt_len);
	assert_int_equal(fadt()->x_pm_tmr_blk.bit_width, 8 * fadt()->pm_tmr_len);
	assert_int_equal(fadt()->reset_reg.address, PORT_ACPI_RESET);
	assert_int_equal(fadt()->reset_value, ACPI_SLEEP_RESET_VALUE);
	assert_int_equal(fadt()->flags & (FADT_HW_REDUCED_ACPI | FADT_PWR_BUTTON), 0);
	assert_true(fadt()->flags & FADT_RESET_REG_SUP);
	/* the clock is there but not announced: docs/board.md */
	assert_true(fadt()->iapc_boot_arch & FADT_NO_CMOS_RTC);
}

static void reduced_board(void **state)
{
	(void)state;
	const struct board board = test_board(BOARD_IRQCHIP_SPLIT, 1);

	build(&board);
	assert_true(fadt()->flags & FADT_HW_REDUCED_ACPI);
	assert_true(fadt()->flags & FADT_PWR_BUTTON);
	assert_int_equal(fadt()->pm1a_evt_blk | fadt()->pm1a_cnt_blk | fadt()->pm_tmr_blk, 0);
	assert_int_equal(fadt()->sleep_control_reg.address, PORT_ACPI_RESET + ACPI_SLEEP_CONTROL);
	assert_int_equal(fadt()->sleep_status_reg.address, PORT_ACPI_RESET + ACPI_SLEEP_STATUS);
	assert_int_equal(fadt()->reset_reg.address, PORT_ACPI_RESET);
}

static void too_small_buffers(void **state)
{
	(void)state;
	for (int irqchip = BOARD_IRQCHIP_KERNEL; irqchip <= BOARD_IRQCHIP_SPLIT; irqchip++) {
		const struct board board = test_board((enum board_irqchip)irqchip, 2);

		build(&board);
		for (size_t size_bytes = 0; size_bytes <= tables_bytes; size_bytes++) {
			uint8_t *buf = test_malloc(size_bytes + 16);

			memset(buf, 0xa5, size_bytes + 16);
			int result = board_build_acpi(&board, GPA_ACPI_TABLES, buf, size_bytes);

			assert_int_equal(result,
					 size_bytes < tables_bytes ? -ENOSPC : (int)tables_bytes);
			for (int i = 0; i < 16; i++)
				assert_int_equal(buf[size_bytes + (size_t)i], 0xa5);
			test_free(buf);
		}
	}
}

/* Disassembles, compiles again; neither may have a complaint, and the AML must come out the same. */
static void check_with_iasl(const struct board *board)
{
	char dir[64];

	build(board);
	test_make_directory(dir);
	assert_int_equal(dump_acpi_files(dir, tables, tables_bytes, GPA_ACPI_TABLES), 0);
	int status = test_shell(
		"cd %s || exit 1\n"
		"for t in dsdt facp apic xsdt%s; do\n"
		"  iasl -d $t.aml >>log 2>&1 && test -s $t.dsl || exit 2\n"
		"  iasl -p again-$t $t.dsl >>log 2>&1 || exit 3\n"
		"done\n"
		"grep -q '0 Errors, 0 Warnings, 0 Remarks' log || exit 4\n"
		"grep -E '^(Error|Warning|Remark) |[1-9][0-9]* (Errors|Warnings|Remarks)|rror:|arning:' log &&"
		" exit 5\n"
		"tail -c +37 dsdt.aml >1 && tail -c +37 again-dsdt.aml >2 && cmp 1 2 || exit 6",
		dir, board->irqchip == BOARD_IRQCHIP_KERNEL ? " facs" : "");

	if (status) {
		test_shell("cat %s/log >&2", dir);
		fail_msg("iasl: step %d failed", status);
	}
	test_remove_directory(dir);
}

static void iasl_agrees(void **state)
{
	(void)state;
	test_need_tool("iasl");
	test_each_board(check_with_iasl);
}

static void check_dump(const struct board *board)
{
	char *text;
	size_t text_bytes;

	build(board);
	FILE *out = open_memstream(&text, &text_bytes);

	assert_int_equal(dump_acpi(out, tables, tables_bytes, GPA_ACPI_TABLES), 0);
	fclose(out);
	assert_non_null(strstr(text, "DSDT"));
	assert_null(strstr(text, "WRONG"));
	free(text);
}

static void dump_prints(void **state)
{
	(void)state;
	test_each_board(check_dump);
}

/* Which bytes a checksum covers: all but the FACS and the gaps between tables. */
static void mark_covered(bool covered[ACPI_TABLES_MAX_BYTES])
{
	const struct acpi_rsdp *rsdp = at(GPA_ACPI_TABLES, sizeof *rsdp);
	const uint64_t gpa[] = {rsdp->xsdt_gpa, xsdt_entry(0), xsdt_entry(1), fadt()->x_dsdt};

	memset(covered, 0, ACPI_TABLES_MAX_BYTES * sizeof *covered);
	memset(covered, true, sizeof *rsdp);
	for (unsigned i = 0; i < sizeof gpa / sizeof *gpa; i++) {
		const struct acpi_header *table = at(gpa[i], sizeof *table);

		memset(covered + (gpa[i] - GPA_ACPI_TABLES), true, table->length);
	}
}

/* No flipped bit and no cut may lead the printer outside, and each one that a checksum covers is told. */
static void dump_survives_damage(void **state)
{
	(void)state;
	const struct board board = test_board(BOARD_IRQCHIP_KERNEL, 2);
	static bool covered[ACPI_TABLES_MAX_BYTES];
	FILE *out = fopen("/dev/null", "w");

	build(&board);
	mark_covered(covered);
	for (size_t bit = 0; bit < 8 * tables_bytes; bit++) {
		uint8_t *copy = test_malloc(tables_bytes); /* exact, for the sanitizer */

		memcpy(copy, tables, tables_bytes);
		copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
		int result = dump_acpi(out, copy, tables_bytes, GPA_ACPI_TABLES);

		if (result != -EINVAL && covered[bit / 8])
			fail_msg("damage at byte %zu not noticed", bit / 8);
		test_free(copy);
	}
	for (size_t len_bytes = 0; len_bytes < tables_bytes; len_bytes++) {
		uint8_t *copy = test_malloc(len_bytes);

		memcpy(copy, tables, len_bytes);
		assert_int_equal(dump_acpi(out, copy, len_bytes, GPA_ACPI_TABLES), -EINVAL);
		test_free(copy);
	}
	fclose(out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(links_and_checksums),
		cmocka_unit_test(madt_lists_the_machine),
		cmocka_unit_test(big_apic_ids_are_x2apics),
		cmocka_unit_test(classic_board),
		cmocka_unit_test(reduced_board),
		cmocka_unit_test(too_small_buffers),
		cmocka_unit_test(iasl_agrees),
		cmocka_unit_test(dump_prints),
		cmocka_unit_test(dump_survives_damage),
	};

	return cmocka_run_group_tests_name("ACPI", tests, NULL, NULL);
}

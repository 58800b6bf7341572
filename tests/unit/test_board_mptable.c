/* SPDX-License-Identifier: MIT
 *
 * The MP table, found and read as an operating system does.
 */
#include "board_test.h"

#include "board/acpi.h"
#include "board/mptable.h"
#include "memory_map.h"
#include "ports.h"

#define BASE_MEMORY_END 0xa0000
#define PLACE_BYTES (BASE_MEMORY_END - GPA_MP_TABLE)

static _Alignas(16) uint8_t place[PLACE_BYTES];

/* Searches the last KiB of base memory, as MP 1.4 §4 says. */
static const struct mp_pointer *find_pointer(void)
{
	for (size_t i = PLACE_BYTES - 1024; i < PLACE_BYTES; i += 16)
		if (!memcmp(place + i, "_MP_", 4))
			return (const void *)(place + i);
	return NULL;
}

static unsigned entry_bytes(uint8_t type)
{
	assert_in_range(type, MP_PROCESSOR, MP_LOCAL_INTERRUPT);
	return type == MP_PROCESSOR ? 20 : 8;
}

/* Pins with their flags; -1 where no interrupt is assigned. */
struct summary {
	unsigned count[5];
	int pin_of_irq[16];
	int flags_of_irq[16];
};

static void read_table(struct summary *summary)
{
	const struct mp_pointer *pointer = find_pointer();

	assert_non_null(pointer);
	assert_int_equal(test_sum(pointer, sizeof *pointer), 0);
	assert_int_equal(pointer->table_gpa, GPA_MP_TABLE);
	const struct mp_table *table = (const void *)place;

	assert_memory_equal(table->signature, "PCMP", 4);
	assert_true(table->length_bytes <= PLACE_BYTES - sizeof *pointer);
	assert_int_equal(test_sum(table, table->length_bytes), 0);
	assert_int_equal(table->lapic_gpa, GPA_LAPIC);
	const uint8_t *entry = place + sizeof *table, *end = place + table->length_bytes;
	unsigned total = 0;
	uint8_t last_type = 0;

	*summary = (struct summary){0};
	memset(summary->pin_of_irq, -1, sizeof summary->pin_of_irq);
	for (; entry < end; entry += entry_bytes(entry[0]), total++) {
		const struct mp_interrupt *interrupt = (const void *)entry;

		assert_true(entry[0] >= last_type);
		last_type = entry[0];
		if (entry[0] == MP_PROCESSOR)
			assert_int_equal(entry[1], summary->count[MP_PROCESSOR]);
		if (entry[0] == MP_IO_INTERRUPT) {
			summary->pin_of_irq[interrupt->source_irq] = interrupt->apic_pin;
			summary->flags_of_irq[interrupt->source_irq] = interrupt->flags;
		}
		summary->count[entry[0]]++;
	}
	assert_ptr_equal(entry, end);
	assert_int_equal(total, table->entry_count);
}

static void check_table(const struct board *board)
{
	struct summary summary;
	bool classic = board->irqchip == BOARD_IRQCHIP_KERNEL;

	memset(place, 0xa5, sizeof place);
	assert_int_equal(board_build_mptable(board, GPA_MP_TABLE, place, sizeof place),
			 PLACE_BYTES);
	read_table(&summary);
	if (board->cpu_count <= 100)
		assert_int_equal(summary.count[MP_PROCESSOR], board->cpu_count);
	else
		assert_in_range(summary.count[MP_PROCESSOR], 100, board->cpu_count);
	assert_int_equal(summary.count[MP_BUS], 1);
	assert_int_equal(summary.count[MP_IOAPIC], 1);
	assert_int_equal(summary.count[MP_LOCAL_INTERRUPT], classic ? 2 : 1);
	assert_int_equal(summary.pin_of_irq[0], classic ? 2 : -1);
	assert_int_equal(summary.pin_of_irq[IRQ_COM1], IRQ_COM1);
	assert_int_equal(summary.flags_of_irq[IRQ_COM1], INTI_BUS_DEFAULT);
	assert_int_equal(summary.pin_of_irq[IRQ_ACPI_SCI], IRQ_ACPI_SCI);
	assert_int_equal(summary.flags_of_irq[IRQ_ACPI_SCI], INTI_ACTIVE_HIGH | INTI_LEVEL);
	assert_int_equal(summary.pin_of_irq[5], -1);
}

static void table_is_found_and_right(void **state)
{
	(void)state;
	test_each_board(check_table);
}

static void too_small_buffers(void **state)
{
	(void)state;
	const struct board board = test_board(BOARD_IRQCHIP_KERNEL, 4);
	unsigned built = 0;

	for (size_t size_bytes = 0; size_bytes <= 1024; size_bytes++) {
		_Alignas(16) uint8_t buf[1024 + 16];

		memset(buf, 0xa5, sizeof buf);
		int result = board_build_mptable(&board, GPA_MP_TABLE, buf, size_bytes);

		assert_true(result == -ENOSPC || result == (int)size_bytes);
		built += result > 0;
		for (size_t i = result > 0 ? size_bytes : 0; i < sizeof buf; i++)
			assert_int_equal(buf[i], 0xa5);
	}
	assert_in_range(built, 1, 1024 / 16);
	assert_int_equal(board_build_mptable(&board, GPA_MP_TABLE + 8, place, sizeof place),
			 -ENOSPC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(table_is_found_and_right),
		cmocka_unit_test(too_small_buffers),
	};

	return cmocka_run_group_tests_name("MP table", tests, NULL, NULL);
}

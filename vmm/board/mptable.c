/* SPDX-License-Identifier: MIT
 *
 * The MP table (Intel MultiProcessor Specification 1.4, chapter 4), for systems that read no ACPI.
 *
 *     gpa                               gpa + size_bytes - 16
 *     | PCMP: header, processors, …     | _MP_ |
 *
 * §4 has the pointer searched in the last KiB of base memory, so it stands at the end. Of more
 * processors than there is room for, the first ones are listed.
 */
#include "board/mptable.h"

#include <errno.h>
#include <string.h>

#include "board/acpi.h"
#include "board/board.h"
#include "memory_map.h"
#include "ports.h"

enum { BUS_ISA, IOAPIC_ID = 0, LAPIC_ALL = 0xff, LAPIC_VERSION = 0x14, IOAPIC_VERSION = 0x11 };
#define CPU_SIGNATURE 0x600u  /* family 6; systems ask CPUID anyway */
#define CPU_FEATURES 0x201u   /* FPU, APIC */
#define FIXED_ENTRY_BYTES 256 /* at most: all that is not a processor */

/* Entries behind the header; the room was computed before. */
struct writer {
	struct mp_table *table;
	uint8_t *next;
};

static void add(struct writer *w, const void *entry, size_t len_bytes)
{
	memcpy(w->next, entry, len_bytes);
	w->next += len_bytes;
	w->table->entry_count++;
}

static void add_processors(struct writer *w, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		const struct mp_processor cpu = {
			.type = MP_PROCESSOR,
			.apic_id = (uint8_t)i,
			.apic_version = LAPIC_VERSION,
			.flags = (uint8_t)(MP_PROCESSOR_ENABLED | (i ? 0 : MP_PROCESSOR_BOOT)),
			.signature = CPU_SIGNATURE,
			.features = CPU_FEATURES,
		};

		add(w, &cpu, sizeof cpu);
	}
}

static void add_bus_and_ioapic(struct writer *w)
{
	const struct mp_bus isa = {MP_BUS, BUS_ISA, {'I', 'S', 'A', ' ', ' ', ' '}};
	const struct mp_ioapic ioapic = {MP_IOAPIC, IOAPIC_ID, IOAPIC_VERSION, 1,
					 (uint32_t)GPA_IOAPIC};

	add(w, &isa, sizeof isa);
	add(w, &ioapic, sizeof ioapic);
}

static void add_interrupt(struct writer *w, uint16_t flags, uint8_t irq, uint8_t pin)
{
	const struct mp_interrupt in = {MP_IO_INTERRUPT, MP_INT, flags, BUS_ISA, irq,
					IOAPIC_ID,	 pin};

	add(w, &in, sizeof in);
}

static void add_local_interrupt(struct writer *w, enum mp_interrupt_kind kind, uint8_t lint)
{
	const struct mp_interrupt in = {
		MP_LOCAL_INTERRUPT, (uint8_t)kind, INTI_BUS_DEFAULT, BUS_ISA, 0, LAPIC_ALL, lint};

	add(w, &in, sizeof in);
}

static void add_interrupts(struct writer *w, const struct board *board)
{
	bool classic = board->irqchip == BOARD_IRQCHIP_KERNEL;

	if (classic)
		add_interrupt(w, INTI_BUS_DEFAULT, 0, 2); /* PIT */
	for (unsigned i = 0; i < board_table_count; i++) {
		int irq = board_table[i].irq;

		if (irq == BOARD_NO_IRQ || !board_has(board, &board_table[i]))
			continue;
		add_interrupt(
			w, irq == IRQ_ACPI_SCI ? INTI_ACTIVE_HIGH | INTI_LEVEL : INTI_BUS_DEFAULT,
			(uint8_t)irq, (uint8_t)irq);
	}
	if (classic)
		add_local_interrupt(w, MP_EXTINT, 0); /* the 8259s */
	add_local_interrupt(w, MP_NMI, 1);
}

static void write_pointer(struct mp_pointer *pointer, uint64_t table_gpa)
{
	*pointer = (struct mp_pointer){
		.table_gpa = (uint32_t)table_gpa, .paragraphs = 1, .revision = 4};
	memcpy(pointer->signature, "_MP_", 4);
	pointer->checksum = (uint8_t)-acpi_sum(pointer, sizeof *pointer);
}

static void write_header(struct mp_table *table)
{
	*table = (struct mp_table){.revision = 4, .lapic_gpa = (uint32_t)GPA_LAPIC};
	memcpy(table->signature, "PCMP", 4);
	memcpy(table->oem_id, "VITRINE ", 8);
	memcpy(table->product_id, "BOARD       ", 12);
}

int board_build_mptable(const struct board *board, uint64_t gpa, void *buf, size_t size_bytes)
{
	const size_t overhead = sizeof(struct mp_table) + FIXED_ENTRY_BYTES +
				sizeof(struct mp_pointer);

	if (size_bytes < overhead + sizeof(struct mp_processor) || size_bytes % 16 || gpa % 16)
		return -ENOSPC;
	size_t room = (size_bytes - overhead) / sizeof(struct mp_processor);
	unsigned cpu_count = board->cpu_count < room ? board->cpu_count : (unsigned)room;
	struct writer w = {.table = buf, .next = (uint8_t *)buf + sizeof(struct mp_table)};

	memset(buf, 0, size_bytes);
	write_header(w.table);
	add_processors(&w, cpu_count);
	add_bus_and_ioapic(&w);
	add_interrupts(&w, board);
	w.table->length_bytes = (uint16_t)(w.next - (uint8_t *)buf);
	w.table->checksum = (uint8_t)-acpi_sum(buf, w.table->length_bytes);
	write_pointer((struct mp_pointer *)((uint8_t *)buf + size_bytes) - 1, gpa);
	return (int)size_bytes;
}

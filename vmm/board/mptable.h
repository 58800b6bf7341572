/* SPDX-License-Identifier: MIT
 *
 * Intel MultiProcessor Specification 1.4, chapter 4, as it lies in memory.
 */
#ifndef VITRINE_BOARD_MPTABLE_H
#define VITRINE_BOARD_MPTABLE_H

#include <stdint.h>

/* §4.1: found by its signature on a 16-byte boundary */
struct mp_pointer {
	char signature[4]; /* "_MP_" */
	uint32_t table_gpa;
	uint8_t paragraphs; /* length in 16 bytes */
	uint8_t revision;
	uint8_t checksum;
	uint8_t feature[5]; /* [0] 0: there is a table; [1] bit 7: PIC mode */
};

/* §4.2 */
struct mp_table {
	char signature[4]; /* "PCMP" */
	uint16_t length_bytes;
	uint8_t revision;
	uint8_t checksum;
	char oem_id[8];
	char product_id[12];
	uint32_t oem_table_gpa;
	uint16_t oem_table_bytes;
	uint16_t entry_count;
	uint32_t lapic_gpa;
	uint16_t extended_bytes;
	uint8_t extended_checksum;
	uint8_t reserved;
};

/* §4.3: entries, in ascending order of type */
enum mp_entry_type { MP_PROCESSOR, MP_BUS, MP_IOAPIC, MP_IO_INTERRUPT, MP_LOCAL_INTERRUPT };

struct mp_processor {
	uint8_t type;
	uint8_t apic_id, apic_version;
	uint8_t flags; /* MP_PROCESSOR_* */
	uint32_t signature, features;
	uint32_t reserved[2];
};

enum { MP_PROCESSOR_ENABLED = 1, MP_PROCESSOR_BOOT = 2 };

struct mp_bus {
	uint8_t type;
	uint8_t id;
	char name[6];
};

struct mp_ioapic {
	uint8_t type;
	uint8_t id, version, flags;
	uint32_t gpa;
};

struct mp_interrupt {
	uint8_t type;
	uint8_t kind;	/* enum mp_interrupt_kind */
	uint16_t flags; /* INTI_* of board/acpi.h */
	uint8_t source_bus, source_irq;
	uint8_t apic_id, apic_pin; /* id 0xff: all local APICs */
};

enum mp_interrupt_kind { MP_INT, MP_NMI, MP_SMI, MP_EXTINT };

_Static_assert(sizeof(struct mp_pointer) == 16, "MP floating pointer");
_Static_assert(sizeof(struct mp_table) == 44, "MP table header");
_Static_assert(sizeof(struct mp_processor) == 20, "MP processor");
_Static_assert(sizeof(struct mp_bus) == 8, "MP bus");
_Static_assert(sizeof(struct mp_ioapic) == 8, "MP IOAPIC");
_Static_assert(sizeof(struct mp_interrupt) == 8, "MP interrupt");

#endif

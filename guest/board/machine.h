/* SPDX-License-Identifier: MIT
 *
 * The machine as it was found: by the device tree under Vitrine, by start info and ACPI elsewhere.
 * Filled in once before anything else runs, constant afterwards.
 */
#ifndef GUEST_BOARD_MACHINE_H
#define GUEST_BOARD_MACHINE_H

#include <stdbool.h>
#include <stdint.h>

#include "guest/mm/layout.h"

#define MACHINE_RANGE_MAX 32
#define MACHINE_CMDLINE_MAX 1024 /* including the NUL; longer ones are cut */

struct machine_range {
	uint64_t start, end; /* GPA */
};

struct machine {
	char cmdline[MACHINE_CMDLINE_MAX];
	unsigned entry_bits; /* 32 or 64: how we were entered */

	struct machine_range ram[MACHINE_RANGE_MAX];
	unsigned ram_count;
	struct machine_range taken[MACHINE_RANGE_MAX]; /* RAM that holds what we still need */
	unsigned taken_count;
	uint64_t ram_bytes;

	uint8_t apic_id[CPU_MAX]; /* [0] is the boot processor once smp_init() ran */
	unsigned cpu_count;

	const void *fdt; /* NULL: none */
	uint64_t fdt_bytes;
	uint64_t initrd_gpa;	/* the first module that isn't a device tree; in taken */
	uint64_t initrd_bytes;	/* 0: none */
	uint64_t rsdp_gpa;	/* 0: none */
	uint64_t hypercall_gpa; /* 0: none */
	uint64_t ioapic_gpa;
	uint16_t serial_port, serial_irq;
	uint16_t debug_exit_port; /* 0: none */
	uint16_t pvpanic_port;	  /* 0: none */
	uint16_t pm_port;	  /* PM1a event block; 0: none */
	uint16_t pm_control_port; /* PM1a control; 0: none */
	uint16_t sleep_port;	  /* reset +0, sleep control +1, status +2, GED +4; 0: none */
	uint16_t power_irq;	  /* SCI or GED */
};
extern struct machine machine;

/* Reads everything from start info (abi/pvh.h) on. false: start info is unusable. */
bool machine_discover(uint32_t start_info_gpa, unsigned entry_bits);

/* Whether the command line has this word. */
bool machine_has_word(const char *word);

/* What follows "key=" on the command line, up to a blank, cut to size; false if it isn't there. */
bool machine_option(const char *key, char *value, unsigned size);

/* Fills machine in from the device tree. false: the tree is damaged. */
bool machine_read_fdt(const void *blob, uint64_t bytes);

#endif

/* SPDX-License-Identifier: MIT
 *
 * The little of ACPI (6.4) that a kernel without an AML interpreter can use. Under Vitrine only
 * power-off without a device tree would need it, so nothing is read before it is asked for.
 */
#ifndef GUEST_BOARD_ACPI_H
#define GUEST_BOARD_ACPI_H

#include <stdbool.h>
#include <stdint.h>

/* An ACPI register: port or memory. gpa_or_port 0: not there. */
struct acpi_register {
	uint64_t gpa_or_port;
	bool is_port;
};

/* What the FADT says about switching off. */
struct acpi_power {
	struct acpi_register pm1_event, pm1_control, sleep_control, reset;
	uint16_t sci_irq;
	uint16_t smi_port; /* 0: ACPI mode is always on */
	uint8_t smi_enable, reset_value;
	bool hardware_reduced;
};

/* CPUs, IOAPIC and PM ports into struct machine, from MADT and FADT. */
void acpi_read_machine(void);

/* From the FADT. false: no tables, or damaged ones. */
bool acpi_read_power(struct acpi_power *power);

/* SLP_TYP of S5, from \_S5 in the DSDT. false: not found. */
bool acpi_read_s5(uint8_t *type);

/* Writes one byte or word to a register. */
void acpi_register_write(const struct acpi_register *at, unsigned bytes, uint16_t value);

#endif

/* SPDX-License-Identifier: MIT
 *
 * Reset and sleep registers of the hardware-reduced board (ACPI 6.4 §4.8.3.6, §4.8.3.7), and the event
 * register of its generic event device (§5.6.9), in one window of eight ports:
 *   +0 reset   +1 sleep control   +2 sleep status   +4 events (GED), 32 bits
 */
#ifndef VITRINE_DEV_ACPI_SLEEP_H
#define VITRINE_DEV_ACPI_SLEEP_H

#include "bus/device.h"

enum acpi_sleep_register {
	ACPI_SLEEP_RESET = 0,	/* write ACPI_SLEEP_RESET_VALUE: reset */
	ACPI_SLEEP_CONTROL = 1, /* SLP_TYP << 2 | SLP_EN (bit 5) */
	ACPI_SLEEP_STATUS = 2,	/* WAK_STS (bit 7): never set, there is no sleeping state */
	ACPI_SLEEP_EVENTS = 4	/* pending events; reading takes them */
};
#define ACPI_SLEEP_RESET_VALUE 1
#define ACPI_GED_POWER_BUTTON 1u

/* Needs setup->control. setup->irq is the GED's interrupt, high while an event is pending; it stays
 * silent on boards with the kernel's irqchip, which have the PM1 power button instead. */
extern const struct device_ops acpi_sleep_ops;

#endif

/* SPDX-License-Identifier: MIT
 *
 * ACPI fixed hardware of boards that are not hardware-reduced: PM1a event and control blocks and the
 * PM timer in one window of 16 ports, at +0, +4 and +8. ACPI 6.4 §4.8.3.
 */
#ifndef VITRINE_DEV_ACPI_PM_H
#define VITRINE_DEV_ACPI_PM_H

#include "bus/device.h"

#define ACPI_SLP_TYP_S5 5 /* what _S5 in the DSDT has to say */

/* Needs setup->control. setup->irq is the SCI, a level-triggered line; setup->loop may be NULL: then the
 * timer's carry is seen in its status bit but interrupts only at the next access. */
extern const struct device_ops acpi_pm_ops;

#endif

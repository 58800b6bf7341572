/* SPDX-License-Identifier: MIT
 *
 * Reset, sleep and generic event registers. See acpi_sleep.h.
 */
#include "dev/acpi_sleep.h"

#include <errno.h>

#include "board/board.h"
#include "bus/vm_control.h"
#include "dev/acpi_pm.h"
#include "dev/byte_access.h"

#define SLP_TYP_SHIFT 2
#define SLP_TYP_MASK 0x1c
#define SLP_EN 0x20

struct acpi_sleep {
	struct device dev;
	struct vm_control *control;
	struct irq_line irq;
	bool has_ged;
	uint8_t sleep_control; /* SLP_TYP only: SLP_EN reads as 0 */
	uint32_t events;
};

static int realize(struct device *dev, const struct device_setup *setup)
{
	struct acpi_sleep *sleep = (struct acpi_sleep *)dev;

	sleep->control = setup->control;
	sleep->irq = setup->irq;
	sleep->has_ged = !setup->board || setup->board->irqchip != BOARD_IRQCHIP_KERNEL;
	return setup->control ? 0 : -EINVAL;
}

static void set_events(struct acpi_sleep *sleep, uint32_t events)
{
	if (!events != !sleep->events)
		irq_line_set(&sleep->irq, events != 0);
	sleep->events = events;
}

static uint8_t read_byte(struct device *dev, uint64_t offset)
{
	struct acpi_sleep *sleep = (struct acpi_sleep *)dev;
	uint8_t events = (uint8_t)sleep->events;

	switch (offset) {
	case ACPI_SLEEP_CONTROL: return sleep->sleep_control;
	case ACPI_SLEEP_EVENTS: set_events(sleep, 0); return events;
	default: return 0;
	}
}

static void write_byte(struct device *dev, uint64_t offset, uint8_t value)
{
	struct acpi_sleep *sleep = (struct acpi_sleep *)dev;

	switch (offset) {
	case ACPI_SLEEP_RESET:
		if (value == ACPI_SLEEP_RESET_VALUE)
			vm_control_request(sleep->control, VM_END_RESET, 0);
		break;
	case ACPI_SLEEP_CONTROL:
		sleep->sleep_control = value & SLP_TYP_MASK;
		if ((value & SLP_EN) && sleep->sleep_control >> SLP_TYP_SHIFT == ACPI_SLP_TYP_S5)
			vm_control_request(sleep->control, VM_END_POWEROFF, 0);
		break;
	default: break;
	}
}

static uint64_t read_register(struct device *dev, unsigned region, uint64_t offset, unsigned width)
{
	(void)region;
	return byte_access_read(dev, offset, width, read_byte);
}

static void write_register(struct device *dev, unsigned region, uint64_t offset, unsigned width,
			   uint64_t value)
{
	(void)region;
	byte_access_write(dev, offset, width, value, write_byte);
}

static const char *register_name(unsigned region, uint64_t offset, bool is_write)
{
	(void)region;
	(void)is_write;
	switch (offset) {
	case ACPI_SLEEP_RESET: return "RESET";
	case ACPI_SLEEP_CONTROL: return "SLEEP_CONTROL";
	case ACPI_SLEEP_STATUS: return "SLEEP_STATUS";
	case ACPI_SLEEP_EVENTS: return "GED_EVENTS";
	default: return NULL;
	}
}

static void power_button(struct device *dev)
{
	struct acpi_sleep *sleep = (struct acpi_sleep *)dev;

	if (!sleep->has_ged)
		return;
	pthread_mutex_lock(&dev->lock);
	set_events(sleep, sleep->events | ACPI_GED_POWER_BUTTON);
	pthread_mutex_unlock(&dev->lock);
}

const struct device_ops acpi_sleep_ops = {
	.name = "acpi-sleep",
	.state_bytes = sizeof(struct acpi_sleep),
	.realize = realize,
	.read = read_register,
	.write = write_register,
	.register_name = register_name,
	.power_button = power_button,
};

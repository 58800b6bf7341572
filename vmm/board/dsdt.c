/* SPDX-License-Identifier: MIT
 *
 * The DSDT (ACPI 6.4 §5.2.11.1): one Device per line of the board table that has an ACPI identity,
 * \_S0 and \_S5, and on a hardware-reduced board the power button with its generic event device.
 *
 * Every object costs a guest some interpretation at boot, so what no guest needs is left out:
 * processors (the MADT has them), _STA (absent means present), _UID of what there is one of.
 */
#include <ctype.h>
#include <string.h>

#include "board/acpi.h"
#include "board/aml.h"
#include "dev/acpi_pm.h"
#include "dev/acpi_sleep.h"

/* "com1" -> "COM1", "rtc" -> "RTC_" */
static void name_device(const char *name, char out[5])
{
	memset(out, '_', 4);
	out[4] = 0;
	for (unsigned i = 0; i < 4 && name[i]; i++)
		if (isalnum((unsigned char)name[i]))
			out[i] = (char)toupper((unsigned char)name[i]);
}

/* With an 8259 the classic descriptor; without, IRQ numbers mean nothing and a GSI is named. */
void acpi_add_interrupt(struct aml *aml, const struct board *board, int irq)
{
	if (irq == BOARD_NO_IRQ)
		return;
	if (board->irqchip == BOARD_IRQCHIP_KERNEL && irq < 16)
		aml_resource_isa_irq(aml, (unsigned)irq);
	else
		aml_resource_interrupt(aml, (uint32_t)irq, false);
}

static void add_resources(struct aml *aml, const struct board *board,
			  const struct board_device *entry)
{
	aml_name(aml, "_CRS");
	size_t resources = aml_resources_begin(aml);

	for (unsigned i = 0; i < BOARD_WINDOW_MAX && entry->window[i].size_bytes; i++) {
		const struct board_window *window = &entry->window[i];

		if (window->space == BUS_PIO)
			aml_resource_io(aml, (uint16_t)window->base, (uint8_t)window->size_bytes);
		else
			aml_resource_memory(aml, (uint32_t)window->base,
					    (uint32_t)window->size_bytes);
	}
	acpi_add_interrupt(aml, board, entry->irq);
	aml_resources_end(aml, resources);
}

static void add_device(struct aml *aml, const struct board *board, const struct board_device *entry)
{
	char name[5];

	name_device(entry->name, name);
	size_t device = aml_begin(aml, AML_OP_DEVICE);

	aml_path(aml, name);
	aml_name(aml, "_HID");
	aml_hid(aml, entry->acpi_hid);
	add_resources(aml, board, entry);
	aml_end(aml, device);
}

/* Method (_EVT, 1, Serialized) { If (GEVT & 1) { Notify (PWRB, 0x80) } }
 * Reading the event register acknowledges: it clears and lowers the interrupt. */
static void add_event_method(struct aml *aml)
{
	size_t method = aml_begin(aml, AML_OP_METHOD);

	aml_path(aml, "_EVT");
	aml_byte(aml, 1 | AML_METHOD_SERIALIZED);
	size_t body = aml_begin(aml, AML_OP_IF);

	aml_op(aml, AML_OP_AND);
	aml_path(aml, "GEVT");
	aml_integer(aml, ACPI_GED_POWER_BUTTON);
	aml_integer(aml, 0); /* no target */
	aml_op(aml, AML_OP_NOTIFY);
	aml_path(aml, "PWRB");
	aml_integer(aml, 0x80); /* §5.6.6: power button pressed */
	aml_end(aml, body);
	aml_end(aml, method);
}

/* §5.6.9: the generic event device and its event register. */
static void add_event_device(struct aml *aml, const struct board *board)
{
	const struct board_device *sleep = board_find(board, "acpi-sleep");
	size_t device = aml_begin(aml, AML_OP_DEVICE);

	aml_path(aml, "GED");
	aml_name(aml, "_HID");
	aml_hid(aml, "ACPI0013");
	aml_name(aml, "_CRS");
	size_t resources = aml_resources_begin(aml);

	aml_resource_interrupt(aml, (uint32_t)sleep->irq, true);
	aml_resources_end(aml, resources);

	aml_op(aml, AML_OP_REGION);
	aml_path(aml, "GREG");
	aml_byte(aml, AML_SPACE_SYSTEM_IO);
	aml_integer(aml, sleep->window[0].base + ACPI_SLEEP_EVENTS);
	aml_integer(aml, 4);
	size_t field = aml_begin(aml, AML_OP_FIELD);

	aml_path(aml, "GREG");
	aml_byte(aml, AML_FIELD_DWORD_ACCESS);
	aml_field_unit(aml, "GEVT", 32);
	aml_end(aml, field);

	add_event_method(aml);
	aml_end(aml, device);
}

/* A power button that is a device, §4.8.2.2.1.2: hardware-reduced boards have no PM1 for a fixed one. */
static void add_power_button(struct aml *aml)
{
	size_t device = aml_begin(aml, AML_OP_DEVICE);

	aml_path(aml, "PWRB");
	aml_name(aml, "_HID");
	aml_hid(aml, "PNP0C0C");
	aml_end(aml, device);
}

/* Name (\_Sx, Package {SLP_TYPa, SLP_TYPb, 0, 0}), §7.4.2 */
static void add_sleep_state(struct aml *aml, const char *name, unsigned sleep_type)
{
	aml_name(aml, name);
	size_t package = aml_begin(aml, AML_OP_PACKAGE);

	aml_byte(aml, 4);
	aml_integer(aml, sleep_type);
	for (int i = 0; i < 3; i++)
		aml_integer(aml, 0);
	aml_end(aml, package);
}

int acpi_build_dsdt(const struct board *board, void *buf, size_t size_bytes)
{
	struct acpi_header header;
	struct aml aml;

	aml_init(&aml, buf, size_bytes);
	acpi_fill_header(&header, "DSDT", 2);
	for (size_t i = 0; i < sizeof header; i++)
		aml_byte(&aml, ((const uint8_t *)&header)[i]);

	add_sleep_state(&aml, "_S0", 0);
	add_sleep_state(&aml, "_S5", ACPI_SLP_TYP_S5);
	size_t scope = aml_begin(&aml, AML_OP_SCOPE);

	aml_path(&aml, "_SB");
	for (unsigned i = 0; i < board_table_count; i++)
		if (board_table[i].acpi_hid && board_has(board, &board_table[i]))
			add_device(&aml, board, &board_table[i]);
	acpi_add_plugins(&aml, board);
	if (board->irqchip == BOARD_IRQCHIP_SPLIT) {
		add_power_button(&aml);
		add_event_device(&aml, board);
	}
	aml_end(&aml, scope);
	return aml_result(&aml);
}

/* SPDX-License-Identifier: MIT
 *
 * What the DSDT says of plugins: a device for each virtio-mmio page, and the PCI bridge with its windows and
 * its interrupt wiring (PCI Firmware 3.0 §4.6, ACPI 6.4 §6.2.13).
 */
#include <stdio.h>

#include "board/acpi.h"
#include "board/aml.h"
#include "memory_map.h"
#include "ports.h"

#define MMIO_PAGE_BYTES 0x1000

static void add_mmio_device(struct aml *aml, const struct board *board, unsigned number,
			    const struct board_place *place)
{
	char name[8];

	snprintf(name, sizeof name, "VR%02X", number & 0xff);
	size_t device = aml_begin(aml, AML_OP_DEVICE);

	aml_path(aml, name);
	aml_name(aml, "_HID");
	aml_hid(aml, "LNRO0005");
	aml_name(aml, "_UID");
	aml_integer(aml, number);
	aml_name(aml, "_CRS");
	size_t resources = aml_resources_begin(aml);

	aml_resource_memory(aml, (uint32_t)place->gpa, MMIO_PAGE_BYTES);
	acpi_add_interrupt(aml, board, place->irq);
	aml_resources_end(aml, resources);
	aml_end(aml, device);
}

/* Package () {slot << 16 | any function, INTA#, no link device, GSI}: for slots that are taken. */
static void add_interrupt_wiring(struct aml *aml, const struct board *board)
{
	struct board_place place;
	unsigned count = 0;

	for (unsigned i = 0; i < board->plugin_count; i++)
		count += board->plugin[i].plug != BOARD_PLUG_VIRTIO_MMIO;
	aml_name(aml, "_PRT");
	size_t table = aml_begin(aml, AML_OP_PACKAGE);

	aml_byte(aml, (uint8_t)count);
	for (unsigned i = 0; i < board->plugin_count; i++) {
		if (board->plugin[i].plug == BOARD_PLUG_VIRTIO_MMIO ||
		    board_place_plugin(board, i, &place) < 0)
			continue;
		size_t entry = aml_begin(aml, AML_OP_PACKAGE);

		aml_byte(aml, 4);
		aml_integer(aml, place.slot << 16 | 0xffff);
		aml_integer(aml, 0);
		aml_integer(aml, 0);
		aml_integer(aml, (uint64_t)place.irq);
		aml_end(aml, entry);
	}
	aml_end(aml, table);
}

/* Ports of functions that are no BAR's lie behind the bridge, too: Linux gives the IDE function none else. Whole
 * dwords, as it takes no window of a single port. */
static void add_fixed_windows(struct aml *aml, const struct board *board)
{
	for (unsigned i = 0; i < board->plugin_count; i++)
		for (unsigned j = 0; j < board->plugin[i].window_count; j++) {
			const struct board_window *window = &board->plugin[i].window[j];

			aml_resource_io_range(aml, (uint16_t)(window->base & ~3u),
					      (uint16_t)((window->size_bytes + 3) & ~3u));
		}
}

static void add_pci_root(struct aml *aml, const struct board *board)
{
	size_t device = aml_begin(aml, AML_OP_DEVICE);

	aml_path(aml, "PCI0");
	aml_name(aml, "_HID");
	aml_hid(aml, "PNP0A03");
	aml_name(aml, "_CRS");
	size_t resources = aml_resources_begin(aml);

	aml_resource_bus_range(aml, 0, 0);
	aml_resource_io(aml, PORT_PCI_ADDRESS, 8);
	aml_resource_io_range(aml, PORT_PCI_WINDOW, PORT_PCI_WINDOW_SIZE);
	add_fixed_windows(aml, board);
	aml_resource_memory_range(aml, (uint32_t)GPA_PCI_WINDOW, (uint32_t)GPA_PCI_WINDOW_BYTES);
	aml_resources_end(aml, resources);
	add_interrupt_wiring(aml, board);
	aml_end(aml, device);
}

void acpi_add_plugins(struct aml *aml, const struct board *board)
{
	struct board_place place;
	unsigned number = 0;

	for (unsigned i = 0; i < board->plugin_count; i++)
		if (board->plugin[i].plug == BOARD_PLUG_VIRTIO_MMIO &&
		    board_place_plugin(board, i, &place) == 0)
			add_mmio_device(aml, board, number++, &place);
	if (board_has_pci(board))
		add_pci_root(aml, board);
}

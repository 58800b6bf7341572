/* SPDX-License-Identifier: MIT
 *
 * The flattened device tree (Devicetree Specification 0.4) of a board, written front to back with
 * libfdt's sequential API into a buffer of fixed size. docs/board.md shows its shape.
 */
#include <errno.h>
#include <libfdt.h>
#include <stdio.h>
#include <string.h>

#include "board/board.h"
#include "dev/pci_host.h"
#include "memory_map.h"
#include "ports.h"

enum { PHANDLE_IOAPIC = 1 };
#define ISA_IO 1 /* first cell of an address on the ISA bus: an I/O port */
#define UART_CLOCKS_PER_BIT 16

/* A tree in the making; the first error stays. */
struct tree {
	void *buf;
	int err;
};

static void step(struct tree *tree, int err)
{
	if (!tree->err)
		tree->err = err;
}

static void begin_node(struct tree *tree, const char *name)
{
	step(tree, fdt_begin_node(tree->buf, name));
}

static void end_node(struct tree *tree)
{
	step(tree, fdt_end_node(tree->buf));
}

static void add_flag(struct tree *tree, const char *name)
{
	step(tree, fdt_property(tree->buf, name, NULL, 0));
}

static void add_string(struct tree *tree, const char *name, const char *value)
{
	step(tree, fdt_property_string(tree->buf, name, value));
}

static void add_u32(struct tree *tree, const char *name, uint32_t value)
{
	step(tree, fdt_property_u32(tree->buf, name, value));
}

static void add_u64(struct tree *tree, const char *name, uint64_t value)
{
	step(tree, fdt_property_u64(tree->buf, name, value));
}

static void add_u64s(struct tree *tree, const char *name, const uint64_t *value, unsigned count)
{
	fdt64_t cells[4];

	for (unsigned i = 0; i < count; i++)
		cells[i] = cpu_to_fdt64(value[i]);
	step(tree, fdt_property(tree->buf, name, cells, (int)(count * sizeof *cells)));
}

static void add_bus(struct tree *tree, uint32_t address_cells, uint32_t size_cells)
{
	add_u32(tree, "#address-cells", address_cells);
	add_u32(tree, "#size-cells", size_cells);
}

/* A node of the root, at an address. */
static void begin_node_at(struct tree *tree, const char *name, uint64_t gpa, uint64_t size_bytes)
{
	const uint64_t reg[] = {gpa, size_bytes};
	char full_name[48];

	snprintf(full_name, sizeof full_name, "%s@%llx", name, (unsigned long long)gpa);
	begin_node(tree, full_name);
	add_u64s(tree, "reg", reg, 2);
}

static void add_chosen(struct tree *tree, const struct board *board)
{
	begin_node(tree, "chosen");
	add_string(tree, "bootargs", board->cmdline);
	add_string(tree, "stdout-path", "/isa/serial@i3f8");
	if (board->initrd_bytes) {
		add_u64(tree, "linux,initrd-start", board->initrd_gpa);
		add_u64(tree, "linux,initrd-end", board->initrd_gpa + board->initrd_bytes);
	}
	end_node(tree);
}

static void add_memory(struct tree *tree, const struct board *board)
{
	uint64_t low = board->memory_bytes < GPA_HOLE_START ? board->memory_bytes : GPA_HOLE_START;
	const uint64_t reg[] = {0, low, GPA_HOLE_END, board->memory_bytes - low};

	begin_node(tree, "memory@0");
	add_string(tree, "device_type", "memory");
	add_u64s(tree, "reg", reg, reg[3] ? 4 : 2);
	end_node(tree);
}

static void add_cpus(struct tree *tree, const struct board *board)
{
	begin_node(tree, "cpus");
	add_bus(tree, 1, 0);
	for (unsigned i = 0; i < board->cpu_count; i++) {
		char name[16];

		snprintf(name, sizeof name, "cpu@%x", i);
		begin_node(tree, name);
		add_string(tree, "device_type", "cpu");
		add_u32(tree, "reg", i);
		end_node(tree);
	}
	end_node(tree);
}

static void add_hypervisor(struct tree *tree, const struct board *board)
{
	if (!board->hypercall_gpa)
		return;
	begin_node_at(tree, "hypervisor", board->hypercall_gpa, 4096);
	add_string(tree, "compatible", "vitrine,hypervisor");
	add_u32(tree, "vitrine,features", board->hypercall_features);
	end_node(tree);
}

static void add_interrupt_controller(struct tree *tree, const char *compatible, uint64_t gpa)
{
	begin_node_at(tree, "interrupt-controller", gpa, 0x1000);
	add_string(tree, "compatible", compatible);
	add_flag(tree, "interrupt-controller");
	add_u32(tree, "#interrupt-cells", 1);
	add_u32(tree, "#address-cells", 0);
	if (gpa == GPA_IOAPIC)
		add_u32(tree, "phandle", PHANDLE_IOAPIC);
	end_node(tree);
}

/* reg of a child of /isa: three cells a window. */
static void add_isa_windows(struct tree *tree, const struct board_device *entry)
{
	fdt32_t reg[3 * BOARD_WINDOW_MAX];
	unsigned cells = 0;

	for (unsigned i = 0; i < BOARD_WINDOW_MAX && entry->window[i].size_bytes; i++) {
		reg[cells++] = cpu_to_fdt32(ISA_IO);
		reg[cells++] = cpu_to_fdt32((uint32_t)entry->window[i].base);
		reg[cells++] = cpu_to_fdt32((uint32_t)entry->window[i].size_bytes);
	}
	step(tree, fdt_property(tree->buf, "reg", reg, (int)(cells * sizeof *reg)));
}

static void add_isa_device(struct tree *tree, const struct board_device *entry)
{
	char name[32];

	snprintf(name, sizeof name, "%s@i%llx", entry->fdt_node,
		 (unsigned long long)entry->window[0].base);
	begin_node(tree, name);
	add_string(tree, "compatible", entry->compatible);
	add_isa_windows(tree, entry);
	if (entry->irq != BOARD_NO_IRQ)
		add_u32(tree, "interrupts", (uint32_t)entry->irq);
	if (entry->clock_hz) {
		add_u32(tree, "clock-frequency", entry->clock_hz);
		add_u32(tree, "current-speed", entry->clock_hz / UART_CLOCKS_PER_BIT);
	}
	end_node(tree);
}

static void add_isa(struct tree *tree, const struct board *board)
{
	begin_node(tree, "isa");
	add_string(tree, "compatible", "isa");
	add_bus(tree, 2, 1);
	for (unsigned i = 0; i < board_table_count; i++)
		if (board_table[i].fdt_node && board_has(board, &board_table[i]))
			add_isa_device(tree, &board_table[i]);
	end_node(tree);
}

static void add_virtio_mmio(struct tree *tree, const struct board_place *place)
{
	begin_node_at(tree, "virtio_mmio", place->gpa, 0x1000);
	add_string(tree, "compatible", "virtio,mmio");
	add_u32(tree, "interrupts", (uint32_t)place->irq);
	add_flag(tree, "dma-coherent");
	end_node(tree);
}

/* PCI bus binding, §2.2.1: a PCI address has three cells; device numbers stand in bits 11–15 of the first. */
#define PCI_DEVICE_SHIFT 11
#define PCI_SPACE_PORTS 0x01000000
#define PCI_SPACE_MEMORY 0x02000000

static void add_u32s(struct tree *tree, const char *name, const uint32_t *value, unsigned count)
{
	fdt32_t cells[48];

	for (unsigned i = 0; i < count; i++)
		cells[i] = cpu_to_fdt32(value[i]);
	step(tree, fdt_property(tree->buf, name, cells, (int)(count * sizeof *cells)));
}

/* INTA# of slot n is input 16 + n % 8: the map looks at the low three bits of the device number alone. */
static void add_pci_interrupts(struct tree *tree)
{
	const uint32_t mask[] = {(PCI_HOST_GSI_COUNT - 1) << PCI_DEVICE_SHIFT, 0, 0, 0};
	uint32_t map[PCI_HOST_GSI_COUNT * 6];
	unsigned cells = 0;

	for (uint32_t i = 0; i < PCI_HOST_GSI_COUNT; i++) {
		const uint32_t entry[] = {i << PCI_DEVICE_SHIFT, 0, 0, 0, PHANDLE_IOAPIC,
					  PCI_HOST_FIRST_GSI + i};

		memcpy(map + cells, entry, sizeof entry);
		cells += sizeof entry / sizeof *entry;
	}
	add_u32(tree, "#interrupt-cells", 1);
	add_u32s(tree, "interrupt-map-mask", mask, 4);
	add_u32s(tree, "interrupt-map", map, cells);
}

static void add_pci(struct tree *tree)
{
	const uint32_t buses[] = {0, 0};
	const uint32_t ranges[] = {
		PCI_SPACE_PORTS,  0, PORT_PCI_WINDOW, 0, PORT_PCI_WINDOW, 0, PORT_PCI_WINDOW_SIZE,
		PCI_SPACE_MEMORY, 0, GPA_PCI_WINDOW,  0, GPA_PCI_WINDOW,  0, GPA_PCI_WINDOW_BYTES};

	begin_node_at(tree, "pci", GPA_PCI_CONFIG, GPA_PCI_CONFIG_BYTES);
	add_string(tree, "compatible", "pci-host-ecam-generic");
	add_string(tree, "device_type", "pci");
	add_bus(tree, 3, 2);
	add_u32s(tree, "bus-range", buses, 2);
	add_u32s(tree, "ranges", ranges, sizeof ranges / sizeof *ranges);
	add_pci_interrupts(tree);
	end_node(tree);
}

static void add_plugins(struct tree *tree, const struct board *board)
{
	struct board_place place;

	for (unsigned i = 0; i < board->plugin_count; i++)
		if (board->plugin[i].plug == BOARD_PLUG_VIRTIO_MMIO &&
		    board_place_plugin(board, i, &place) == 0)
			add_virtio_mmio(tree, &place);
	if (board_has_pci(board))
		add_pci(tree);
}

/* What e820 calls reserved below 1 MiB: hypercall page, MP table, VGA hole, ACPI tables, firmware. */
static void add_reservations(struct tree *tree)
{
	step(tree,
	     fdt_add_reservemap_entry(tree->buf, GPA_LOW_RAM_END, GPA_HIGH_RAM - GPA_LOW_RAM_END));
	step(tree, fdt_finish_reservemap(tree->buf));
}

int board_build_fdt(const struct board *board, void *buf, size_t size_bytes)
{
	struct tree tree = {.buf = buf};

	step(&tree, fdt_create(buf, size_bytes < FDT_MAX_BYTES ? (int)size_bytes : FDT_MAX_BYTES));
	add_reservations(&tree);
	begin_node(&tree, "");
	add_string(&tree, "compatible", "vitrine,board");
	add_string(&tree, "model", "Vitrine");
	add_bus(&tree, 2, 2);
	add_u32(&tree, "interrupt-parent", PHANDLE_IOAPIC);
	add_chosen(&tree, board);
	add_memory(&tree, board);
	add_cpus(&tree, board);
	add_hypervisor(&tree, board);
	add_interrupt_controller(&tree, "intel,ioapic", GPA_IOAPIC);
	add_interrupt_controller(&tree, "intel,lapic", GPA_LAPIC);
	add_isa(&tree, board);
	add_plugins(&tree, board);
	end_node(&tree);
	step(&tree, fdt_finish(buf));
	return tree.err ? -ENOSPC : (int)fdt_totalsize(buf);
}

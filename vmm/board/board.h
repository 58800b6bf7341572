/* SPDX-License-Identifier: MIT
 *
 * The machine as data. board_table[] names every device with its windows, interrupt and identity;
 * device tree, ACPI tables, MP table and e820 are all derived from it and from struct board.
 */
#ifndef VITRINE_BOARD_BOARD_H
#define VITRINE_BOARD_BOARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bus/bus.h"
#include "bus/device.h"

struct virtio_model;

#define BOARD_CPU_MAX 255
#define BOARD_PLUGIN_MAX 31
#define BOARD_WINDOW_MAX 5
#define BOARD_NO_IRQ (-1)

enum board_irqchip { BOARD_IRQCHIP_KERNEL, BOARD_IRQCHIP_SPLIT };

/* What --disk, --net and their like add to the board: a virtio device behind either transport, or a PCI
 * function of its own kind. The order is that of the PCI slots, and of the MMIO windows. */
enum board_plug { BOARD_PLUG_VIRTIO_PCI, BOARD_PLUG_VIRTIO_MMIO, BOARD_PLUG_PCI };
struct board_plugin {
	enum board_plug plug;
	const char *name;		  /* "disk0" */
	const struct virtio_model *model; /* virtio */
	uint64_t ring_features;		  /* virtio: which of the VIRTIO_F_* bits are on offer */
	const struct device_ops *ops;	  /* BOARD_PLUG_PCI: starts with struct pci_function */
	const void *options;		  /* the model's own; outlives the machine */
	bool shares_memory;		  /* another process serves it, out of guest RAM */
	/* BOARD_PLUG_PCI: ports that are no BAR's, regions from PCI_FIXED_WINDOW on; NULL: none */
	const struct board_window *window;
	unsigned window_count;
};

/* One machine's parameters. Filled in by the command line, then constant. */
struct board {
	uint64_t memory_bytes;
	unsigned cpu_count;
	enum board_irqchip irqchip;
	bool debug_exit;     /* --debug-exit: isa-debug-exit is there */
	const char *cmdline; /* final command line, never NULL */
	uint64_t initrd_gpa; /* 0 size: none */
	uint64_t initrd_bytes;
	uint64_t hypercall_gpa;	     /* 0: no hypercall page */
	uint32_t hypercall_features; /* HYPERCALL_FEATURE_* */
	const struct board_plugin *plugin;
	unsigned plugin_count;
};

struct board_window {
	enum bus_space space;
	uint64_t base;
	uint64_t size_bytes; /* 0: unused entry */
};

/* When a line of the table is part of the machine. */
enum board_when {
	BOARD_ALWAYS,
	BOARD_WITH_KERNEL_IRQCHIP,
	BOARD_WITH_SPLIT_IRQCHIP,
	BOARD_WITH_DEBUG_EXIT,
	BOARD_WITH_PCI, /* at least one plugin is a PCI function */
	BOARD_WITHOUT_PCI
};

struct board_device {
	const struct device_ops *ops;
	const char *name; /* "com1" */
	enum board_when when;
	int irq; /* GSI or BOARD_NO_IRQ */
	struct board_window window[BOARD_WINDOW_MAX];
	const char *fdt_node;	/* FDT node name without address; NULL: not in the tree */
	const char *compatible; /* FDT */
	const char *acpi_hid;	/* DSDT; NULL: not in the namespace */
	uint32_t clock_hz;	/* FDT clock-frequency of a UART; 0: has none */
};

extern const struct board_device board_table[];
extern const unsigned board_table_count;

/* Fixed windows of plugins: of the IDE controller, in the order of enum ide_window. */
#define BOARD_IDE_WINDOWS 4
extern const struct board_window board_ide_window[BOARD_IDE_WINDOWS];

/* True where this line of the table is part of this machine. */
bool board_has(const struct board *board, const struct board_device *entry);

/* The line of that name which is part of this machine, or NULL. */
const struct board_device *board_find(const struct board *board, const char *name);

/* Where a plugin is. */
struct board_place {
	unsigned slot; /* PCI; BARs are placed by the bridge */
	uint64_t gpa;  /* virtio-mmio: of its register page */
	int irq; /* virtio-mmio: GSI, edge-triggered; PCI: of INTA#, level-triggered, shared */
};
bool board_has_pci(const struct board *board);
unsigned board_mmio_count(const struct board *board); /* plugins behind virtio-mmio */
/* 0, or -ENOSPC: there is no slot or no interrupt left for it. */
int board_place_plugin(const struct board *board, unsigned index, struct board_place *place);

/* That the machine is possible: windows aligned, inside their address space and apart from each
 * other and from RAM, interrupts in range and used once. To be called at start-up. 0, or -EINVAL:
 * then why (may be NULL) says which device it is about. board_check_table() is the same for any table. */
struct board_fault {
	char text[128];
};
int board_check(const struct board *board, struct board_fault *why);
int board_check_table(const struct board *board, const struct board_device *table, unsigned count,
		      struct board_fault *why);

/* e820: what RAM there is and what of it is taken. */
enum { E820_RAM = 1, E820_RESERVED = 2, E820_ACPI = 3 };
#define BOARD_E820_MAX 16
struct board_e820_entry {
	uint64_t gpa;
	uint64_t size_bytes;
	uint32_t type;
};
/* Fills entries in ascending order; returns how many (<= BOARD_E820_MAX). */
unsigned board_build_e820(const struct board *board, struct board_e820_entry entry[BOARD_E820_MAX]);

/* Flattened device tree into buf. Returns its size in bytes, or -ENOSPC. docs/board.md has its shape. */
int board_build_fdt(const struct board *board, void *buf, size_t size_bytes);

/* All ACPI tables, laid out for and linked to addresses from gpa on, RSDP first. Returns bytes used, or
 * -ENOSPC. ACPI 6.4; each table's writer cites its section. */
int board_build_acpi(const struct board *board, uint64_t gpa, void *buf, size_t size_bytes);

/* Intel MP 1.4: the configuration table at gpa, the floating pointer in the last 16 bytes of buf, where an
 * operating system looks for it when buf ends with base memory (640 KiB). As many processors as fit.
 * gpa and size_bytes are multiples of 16. Bytes used (size_bytes), or -ENOSPC. */
int board_build_mptable(const struct board *board, uint64_t gpa, void *buf, size_t size_bytes);

#endif

/* SPDX-License-Identifier: MIT
 *
 * The machine on one screen: every device of the board, one entry each. The order is that of creation.
 * What a guest is told (device tree, ACPI, MP table) is derived from this and nothing else.
 */
#include "board/board.h"

#include "dev/acpi_pm.h"
#include "dev/acpi_sleep.h"
#include "dev/debug_exit.h"
#include "dev/i8042.h"
#include "dev/ioapic.h"
#include "dev/pci_host.h"
#include "dev/pvpanic.h"
#include "dev/rtc.h"
#include "dev/uart.h"
#include "memory_map.h"
#include "ports.h"

const struct board_device board_table[] = {
	{
		.ops = &ioapic_ops,
		.name = "ioapic",
		.when = BOARD_WITH_SPLIT_IRQCHIP,
		.window = {{BUS_MMIO, GPA_IOAPIC, 0x1000}},
		.irq = BOARD_NO_IRQ,
	},
	{
		.ops = &uart_ops,
		.name = "com1",
		.when = BOARD_ALWAYS,
		.window = {{BUS_PIO, PORT_COM1, 8}},
		.irq = IRQ_COM1,
		.fdt_node = "serial",
		.compatible = "ns16550a",
		.clock_hz = 1843200,
		.acpi_hid = "PNP0501",
	},
	{
		/* ACPI does not announce it, like the next one: Linux has the time from kvmclock and would
		 * read the alarm back again and again at boot, 132 port accesses: see docs/board.md. */
		.ops = &rtc_ops,
		.name = "rtc",
		.when = BOARD_ALWAYS,
		.window = {{BUS_PIO, PORT_RTC, 2}},
		.irq = IRQ_RTC,
		.fdt_node = "rtc",
		.compatible = "motorola,mc146818",
	},
	{
		/* Resets the machine; has no keyboard yet, so ACPI does not announce one (PNP0303):
		 * see docs/board.md. */
		.ops = &i8042_ops,
		.name = "i8042",
		.when = BOARD_ALWAYS,
		.window = {{BUS_PIO, PORT_I8042_DATA, 1}, {BUS_PIO, PORT_I8042_STATUS, 1}},
		.irq = IRQ_I8042_KEYBOARD,
		.fdt_node = "i8042",
		.compatible = "intel,8042",
	},
	{
		.ops = &pci_host_ops,
		.name = "pci-host",
		.when = BOARD_WITHOUT_PCI,
		.window = {{BUS_PIO, PORT_PCI_ADDRESS, 4}, {BUS_PIO, PORT_PCI_DATA, 4}},
		.irq = BOARD_NO_IRQ,
	},
	{
		/* The functions behind it are plugins; ACPI and the device tree show it by hand. */
		.ops = &pci_host_ops,
		.name = "pci-host",
		.when = BOARD_WITH_PCI,
		.window = {{BUS_PIO, PORT_PCI_ADDRESS, 4},
			   {BUS_PIO, PORT_PCI_DATA, 4},
			   {BUS_MMIO, GPA_PCI_CONFIG, GPA_PCI_CONFIG_BYTES},
			   {BUS_MMIO, GPA_PCI_WINDOW, GPA_PCI_WINDOW_BYTES},
			   {BUS_PIO, PORT_PCI_WINDOW, PORT_PCI_WINDOW_SIZE}},
		.irq = BOARD_NO_IRQ,
	},
	{
		.ops = &acpi_pm_ops,
		.name = "acpi-pm",
		.when = BOARD_WITH_KERNEL_IRQCHIP,
		.window = {{BUS_PIO, PORT_ACPI_PM, 16}},
		.irq = IRQ_ACPI_SCI,
		.fdt_node = "power",
		.compatible = "vitrine,acpi-pm",
	},
	{
		/* With PM1 there, only the reset register is used. */
		.ops = &acpi_sleep_ops,
		.name = "acpi-sleep",
		.when = BOARD_WITH_KERNEL_IRQCHIP,
		.window = {{BUS_PIO, PORT_ACPI_RESET, 8}},
		.irq = BOARD_NO_IRQ,
		.fdt_node = "power",
		.compatible = "vitrine,acpi-sleep",
	},
	{
		.ops = &acpi_sleep_ops,
		.name = "acpi-sleep",
		.when = BOARD_WITH_SPLIT_IRQCHIP,
		.window = {{BUS_PIO, PORT_ACPI_RESET, 8}},
		.irq = IRQ_ACPI_SCI, /* the generic event device's */
		.fdt_node = "power",
		.compatible = "vitrine,acpi-sleep",
	},
	{
		.ops = &debug_exit_ops,
		.name = "debug-exit",
		.when = BOARD_WITH_DEBUG_EXIT,
		.window = {{BUS_PIO, PORT_DEBUG_EXIT, 4}},
		.irq = BOARD_NO_IRQ,
		.fdt_node = "debug-exit",
		.compatible = "vitrine,debug-exit",
	},
	{
		.ops = &pvpanic_ops,
		.name = "pvpanic",
		.when = BOARD_ALWAYS,
		.window = {{BUS_PIO, PORT_PVPANIC, 1}},
		.irq = BOARD_NO_IRQ,
		.fdt_node = "pvpanic",
		.compatible = "qemu,pvpanic-isa",
		.acpi_hid = "QEMU0001",
	},
};

const unsigned board_table_count = sizeof board_table / sizeof *board_table;

const struct board_window board_ide_window[BOARD_IDE_WINDOWS] = {
	{BUS_PIO, PORT_IDE_COMMAND_0, 8},
	{BUS_PIO, PORT_IDE_CONTROL_0, 1},
	{BUS_PIO, PORT_IDE_COMMAND_1, 8},
	{BUS_PIO, PORT_IDE_CONTROL_1, 1},
};

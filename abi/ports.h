/* SPDX-License-Identifier: MIT
 *
 * Classic ports and interrupts of the board that firmware and tiny test guests use without reading
 * the device tree. The board table (vmm/board/) is built from the same names.
 */
#ifndef VITRINE_ABI_PORTS_H
#define VITRINE_ABI_PORTS_H

#define PORT_COM1 0x3f8 /* 8 ports */
#define IRQ_COM1 4
#define PORT_RTC 0x70 /* 2 ports */
#define IRQ_RTC 8
#define PORT_I8042_DATA 0x60
#define PORT_I8042_STATUS 0x64
#define IRQ_I8042_KEYBOARD 1
#define PORT_IDE_COMMAND_0 0x1f0 /* 8 ports; the other channel's */
#define PORT_IDE_COMMAND_1 0x170
#define PORT_IDE_CONTROL_0 0x3f6 /* 1 port */
#define PORT_IDE_CONTROL_1 0x376
#define IRQ_IDE_0 14
#define IRQ_IDE_1 15
#define PORT_DEBUG_EXIT 0xf4 /* 4 ports; only with --debug-exit */
#define PORT_PVPANIC 0x505   /* 1 port; bit 0: panicked */
#define PVPANIC_PANICKED 1
#define PORT_PCI_ADDRESS 0xcf8 /* 4 ports: PCI configuration address, 32-bit accesses only */
#define PORT_PCI_DATA 0xcfc    /* 4 ports: PCI configuration data */
#define PORT_PCI_WINDOW 0xc000 /* BARs of PCI functions */
#define PORT_PCI_WINDOW_SIZE 0x4000
#define PORT_ACPI_PM 0x600 /* 16 ports: PM1a event +0, PM1a control +4, PM timer +8 */
#define PORT_ACPI_RESET \
	0x610 /* reset +0 (value 1), sleep control +1, sleep status +2, GED event +4 */
#define IRQ_ACPI_SCI 9

#endif

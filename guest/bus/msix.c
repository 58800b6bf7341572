/* SPDX-License-Identifier: MIT
 *
 * MSI-X: a table of address and data pairs in a BAR; the address names a local APIC (Intel SDM vol. 3
 * §10.11.1), the data a vector.
 */
#include <stddef.h>

#include "guest/arch/cpu.h"
#include "guest/arch/insn.h"
#include "guest/bus/pci.h"
#include "guest/mm/mmio.h"

#define CONTROL 2
#define TABLE 4
#define CONTROL_ENABLE 0x8000
#define CONTROL_MASK_ALL 0x4000
#define CONTROL_COUNT 0x7ff /* less one */
#define ENTRY_BYTES 16
#define ENTRY_MASKED 1
#define MESSAGE_ADDRESS 0xfee00000u

enum { ENTRY_ADDRESS = 0, ENTRY_ADDRESS_HIGH = 4, ENTRY_DATA = 8, ENTRY_CONTROL = 12 };

bool pci_msix_open(const struct pci_function *function, struct pci_msix *msix)
{
	const uint8_t at = pci_capability(function, PCI_CAPABILITY_MSIX, 0);
	uint16_t control;
	uint32_t table;
	uint64_t gpa;

	if (!at)
		return false;
	control = pci_read16(function, at + CONTROL);
	table = pci_read32(function, at + TABLE);
	gpa = table % 8 < 6 ? pci_bar_gpa(function, table % 8) : 0;
	msix->count = (control & CONTROL_COUNT) + 1;
	msix->table = gpa ? mmio_map(gpa + (table & ~7u), msix->count * ENTRY_BYTES) : NULL;
	if (!msix->table)
		return false;
	pci_write16(function, at + CONTROL, control | CONTROL_ENABLE | CONTROL_MASK_ALL);
	for (unsigned i = 0; i < msix->count; i++)
		mmio_write32(msix->table + i * ENTRY_BYTES + ENTRY_CONTROL, ENTRY_MASKED);
	pci_enable(function, PCI_COMMAND_INTX_OFF);
	pci_write16(function, at + CONTROL, (control & ~CONTROL_MASK_ALL) | CONTROL_ENABLE);
	return true;
}

bool pci_msix_listen(const struct pci_msix *msix, unsigned entry, struct interrupt *interrupt)
{
	volatile uint8_t *const at = msix->table + entry * ENTRY_BYTES;
	unsigned vector;

	if (entry >= msix->count)
		return false;
	vector = interrupt_listen_message(interrupt);
	if (!vector)
		return false;
	mmio_write32(at + ENTRY_ADDRESS, MESSAGE_ADDRESS | cpu_at(0)->apic_id << 12);
	mmio_write32(at + ENTRY_ADDRESS_HIGH, 0);
	mmio_write32(at + ENTRY_DATA, vector);
	mmio_write32(at + ENTRY_CONTROL, 0);
	return true;
}

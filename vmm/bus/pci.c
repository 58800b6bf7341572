/* SPDX-License-Identifier: MIT
 *
 * Configuration space of one PCI function: identity, BARs, capabilities, INTx (PCI 3.0 chapter 6).
 */
#include "bus/pci.h"

#include <string.h>

#include "bus/pci_map.h"
#include "dev/pci_host.h"

#define BAR_IO 1u	      /* §6.2.5.1 */
#define FIRST_CAPABILITY 0x40 /* behind the header */
#define INTERRUPT_PIN_A 1

uint16_t pci_get16(const struct pci_function *fn, unsigned offset)
{
	return (uint16_t)(fn->config[offset] | fn->config[offset + 1] << 8);
}

uint32_t pci_get32(const struct pci_function *fn, unsigned offset)
{
	return pci_get16(fn, offset) | (uint32_t)pci_get16(fn, offset + 2) << 16;
}

void pci_put16(struct pci_function *fn, unsigned offset, uint16_t value)
{
	fn->config[offset] = (uint8_t)value;
	fn->config[offset + 1] = (uint8_t)(value >> 8);
}

void pci_put32(struct pci_function *fn, unsigned offset, uint32_t value)
{
	pci_put16(fn, offset, (uint16_t)value);
	pci_put16(fn, offset + 2, (uint16_t)(value >> 16));
}

void pci_set_writable(struct pci_function *fn, unsigned offset, uint32_t mask)
{
	for (unsigned i = 0; i < 4 && offset + i < PCI_CONFIG_BYTES; i++)
		fn->writable[offset + i] |= (uint8_t)(mask >> i * 8);
}

void pci_function_init(struct pci_function *fn, const struct pci_function_ops *ops)
{
	fn->ops = ops;
	fn->next_capability = FIRST_CAPABILITY;
	pci_put16(fn, PCI_VENDOR_ID, ops->vendor);
	pci_put16(fn, PCI_DEVICE_ID, ops->device);
	pci_put32(fn, PCI_REVISION_ID, ops->class_revision);
	pci_put16(fn, PCI_SUBSYSTEM_VENDOR_ID, ops->subsystem_vendor);
	pci_put16(fn, PCI_SUBSYSTEM_ID, ops->subsystem);
	fn->config[PCI_INTERRUPT_PIN] = INTERRUPT_PIN_A;
	pci_set_writable(fn, PCI_COMMAND, PCI_COMMAND_MASTER | PCI_COMMAND_INTX_DISABLE);
	pci_set_writable(fn, PCI_INTERRUPT_LINE, 0xff);
}

void pci_add_bar(struct pci_function *fn, unsigned bar, enum bus_space space, uint32_t size_bytes)
{
	unsigned offset = PCI_BAR0 + bar * 4;

	fn->bar[bar].space = space;
	fn->bar[bar].size_bytes = size_bytes;
	pci_put32(fn, offset, space == BUS_PIO ? BAR_IO : 0);
	pci_set_writable(fn, offset, ~(size_bytes - 1));
	pci_set_writable(fn, PCI_COMMAND, space == BUS_PIO ? PCI_COMMAND_IO : PCI_COMMAND_MEMORY);
}

unsigned pci_add_capability(struct pci_function *fn, uint8_t id, unsigned size_bytes)
{
	unsigned offset = fn->next_capability;

	fn->config[offset] = id;
	fn->config[offset + 1] = fn->config[PCI_CAPABILITY_POINTER];
	fn->config[PCI_CAPABILITY_POINTER] = (uint8_t)offset;
	pci_put16(fn, PCI_STATUS, pci_get16(fn, PCI_STATUS) | PCI_STATUS_CAPABILITIES);
	fn->next_capability = (offset + size_bytes + 3) & ~3u;
	return offset;
}

/* Where the BAR's register says that it answers; 0: nowhere, as decoding is off, it was never set, or what
 * was written there lies outside the bridge's window. */
static uint64_t decoded_base(const struct pci_function *fn, unsigned bar)
{
	const struct pci_bar *b = &fn->bar[bar];
	uint16_t enable = b->space == BUS_PIO ? PCI_COMMAND_IO : PCI_COMMAND_MEMORY;
	uint64_t base = pci_get32(fn, PCI_BAR0 + bar * 4) & ~(b->size_bytes - 1);

	if (!(pci_get16(fn, PCI_COMMAND) & enable))
		return 0;
	return pci_map_contains(b->space, base, b->size_bytes) ? base : 0;
}

static void update_bars(struct pci_function *fn)
{
	for (unsigned i = 0; i < PCI_BAR_COUNT; i++) {
		uint64_t old_base = atomic_load_explicit(&fn->bar[i].base, memory_order_relaxed);
		uint64_t base = fn->bar[i].size_bytes ? decoded_base(fn, i) : 0;

		if (base == old_base)
			continue;
		atomic_store_explicit(&fn->bar[i].base, base, memory_order_relaxed);
		if (fn->ops->bar_moved)
			fn->ops->bar_moved(fn, i, old_base, base);
	}
}

/* What the bridge sees of INTA#: nothing while MSI-X is on (§6.8.2.1). */
static void update_intx(struct pci_function *fn)
{
	bool level = fn->intx_level && !msix_is_enabled(fn) &&
		     !(pci_get16(fn, PCI_COMMAND) & PCI_COMMAND_INTX_DISABLE);

	if (level == fn->intx_asserted)
		return;
	fn->intx_asserted = level;
	if (fn->host)
		pci_host_set_intx(fn->host, fn->slot, level);
}

void pci_set_intx(struct pci_function *fn, bool level)
{
	uint16_t status = pci_get16(fn, PCI_STATUS) & (uint16_t)~PCI_STATUS_INTERRUPT;

	fn->intx_level = level;
	pci_put16(fn, PCI_STATUS, level ? status | PCI_STATUS_INTERRUPT : status);
	update_intx(fn);
}

bool pci_is_master(const struct pci_function *fn)
{
	return pci_get16(fn, PCI_COMMAND) & PCI_COMMAND_MASTER;
}

uint32_t pci_config_read(struct pci_function *fn, unsigned offset, unsigned width)
{
	uint32_t value = 0;

	if (fn->ops->config_read)
		fn->ops->config_read(fn, offset, width);
	memcpy(&value, fn->config + offset, width);
	return value;
}

static bool touches(unsigned offset, unsigned width, unsigned first, unsigned end)
{
	return offset < end && offset + width > first;
}

void pci_config_write(struct pci_function *fn, unsigned offset, unsigned width, uint32_t value)
{
	for (unsigned i = 0; i < width; i++) {
		uint8_t mask = fn->writable[offset + i];
		uint8_t byte = (uint8_t)(value >> i * 8);

		fn->config[offset + i] = (uint8_t)((fn->config[offset + i] & ~mask) |
						   (byte & mask));
	}
	if (touches(offset, width, PCI_COMMAND, PCI_COMMAND + 2) ||
	    touches(offset, width, PCI_BAR0, PCI_BAR0 + PCI_BAR_COUNT * 4))
		update_bars(fn);
	if (fn->msix)
		msix_config_written(fn, offset, width);
	update_intx(fn);
	if (fn->ops->config_written)
		fn->ops->config_written(fn, offset, width);
}

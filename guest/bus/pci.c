/* SPDX-License-Identifier: MIT
 *
 * Configuration space, the scan, BARs and INTx. MSI-X is in msix.c.
 */
#include "guest/bus/pci.h"

#include "guest/arch/insn.h"

#define PORT_ADDRESS 0xcf8
#define PORT_DATA 0xcfc
#define ADDRESS_ENABLE 0x80000000u
#define DEVICES 32
#define FUNCTIONS 8
#define CAPABILITIES_MAX 48 /* as many as fit; a list that is a circle ends here */

#define STATUS_CAPABILITIES 0x10
#define HEADER_MULTIFUNCTION 0x80
#define HEADER_BRIDGE 1
#define CLASS_PCI_BRIDGE 0x0604
#define BAR_IS_PORT 1
#define BAR_TYPE 6
#define BAR_64 4
#define LINE_NONE 0xff

static void select(const struct pci_function *f, unsigned at)
{
	io_write32(PORT_ADDRESS, ADDRESS_ENABLE | (uint32_t)f->bus << 16 |
					 (uint32_t)f->device << 11 | (uint32_t)f->function << 8 |
					 (at & 0xfc));
}

uint8_t pci_read8(const struct pci_function *function, unsigned at)
{
	select(function, at);
	return io_read8(PORT_DATA + at % 4);
}

uint16_t pci_read16(const struct pci_function *function, unsigned at)
{
	select(function, at);
	return io_read16(PORT_DATA + at % 4);
}

uint32_t pci_read32(const struct pci_function *function, unsigned at)
{
	select(function, at);
	return io_read32(PORT_DATA);
}

void pci_write16(const struct pci_function *function, unsigned at, uint16_t value)
{
	select(function, at);
	io_write16(PORT_DATA + at % 4, value);
}

/* false: nobody answers there. */
static bool identify(struct pci_function *f)
{
	const uint32_t id = pci_read32(f, 0);

	if (id == UINT32_MAX || !id)
		return false;
	f->vendor = id & 0xffff;
	f->product = id >> 16;
	f->class_code = pci_read32(f, PCI_CLASS) >> 8;
	return true;
}

static void scan_bus(unsigned bus, void (*found)(const struct pci_function *function))
{
	for (unsigned i = 0; i < DEVICES * FUNCTIONS; i++) {
		struct pci_function f = {
			.bus = bus, .device = i / FUNCTIONS, .function = i % FUNCTIONS};
		uint8_t header;

		if (!identify(&f)) {
			i |= f.function ? 0 : FUNCTIONS - 1; /* no function 0, no device */
			continue;
		}
		header = pci_read8(&f, PCI_HEADER_TYPE);
		if (!f.function && !(header & HEADER_MULTIFUNCTION))
			i |= FUNCTIONS - 1;
		if ((header & ~HEADER_MULTIFUNCTION) == HEADER_BRIDGE &&
		    f.class_code >> 8 == CLASS_PCI_BRIDGE) {
			const uint8_t behind = pci_read8(&f, PCI_SECONDARY_BUS);

			if (behind > bus) /* numbers grow downwards, or this would not end */
				scan_bus(behind, found);
		} else {
			found(&f);
		}
	}
}

bool pci_scan(void (*found)(const struct pci_function *function))
{
	io_write32(PORT_ADDRESS, ADDRESS_ENABLE);
	if (io_read32(PORT_ADDRESS) != ADDRESS_ENABLE)
		return false;
	scan_bus(0, found);
	return true;
}

void pci_enable(const struct pci_function *function, uint16_t bits)
{
	pci_write16(function, PCI_COMMAND, pci_read16(function, PCI_COMMAND) | bits);
}

uint16_t pci_bar_port(const struct pci_function *function, unsigned bar)
{
	const uint32_t value = pci_read32(function, PCI_BAR0 + 4 * bar);

	return value & BAR_IS_PORT ? value & 0xfffc : 0;
}

uint64_t pci_bar_gpa(const struct pci_function *function, unsigned bar)
{
	const uint32_t value = pci_read32(function, PCI_BAR0 + 4 * bar);
	uint64_t high = 0;

	if (value & BAR_IS_PORT)
		return 0;
	if ((value & BAR_TYPE) == BAR_64 && bar < 5)
		high = pci_read32(function, PCI_BAR0 + 4 * bar + 4);
	return high << 32 | (value & ~0xfu);
}

uint8_t pci_capability(const struct pci_function *function, uint8_t id, uint8_t after)
{
	uint8_t at;

	if (!(pci_read16(function, PCI_STATUS) & STATUS_CAPABILITIES))
		return 0;
	at = pci_read8(function, after ? after + 1u : PCI_CAPABILITIES) & 0xfc;
	for (unsigned i = 0; at && i < CAPABILITIES_MAX; i++) {
		const uint16_t header = pci_read16(function, at);

		if ((header & 0xff) == id)
			return at;
		at = header >> 8 & 0xfc;
	}
	return 0;
}

bool pci_listen_line(const struct pci_function *function, struct interrupt *interrupt)
{
	const uint8_t line = pci_read8(function, PCI_INTERRUPT_LINE);

	if (!pci_read8(function, PCI_INTERRUPT_PIN) || !line || line == LINE_NONE)
		return false;
	return interrupt_listen_gsi(interrupt, line, true);
}

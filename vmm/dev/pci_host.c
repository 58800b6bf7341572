/* SPDX-License-Identifier: MIT
 *
 * Configuration address and data ports, and the bridge's own header. See pci_host.h.
 */
#include "dev/pci_host.h"

#define ADDRESS_ENABLE (1u << 31)
#define ADDRESS_DEFINED 0x80fffffcu /* enable, bus, device, function, register */
#define ADDRESS_FUNCTION_MASK 0x00ffff00u
#define ADDRESS_REGISTER_MASK 0x000000fcu

#define VENDOR_RED_HAT 0x1b36u
#define DEVICE_HOST_BRIDGE 0x0008u
#define CLASS_HOST_BRIDGE 0x06000000u /* class, subclass, interface, revision */

struct pci_host {
	struct device dev;
	uint32_t address;
};

static int pci_host_realize(struct device *dev, const struct device_setup *setup)
{
	(void)dev;
	(void)setup;
	return 0;
}

/* The aligned 32 bits that the address names: only 00:00.0 is there, and all of it is read-only. */
static uint32_t config_read(uint32_t address)
{
	if (!(address & ADDRESS_ENABLE) || address & ADDRESS_FUNCTION_MASK)
		return UINT32_MAX;
	switch (address & ADDRESS_REGISTER_MASK) {
	case 0x00: return DEVICE_HOST_BRIDGE << 16 | VENDOR_RED_HAT;
	case 0x08: return CLASS_HOST_BRIDGE;
	default: return 0;
	}
}

static uint64_t pci_host_read(struct device *dev, unsigned region, uint64_t offset, unsigned width)
{
	const struct pci_host *host = (const struct pci_host *)dev;

	if (region == PCI_HOST_DATA)
		return config_read(host->address) >> offset * 8;
	return offset == 0 && width == 4 ? host->address : UINT64_MAX;
}

/* Narrower accesses to the address port are not for it (PCI 3.0 §3.2.2.3.2). */
static void pci_host_write(struct device *dev, unsigned region, uint64_t offset, unsigned width,
			   uint64_t value)
{
	struct pci_host *host = (struct pci_host *)dev;

	if (region == PCI_HOST_ADDRESS && offset == 0 && width == 4)
		host->address = (uint32_t)value & ADDRESS_DEFINED;
}

static const char *pci_host_register_name(unsigned region, uint64_t offset, bool is_write)
{
	(void)offset;
	(void)is_write;
	return region == PCI_HOST_ADDRESS ? "CONFIG_ADDRESS" : "CONFIG_DATA";
}

const struct device_ops pci_host_ops = {
	.name = "pci-host",
	.state_bytes = sizeof(struct pci_host),
	.realize = pci_host_realize,
	.read = pci_host_read,
	.write = pci_host_write,
	.register_name = pci_host_register_name,
};

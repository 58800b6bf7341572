/* SPDX-License-Identifier: MIT
 *
 * The PC's customary ports and addresses, in ascending order. See known_places.h.
 */
#include "observe/known_places.h"

#include <stddef.h>

struct place {
	uint64_t first, last;
	const char *name;
};

static const struct place pio[] = {
	{0x00, 0x0f, "DMA controller 1"},
	{0x20, 0x21, "PIC 1"},
	{0x22, 0x23, "chipset index"},
	{0x2e, 0x2f, "Super I/O"},
	{0x40, 0x43, "PIT"},
	{0x4e, 0x4f, "Super I/O or TPM"},
	{0x60, 0x60, "keyboard data"},
	{0x61, 0x61, "speaker and NMI control"},
	{0x64, 0x64, "keyboard status"},
	{0x70, 0x71, "CMOS RTC"},
	{0x80, 0x80, "POST code or delay"},
	{0x81, 0x8f, "DMA page"},
	{0x92, 0x92, "A20 and fast reset"},
	{0xa0, 0xa1, "PIC 2"},
	{0xb2, 0xb3, "SMI command"},
	{0xc0, 0xdf, "DMA controller 2"},
	{0xed, 0xed, "delay"},
	{0xf0, 0xf1, "FPU error"},
	{0xf4, 0xf7, "debug-exit"},
	{0x170, 0x177, "IDE 2"},
	{0x1f0, 0x1f7, "IDE 1"},
	{0x278, 0x27a, "LPT2"},
	{0x2e8, 0x2ef, "COM4"},
	{0x2f8, 0x2ff, "COM2"},
	{0x376, 0x376, "IDE 2 control"},
	{0x378, 0x37a, "LPT1"},
	{0x3b0, 0x3bb, "MDA"},
	{0x3bc, 0x3be, "LPT3"},
	{0x3c0, 0x3df, "VGA"},
	{0x3e8, 0x3ef, "COM3"},
	{0x3f0, 0x3f5, "floppy"},
	{0x3f6, 0x3f6, "IDE 1 control"},
	{0x3f7, 0x3f7, "floppy"},
	{0x3f8, 0x3ff, "COM1"},
	{0x402, 0x402, "firmware debug console"},
	{0x4d0, 0x4d1, "PIC edge/level"},
	{0x505, 0x505, "pvpanic"},
	{0x510, 0x51b, "QEMU fw_cfg"},
	{0xa79, 0xa79, "ISA PnP"},
	{0xcf8, 0xcf8, "PCI config address"},
	{0xcf9, 0xcf9, "reset control"},
	{0xcfa, 0xcfb, "PCI config address"},
	{0xcfc, 0xcff, "PCI config data"},
	{0x5658, 0x5659, "VMware backdoor"},
	{0xc000, 0xcfff, "PCI mechanism 2"},
};

static const struct place mmio[] = {
	{0xa0000, 0xbffff, "VGA memory"},
	{0xc0000, 0xdffff, "option ROMs"},
	{0xe0000, 0xfffff, "BIOS area"},
	{0xe0000000, 0xefffffff, "PCI ECAM"},
	{0xfec00000, 0xfec00fff, "IOAPIC"},
	{0xfed00000, 0xfed003ff, "HPET"},
	{0xfed1c000, 0xfed1ffff, "chipset registers"},
	{0xfed40000, 0xfed44fff, "TPM"},
	{0xfed80000, 0xfed8ffff, "AMD chipset registers"},
	{0xfee00000, 0xfee00fff, "LAPIC"},
	{0xff000000, 0xffffffff, "firmware ROM"},
};

const char *known_place(enum bus_space space, uint64_t address)
{
	const struct place *place = space == BUS_PIO ? pio : mmio;
	size_t count = space == BUS_PIO ? sizeof(pio) / sizeof(*pio) : sizeof(mmio) / sizeof(*mmio);

	for (size_t i = 0; i < count; i++)
		if (address >= place[i].first && address <= place[i].last)
			return place[i].name;
	return NULL;
}

/* SPDX-License-Identifier: MIT
 *
 * IDE disks behind a PIIX-style controller (Intel 82371SB datasheet; ATA/ATAPI-6): PIO with multiple
 * sectors, or bus-master DMA; LBA28 and LBA48. "ide=WORD,…" on the command line: pio, single (one
 * sector per interrupt), lba48 (always), poll.
 */
#ifndef GUEST_DRIVERS_IDE_H
#define GUEST_DRIVERS_IDE_H

#include "guest/bus/pci.h"

/* Adds the disks of an IDE controller. Returns at once if the function is none. */
void ide_probe(const struct pci_function *function);

#endif

/* SPDX-License-Identifier: MIT
 *
 * The IDE function of Intel's PIIX3 (8086:7010) in compatibility mode, with up to four drives: two channels
 * at the ports and interrupts they have had since the PC/AT, a bus master behind BAR 4.
 *
 * Follows ATA/ATAPI-6 (registers, commands), SFF-8020i and MMC (packet commands), and Intel's "Programming
 * Interface for Bus Master IDE Controller" 1.0.
 */
#ifndef VITRINE_DEV_IDE_H
#define VITRINE_DEV_IDE_H

#include <stdbool.h>

#include "bus/device.h"

struct block;

/* Its windows: fixed ones as PCI_FIXED_WINDOW + index, at the addresses of ports.h, and BAR 4. */
enum ide_window { IDE_COMMAND_0, IDE_CONTROL_0, IDE_COMMAND_1, IDE_CONTROL_1 };
#define IDE_BAR_BUS_MASTER 4

#define IDE_DRIVE_MAX 4

struct ide_options {
	/* primary master, primary slave, secondary master, secondary slave */
	struct {
		struct block *block; /* NULL: no drive, or a CD-ROM drive without a medium */
		bool cdrom;
		bool dma;	    /* the drive says it has DMA modes */
		const char *serial; /* up to 20 characters; NULL: made from its number */
	} drive[IDE_DRIVE_MAX];
};

/* A PCI function (bus/pci.h). setup->options is a struct ide_options; setup->irq says which interrupt
 * controller: the two channels take its inputs 14 and 15. setup->wiring may be NULL. */
extern const struct device_ops ide_ops;

#endif

/* SPDX-License-Identifier: MIT
 *
 * One IDE channel: its two drives' registers, and commands with their data. For ide.c.
 */
#ifndef GUEST_DRIVERS_IDE_CHANNEL_H
#define GUEST_DRIVERS_IDE_CHANNEL_H

#include <stdbool.h>
#include <stdint.h>

#include "guest/bus/interrupt.h"
#include "guest/mm/dma.h"

struct ide_channel {
	uint16_t port, control_port;
	uint16_t master_port; /* bus master registers; 0: none */
	bool poll;
	uint8_t selected; /* last value of the device register */
	struct dma table; /* physical region descriptors */
	uint64_t interrupts;
	struct interrupt interrupt;
};

/* A command as it goes into the task file. */
struct ide_command {
	uint8_t code, drive; /* drive 0 or 1 */
	bool lba48;
	uint64_t lba;
	uint32_t count; /* sectors; 256 and 65,536 are written as 0 */
};

/* A command that moves no data. false: error, or no answer. */
bool ide_command(struct ide_channel *channel, const struct ide_command *command);

/* A command with count sectors of data by PIO, block_sectors for each time the drive is ready. */
bool ide_pio(struct ide_channel *channel, const struct ide_command *command, bool write, void *data,
	     uint32_t block_sectors);

/* The same by bus-master DMA; data is contiguous, even, and below 4 GiB. */
bool ide_dma(struct ide_channel *channel, const struct ide_command *command, bool write,
	     uint64_t data_gpa);

#endif

/* SPDX-License-Identifier: MIT
 *
 * One IDE channel: its two drives' registers, and commands with their data. For ide.c.
 */
#ifndef GUEST_DRIVERS_IDE_CHANNEL_H
#define GUEST_DRIVERS_IDE_CHANNEL_H

#include <stdbool.h>
#include <stdint.h>

#include "guest/bus/interrupt.h"
#include "guest/drivers/block.h"
#include "guest/mm/dma.h"
#include "guest/sched/mutex.h"
#include "guest/sched/wait.h"

struct ide_channel {
	uint16_t port, control_port;
	uint16_t master_port; /* bus master registers; 0: none */
	bool poll;
	uint8_t selected; /* last value of the device register */
	struct dma table; /* physical region descriptors */
	uint64_t interrupts;
	bool may_sleep;	       /* requests come from a kernel thread: others run while it waits */
	struct mutex lock;     /* then: one thread at a time, of its two drives' */
	struct waitq answered; /* where it does so; woken by each interrupt */
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

/* The same by bus-master DMA; the pieces are even, below 4 GiB, and as long as the command in all. */
bool ide_dma(struct ide_channel *channel, const struct ide_command *command, bool write,
	     const struct block_piece *pieces, unsigned piece_count);

#endif

/* SPDX-License-Identifier: MIT
 *
 * Task file, PIO and bus master. Waiting is by interrupt and hlt: the handler's only job is to take
 * the request down, by reading the status.
 */
#include "guest/drivers/ide_channel.h"

#include "guest/arch/insn.h"
#include "guest/time/clock.h"

#define ANSWER_NS 20000000000ull
#define REGION_END 0x10000 /* no region may cross a multiple of this */

enum task_file {
	DATA = 0,
	COUNT = 2,
	LBA_LOW = 3,
	LBA_MID = 4,
	LBA_HIGH = 5,
	DEVICE = 6,
	STATUS = 7,
	COMMAND = 7
};
enum { STATUS_ERROR = 1, STATUS_DRQ = 8, STATUS_FAULT = 0x20, STATUS_BUSY = 0x80 };
#define DEVICE_LBA 0xe0
#define DEVICE_SECOND 0x10

enum { MASTER_COMMAND = 0, MASTER_STATUS = 2, MASTER_TABLE = 4 };
enum { MASTER_START = 1, MASTER_TO_MEMORY = 8 };
enum { MASTER_ACTIVE = 1, MASTER_ERROR = 2, MASTER_INTERRUPT = 4 };

struct region {
	uint32_t gpa;
	uint16_t bytes, flags;
};
#define REGION_LAST 0x8000

static uint8_t alternate_status(const struct ide_channel *channel)
{
	return io_read8(channel->control_port);
}

/* The same, while other tasks run: each interrupt is a reason to look again. */
static bool sleep_clear(struct ide_channel *channel, uint8_t bits, uint8_t *status)
{
	const uint64_t deadline_ns = clock_ns() + ANSWER_NS;

	for (;;) {
		const uint64_t seen = __atomic_load_n(&channel->interrupts, __ATOMIC_ACQUIRE);

		*status = alternate_status(channel);
		if (!(*status & bits))
			return true;
		if (wait_until_in(&channel->answered,
				  __atomic_load_n(&channel->interrupts, __ATOMIC_ACQUIRE) != seen,
				  TASK_UNINTERRUPTIBLE, deadline_ns))
			return false;
	}
}

/* Until none of these status bits is set. false: some stay. */
static bool wait_clear(struct ide_channel *channel, uint8_t bits, uint8_t *status)
{
	const uint64_t start = clock_ns();
	bool idle;

	if (channel->may_sleep && !channel->poll)
		return sleep_clear(channel, bits, status);
	irq_disable();
	while (!(idle = !((*status = alternate_status(channel)) & bits)) &&
	       clock_ns() - start < ANSWER_NS) {
		if (channel->poll)
			cpu_relax();
		else
			cpu_sleep();
	}
	irq_enable();
	return idle;
}

static bool wait_idle(struct ide_channel *channel, uint8_t *status)
{
	return wait_clear(channel, STATUS_BUSY, status);
}

static bool is_good(uint8_t status)
{
	return !(status & (STATUS_ERROR | STATUS_FAULT));
}

static void select(struct ide_channel *channel, uint8_t device)
{
	if (channel->selected == device)
		return;
	io_write8(channel->port + DEVICE, device);
	if ((channel->selected ^ device) & DEVICE_SECOND)
		for (unsigned i = 0; i < 4; i++)
			alternate_status(channel); /* 400 ns for the other drive to answer */
	channel->selected = device;
}

static bool start(struct ide_channel *channel, const struct ide_command *command)
{
	const uint16_t port = channel->port;
	uint8_t device = DEVICE_LBA | (command->drive ? DEVICE_SECOND : 0);
	uint8_t status;

	if (!command->lba48)
		device |= command->lba >> 24 & 0xf;
	select(channel, device);
	if (!wait_idle(channel, &status))
		return false;
	if (command->lba48) { /* the registers are two deep: the high halves go first */
		io_write8(port + COUNT, command->count >> 8);
		io_write8(port + LBA_LOW, command->lba >> 24);
		io_write8(port + LBA_MID, command->lba >> 32);
		io_write8(port + LBA_HIGH, command->lba >> 40);
	}
	io_write8(port + COUNT, command->count);
	io_write8(port + LBA_LOW, command->lba);
	io_write8(port + LBA_MID, command->lba >> 8);
	io_write8(port + LBA_HIGH, command->lba >> 16);
	io_write8(port + COMMAND, command->code);
	return true;
}

bool ide_command(struct ide_channel *channel, const struct ide_command *command)
{
	uint8_t status;

	return start(channel, command) && wait_idle(channel, &status) && is_good(status);
}

bool ide_pio(struct ide_channel *channel, const struct ide_command *command, bool write, void *data,
	     uint32_t block_sectors)
{
	const uint16_t port = channel->port;
	uint8_t *at = data;
	uint8_t status;

	if (!start(channel, command))
		return false;
	for (uint32_t left = command->count; left;) {
		const uint32_t now = left < block_sectors ? left : block_sectors;

		if (!wait_idle(channel, &status) || !is_good(status) || !(status & STATUS_DRQ))
			return false;
		if (write)
			io_write16_row(port + DATA, at, now * SECTOR_BYTES / 2);
		else
			io_read16_row(port + DATA, at, now * SECTOR_BYTES / 2);
		at += now * SECTOR_BYTES;
		left -= now;
	}
	return wait_idle(channel, &status) && is_good(status);
}

/* One piece, split where a region must end; returns where the next one goes. */
static struct region *write_regions(struct region *region, uint64_t gpa, uint64_t bytes)
{
	while (bytes) {
		const uint64_t room = REGION_END - gpa % REGION_END;
		const uint64_t now = bytes < room ? bytes : room;

		/* 64 KiB are written as 0 */
		*region++ = (struct region){(uint32_t)gpa, (uint16_t)now, 0};
		gpa += now;
		bytes -= now;
	}
	return region;
}

static void write_table(const struct dma *table, const struct block_piece *pieces, unsigned count)
{
	struct region *region = table->at;

	for (unsigned i = 0; i < count; i++)
		region = write_regions(region, pieces[i].gpa, pieces[i].bytes);
	region[-1].flags = REGION_LAST;
}

bool ide_dma(struct ide_channel *channel, const struct ide_command *command, bool write,
	     const struct block_piece *pieces, unsigned piece_count)
{
	const uint16_t master = channel->master_port;
	const uint8_t direction = write ? 0 : MASTER_TO_MEMORY;
	uint8_t status = STATUS_ERROR, master_status;
	bool answered;

	write_table(&channel->table, pieces, piece_count);
	io_write32(master + MASTER_TABLE, channel->table.gpa);
	io_write8(master + MASTER_COMMAND, direction);
	io_write8(master + MASTER_STATUS, MASTER_ERROR | MASTER_INTERRUPT); /* one clears */
	if (!start(channel, command))
		return false;
	io_write8(master + MASTER_COMMAND, direction | MASTER_START);
	/* during DMA a drive is busy or requests data, as it likes */
	answered = wait_clear(channel, STATUS_BUSY | STATUS_DRQ, &status);
	master_status = io_read8(master + MASTER_STATUS);
	io_write8(master + MASTER_COMMAND, direction);
	return answered && is_good(status) && !(master_status & MASTER_ERROR);
}

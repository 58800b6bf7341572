/* SPDX-License-Identifier: MIT
 *
 * Commands of CD-ROM drives: the packet protocol (ATA/ATAPI-6 §9.9, §9.10) around what ide_packet.c does.
 *
 *     PACKET ──▶ DRQ, C/D: the guest writes 12 bytes ──▶ BSY ──▶ DRQ, I/O, byte count, INTRQ ─┐ blocks
 *                                                         │           ▲                       │
 *                                                         │           └───────────────────────┤
 *                                                         └── no data, or by DMA ─────────────┴▶ DRDY, INTRQ
 */
#include <string.h>

#include "dev/ide_internal.h"

enum atapi_command {
	NOP = 0x00,
	DEVICE_RESET = 0x08,
	READ_SECTORS = 0x20,
	PACKET = 0xa0,
	IDENTIFY_PACKET_DEVICE = 0xa1,
	STANDBY_IMMEDIATE = 0xe0,
	IDLE_IMMEDIATE = 0xe1,
	CHECK_POWER = 0xe5,
	SLEEP = 0xe6,
	IDENTIFY_DEVICE = 0xec,
	SET_FEATURES = 0xef
};

#define FEATURE_DMA 0x01
#define SET_TRANSFER_MODE 0x03
#define POWER_ACTIVE 0xff
#define BYTE_COUNT_MAX 0xfffe /* whole words; what 0 and FFFFh stand for, too */

void ide_atapi_end(struct ide_drive *drive, struct ide_sense sense)
{
	drive->sense = sense;
	drive->file[0][IDE_COUNT] = IDE_REASON_COMMAND | IDE_REASON_TO_HOST;
	ide_end(drive, sense.key ? (uint8_t)(sense.key << 4 | IDE_ERROR_ABRT) : 0, true);
}

static void answer_sent(struct ide_channel *ch)
{
	ide_atapi_end(ch->job.drive, (struct ide_sense){0});
}

void ide_atapi_send(struct ide_drive *drive, uint32_t bytes)
{
	struct ide_channel *ch = drive->channel;

	if (!bytes)
		answer_sent(ch);
	else if (drive->packet_dma)
		ide_dma_send(ch, bytes);
	else
		ide_pio_start(ch, true, bytes, true, answer_sent);
}

void ide_atapi_read(struct ide_drive *drive, uint32_t sector, uint32_t sector_count)
{
	struct ide_job *job = &drive->channel->job;

	job->offset_bytes = (uint64_t)sector * IDE_CD_SECTOR_BYTES;
	job->left_bytes = (uint64_t)sector_count * IDE_CD_SECTOR_BYTES;
	if (drive->packet_dma)
		ide_dma_start(drive->channel);
	else
		ide_work_queue(drive->channel, ide_pio_fill);
}

static void packet_received(struct ide_channel *ch)
{
	struct ide_drive *drive = ch->job.drive;
	uint8_t packet[IDE_PACKET_BYTES];

	memcpy(packet, ch->buffer, sizeof(packet)); /* the answer goes into the same buffer */
	ch->job.block_bytes = drive->packet_limit_bytes;
	ide_packet_execute(drive, packet);
}

static void receive_packet(struct ide_drive *drive)
{
	struct ide_channel *ch = drive->channel;
	uint32_t limit = drive->file[0][IDE_LBA_MID] | (uint32_t)drive->file[0][IDE_LBA_HIGH] << 8;

	drive->packet_dma = drive->file[0][IDE_FEATURES] & FEATURE_DMA;
	if (drive->packet_dma && !drive->dma) {
		ide_abort(drive);
		return;
	}
	limit &= BYTE_COUNT_MAX;
	drive->packet_limit_bytes = limit ? limit : BYTE_COUNT_MAX;
	ide_begin(drive);
	ch->job.block_bytes = IDE_PACKET_BYTES;
	ide_pio_start(ch, false, IDE_PACKET_BYTES, false, packet_received);
	drive->file[0][IDE_COUNT] = IDE_REASON_COMMAND;
}

/* A disk's command: aborted, and the signature says why (ATA/ATAPI-6 §8.15.5.2). */
static void say_what_it_is(struct ide_drive *drive)
{
	ide_set_signature(drive);
	ide_abort(drive);
}

static void set_features(struct ide_drive *drive)
{
	const uint8_t *file = drive->file[0];

	if (file[IDE_FEATURES] == SET_TRANSFER_MODE &&
	    ide_set_transfer_mode(drive, file[IDE_COUNT]))
		ide_end(drive, 0, true);
	else
		ide_abort(drive);
}

/* The device register is the one that is not reset (§9.11): it selects. */
void ide_atapi_reset(struct ide_drive *drive)
{
	uint8_t device = drive->file[0][IDE_DEVICE];

	ide_drive_reset(drive);
	drive->file[0][IDE_DEVICE] = device;
	ide_update_irq(drive->channel);
}

void ide_atapi_command(struct ide_drive *drive, uint8_t command)
{
	switch (command) {
	case PACKET: receive_packet(drive); break;
	case DEVICE_RESET: ide_atapi_reset(drive); break;
	case IDENTIFY_PACKET_DEVICE: ide_identify(drive); break;
	case IDENTIFY_DEVICE:
	case READ_SECTORS: say_what_it_is(drive); break;
	case SET_FEATURES: set_features(drive); break;
	case CHECK_POWER:
		drive->file[0][IDE_COUNT] = POWER_ACTIVE;
		ide_end(drive, 0, true);
		break;
	case STANDBY_IMMEDIATE:
	case IDLE_IMMEDIATE:
	case SLEEP: ide_end(drive, 0, true); break;
	case NOP:
	default: ide_abort(drive); break;
	}
}

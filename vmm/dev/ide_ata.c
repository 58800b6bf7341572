/* SPDX-License-Identifier: MIT
 *
 * Commands of disks (ATA/ATAPI-6 §8): which sectors, how they are transferred, how it ended.
 */
#include "dev/ide_internal.h"

#define LBA28_COUNT_MAX 256
#define LBA48_COUNT_MAX 65536

/* ATA/ATAPI-6 table 15 */
enum ata_command {
	RECALIBRATE = 0x10,
	READ_SECTORS = 0x20,
	READ_SECTORS_NO_RETRY = 0x21,
	READ_SECTORS_EXT = 0x24,
	READ_DMA_EXT = 0x25,
	READ_MULTIPLE_EXT = 0x29,
	WRITE_SECTORS = 0x30,
	WRITE_SECTORS_NO_RETRY = 0x31,
	WRITE_SECTORS_EXT = 0x34,
	WRITE_DMA_EXT = 0x35,
	WRITE_MULTIPLE_EXT = 0x39,
	READ_VERIFY = 0x40,
	READ_VERIFY_NO_RETRY = 0x41,
	READ_VERIFY_EXT = 0x42,
	SEEK = 0x70,
	INITIALIZE_PARAMETERS = 0x91,
	READ_MULTIPLE = 0xc4,
	WRITE_MULTIPLE = 0xc5,
	SET_MULTIPLE = 0xc6,
	READ_DMA = 0xc8,
	READ_DMA_NO_RETRY = 0xc9,
	WRITE_DMA = 0xca,
	WRITE_DMA_NO_RETRY = 0xcb,
	STANDBY_IMMEDIATE = 0xe0,
	IDLE_IMMEDIATE = 0xe1,
	STANDBY = 0xe2,
	IDLE = 0xe3,
	CHECK_POWER = 0xe5,
	SLEEP = 0xe6,
	FLUSH_CACHE = 0xe7,
	FLUSH_CACHE_EXT = 0xea,
	IDENTIFY_DEVICE = 0xec,
	SET_FEATURES = 0xef
};

enum ata_feature {
	ENABLE_WRITE_CACHE = 0x02,
	SET_TRANSFER_MODE = 0x03,
	DISABLE_LOOK_AHEAD = 0x55,
	KEEP_SETTINGS = 0x66,
	DISABLE_WRITE_CACHE = 0x82,
	ENABLE_LOOK_AHEAD = 0xaa,
	REVERT_SETTINGS = 0xcc
};

#define POWER_ACTIVE 0xff
#define MODE_PIO_MAX 4
#define MODE_MWDMA_MAX 2
#define MODE_UDMA_MAX 5

enum transfer { READ = 0, WRITE = 1, EXT = 2, DMA = 4, MULTIPLE = 8 };

/* --- how a transfer ends ----------------------------------------------------------------------- */

static void put_lba(struct ide_drive *drive, uint64_t lba)
{
	for (unsigned i = 0; i < 3; i++) {
		drive->file[0][IDE_LBA_LOW + i] = (uint8_t)(lba >> 8 * i);
		drive->file[1][IDE_LBA_LOW + i] = (uint8_t)(lba >> (24 + 8 * i));
	}
	if (drive->file[0][IDE_DEVICE] & IDE_DEVICE_LBA)
		drive->file[0][IDE_DEVICE] = (drive->file[0][IDE_DEVICE] & 0xf0) |
					     (uint8_t)(lba >> 24 & 0x0f);
}

static void flushed(struct ide_channel *ch, int error)
{
	ide_end(ch->job.drive, error ? IDE_ERROR_ABRT : 0, true);
}

static void flush(struct ide_channel *ch)
{
	ide_work_submit(ch, BLOCK_FLUSH, 0, flushed);
}

void ide_transfer_done(struct ide_channel *ch)
{
	struct ide_drive *drive = ch->job.drive;

	if (drive->cdrom)
		ide_atapi_end(drive, (struct ide_sense){0});
	else if (ch->job.flush_after)
		ide_work_queue(ch, flush);
	else
		ide_end(drive, 0, true);
}

/* The address is that of the request's first sector: the back end does not say which one it was. */
void ide_transfer_failed(struct ide_channel *ch)
{
	struct ide_drive *drive = ch->job.drive;

	if (drive->cdrom) {
		ide_atapi_end(drive, IDE_SENSE_READ_ERROR);
		return;
	}
	put_lba(drive, ch->job.offset_bytes / IDE_SECTOR_BYTES);
	ide_end(drive,
		ch->job.write || ch->bm.status & BM_STATUS_ERROR ? IDE_ERROR_ABRT : IDE_ERROR_UNC,
		true);
}

/* --- which sectors ----------------------------------------------------------------------------- */

struct span {
	uint64_t lba;
	uint32_t sector_count;
};

static uint32_t low_lba(const uint8_t file[IDE_REGISTERS])
{
	return file[IDE_LBA_LOW] | (uint32_t)file[IDE_LBA_MID] << 8 |
	       (uint32_t)file[IDE_LBA_HIGH] << 16;
}

/* Cylinder, head and sector of old; sector 0 is no sector. */
static uint64_t chs_lba(const struct ide_drive *drive)
{
	const uint8_t *file = drive->file[0];
	uint32_t cylinder = file[IDE_LBA_MID] | (uint32_t)file[IDE_LBA_HIGH] << 8;
	uint32_t head = file[IDE_DEVICE] & 0x0f;
	uint32_t sector = file[IDE_LBA_LOW];

	if (sector == 0 || sector > drive->sectors_per_track || head >= drive->heads)
		return UINT64_MAX;
	return ((uint64_t)cylinder * drive->heads + head) * drive->sectors_per_track + sector - 1;
}

/* False: not all of it is on the disk. */
static bool get_span(const struct ide_drive *drive, bool ext, struct span *span)
{
	const uint8_t *file = drive->file[0];

	if (ext) {
		span->lba = low_lba(file) | (uint64_t)low_lba(drive->file[1]) << 24;
		span->sector_count = file[IDE_COUNT] | (uint32_t)drive->file[1][IDE_COUNT] << 8;
		if (!span->sector_count)
			span->sector_count = LBA48_COUNT_MAX;
	} else {
		span->sector_count = file[IDE_COUNT] ? file[IDE_COUNT] : LBA28_COUNT_MAX;
		if (file[IDE_DEVICE] & IDE_DEVICE_LBA)
			span->lba = low_lba(file) | (uint32_t)(file[IDE_DEVICE] & 0x0f) << 24;
		else
			span->lba = chs_lba(drive);
	}
	return span->lba < drive->sector_count &&
	       span->sector_count <= drive->sector_count - span->lba;
}

static void not_found(struct ide_drive *drive)
{
	ide_end(drive, IDE_ERROR_IDNF, true);
}

static void transfer(struct ide_drive *drive, unsigned kind)
{
	struct ide_channel *ch = drive->channel;
	bool write = kind & WRITE;
	struct span span;

	if ((kind & DMA && !drive->dma) || (kind & MULTIPLE && !drive->multiple) ||
	    (write && drive->info.read_only)) {
		ide_abort(drive);
		return;
	}
	if (!get_span(drive, kind & EXT, &span)) {
		not_found(drive);
		return;
	}
	ide_begin(drive);
	ch->job.write = write;
	ch->job.flush_after = write && !drive->write_cache;
	ch->job.offset_bytes = span.lba * IDE_SECTOR_BYTES;
	ch->job.left_bytes = (uint64_t)span.sector_count * IDE_SECTOR_BYTES;
	ch->job.block_bytes = (kind & MULTIPLE ? drive->multiple : 1u) * IDE_SECTOR_BYTES;
	if (kind & DMA)
		ide_dma_start(ch);
	else if (write)
		ide_pio_receive(ch, false);
	else
		ide_work_queue(ch, ide_pio_fill);
}

/* Nothing is read: the image has no sectors that its file system would not report by itself. */
static void verify(struct ide_drive *drive, bool ext)
{
	struct span span;

	if (get_span(drive, ext, &span))
		ide_end(drive, 0, true);
	else
		not_found(drive);
}

/* --- settings ---------------------------------------------------------------------------------- */

bool ide_set_transfer_mode(struct ide_drive *drive, uint8_t mode)
{
	uint8_t number = mode & 0x07;

	switch (mode >> 3) {
	case 0: return number <= 1; /* PIO as it was at power-on, with or without IORDY */
	case 1: return number <= MODE_PIO_MAX;
	case 4:
		if (!drive->dma || number > MODE_MWDMA_MAX)
			return false;
		break;
	case 8:
		if (!drive->dma || number > MODE_UDMA_MAX)
			return false;
		break;
	default: return false;
	}
	drive->transfer_mode = mode;
	return true;
}

static void set_features(struct ide_drive *drive)
{
	switch (drive->file[0][IDE_FEATURES]) {
	case ENABLE_WRITE_CACHE: drive->write_cache = true; break;
	case DISABLE_WRITE_CACHE: drive->write_cache = false; break;
	case SET_TRANSFER_MODE:
		if (!ide_set_transfer_mode(drive, drive->file[0][IDE_COUNT])) {
			ide_abort(drive);
			return;
		}
		break;
	case ENABLE_LOOK_AHEAD:
	case DISABLE_LOOK_AHEAD:
	case KEEP_SETTINGS:
	case REVERT_SETTINGS: break;
	default: ide_abort(drive); return;
	}
	ide_end(drive, 0, true);
}

/* A power of two up to what IDENTIFY says; 0 switches READ and WRITE MULTIPLE off. */
static void set_multiple(struct ide_drive *drive)
{
	uint8_t count = drive->file[0][IDE_COUNT];

	if (count > IDE_MULTIPLE_MAX || count & (count - 1)) {
		ide_abort(drive);
		return;
	}
	drive->multiple = count;
	ide_end(drive, 0, true);
}

static void initialize_parameters(struct ide_drive *drive)
{
	uint8_t sectors = drive->file[0][IDE_COUNT];

	if (!sectors) {
		ide_abort(drive);
		return;
	}
	drive->sectors_per_track = sectors;
	drive->heads = (drive->file[0][IDE_DEVICE] & 0x0f) + 1;
	ide_end(drive, 0, true);
}

static void begin_flush(struct ide_drive *drive)
{
	ide_begin(drive);
	ide_work_queue(drive->channel, flush);
}

static void check_power(struct ide_drive *drive)
{
	drive->file[0][IDE_COUNT] = POWER_ACTIVE;
	ide_end(drive, 0, true);
}

/* Longer than others: it is the list. */
void ide_ata_command(struct ide_drive *drive, uint8_t command)
{
	switch (command) {
	case READ_SECTORS:
	case READ_SECTORS_NO_RETRY: transfer(drive, READ); break;
	case READ_SECTORS_EXT: transfer(drive, READ | EXT); break;
	case READ_MULTIPLE: transfer(drive, READ | MULTIPLE); break;
	case READ_MULTIPLE_EXT: transfer(drive, READ | MULTIPLE | EXT); break;
	case READ_DMA:
	case READ_DMA_NO_RETRY: transfer(drive, READ | DMA); break;
	case READ_DMA_EXT: transfer(drive, READ | DMA | EXT); break;
	case WRITE_SECTORS:
	case WRITE_SECTORS_NO_RETRY: transfer(drive, WRITE); break;
	case WRITE_SECTORS_EXT: transfer(drive, WRITE | EXT); break;
	case WRITE_MULTIPLE: transfer(drive, WRITE | MULTIPLE); break;
	case WRITE_MULTIPLE_EXT: transfer(drive, WRITE | MULTIPLE | EXT); break;
	case WRITE_DMA:
	case WRITE_DMA_NO_RETRY: transfer(drive, WRITE | DMA); break;
	case WRITE_DMA_EXT: transfer(drive, WRITE | DMA | EXT); break;
	case READ_VERIFY:
	case READ_VERIFY_NO_RETRY: verify(drive, false); break;
	case READ_VERIFY_EXT: verify(drive, true); break;
	case FLUSH_CACHE:
	case FLUSH_CACHE_EXT: begin_flush(drive); break;
	case IDENTIFY_DEVICE: ide_identify(drive); break;
	case SET_FEATURES: set_features(drive); break;
	case SET_MULTIPLE: set_multiple(drive); break;
	case INITIALIZE_PARAMETERS: initialize_parameters(drive); break;
	case CHECK_POWER: check_power(drive); break;
	case SEEK:
	case RECALIBRATE:
	case STANDBY_IMMEDIATE:
	case IDLE_IMMEDIATE:
	case STANDBY:
	case IDLE:
	case SLEEP: ide_end(drive, 0, true); break;
	default: ide_abort(drive); break;
	}
}

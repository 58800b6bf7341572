/* SPDX-License-Identifier: MIT
 *
 * What IDENTIFY DEVICE and IDENTIFY PACKET DEVICE say (ATA/ATAPI-6 §8.15, §8.16, some words from
 * ATA8-ACS). Words in the order of their numbers.
 */
#include <string.h>

#include "dev/ide_internal.h"

#define MODEL_DISK "VITRINE DISK"
#define MODEL_CDROM "VITRINE CD-ROM"

#define LBA28_SECTORS_MAX 0x0fffffffu
#define CHS_SECTORS_MAX (16383u * 16 * 63)
#define NONROTATING 1
#define ROTATIONS_PER_MINUTE 7200

enum {
	CONFIGURATION_FIXED = 0x0040,
	CONFIGURATION_CDROM = 0x85c0, /* removable, 12-byte packets, DRQ within 50 µs */
	CAPABLE_DMA = 0x0100,
	CAPABLE_LBA = 0x0200,
	CAPABLE_IORDY = 0x0c00,
	FIELDS_VALID = 0x0006, /* words 64-70, 88 */
	CHS_VALID = 0x0001,
	MULTIPLE_VALID = 0x0100,
	PIO_3_AND_4 = 0x0003,
	MWDMA_0_TO_2 = 0x0007,
	UDMA_0_TO_5 = 0x003f,
	CYCLE_NS = 120,
	MAJOR_ATA_4_TO_8 = 0x01f0,

	SET_VALID = 0x4000, /* words 83, 84, 87, 93, 106, 119, 120 */
	SET82_POWER = 0x0008,
	SET82_PACKET = 0x0010,
	SET82_WRITE_CACHE = 0x0020,
	SET82_LOOK_AHEAD = 0x0040,
	SET82_DEVICE_RESET = 0x0200,
	SET83_LBA48 = 0x0400,
	SET83_FLUSH = 0x1000,
	SET83_FLUSH_EXT = 0x2000,

	CABLE_80_WIRES = 0x2000,
	RESET_MASTER = 0x000b, /* word 93: device 0 passed, and found its number by jumper */
	RESET_SLAVE = 0x0b00,
	SECTOR_LARGER = 0x2000
};

static void put_word(uint8_t *data, unsigned word, unsigned value)
{
	data[word * 2] = (uint8_t)value;
	data[word * 2 + 1] = (uint8_t)(value >> 8);
}

static void put_words(uint8_t *data, unsigned word, uint64_t value, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		put_word(data, word + i, (unsigned)(value >> 16 * i & 0xffff));
}

/* Two characters a word, the first one in the high byte, spaces behind. */
static void put_string(uint8_t *data, unsigned word, const char *text, unsigned bytes)
{
	size_t length = strlen(text);

	for (unsigned i = 0; i < bytes; i++)
		data[word * 2 + (i ^ 1)] = i < length ? (uint8_t)text[i] : ' ';
}

/* Modes that there are in the low byte, the one in use in the high byte. */
static unsigned mode_word(const struct ide_drive *drive, unsigned modes, unsigned kind)
{
	if (!drive->dma)
		return 0;
	return modes |
	       (drive->transfer_mode >> 3 == kind ? 0x100u << (drive->transfer_mode & 7) : 0);
}

static void put_common(const struct ide_drive *drive, uint8_t *data)
{
	put_string(data, 10, drive->serial, IDE_SERIAL_BYTES);
	put_string(data, 23, VITRINE_VERSION, 8);
	put_string(data, 27, drive->cdrom ? MODEL_CDROM : MODEL_DISK, 40);
	put_word(data, 49, CAPABLE_LBA | CAPABLE_IORDY | (drive->dma ? CAPABLE_DMA : 0));
	put_word(data, 63, mode_word(drive, MWDMA_0_TO_2, 4));
	put_word(data, 64, PIO_3_AND_4);
	put_words(data, 65, drive->dma ? CYCLE_NS * 0x10001ull : 0, 2);
	put_words(data, 67, CYCLE_NS * 0x10001ull, 2);
	put_word(data, 80, MAJOR_ATA_4_TO_8);
	put_word(data, 88, mode_word(drive, UDMA_0_TO_5, 8));
	put_word(data, 93,
		 SET_VALID | CABLE_80_WIRES | (drive->index ? RESET_SLAVE : RESET_MASTER));
}

static void put_geometry(const struct ide_drive *drive, uint8_t *data)
{
	uint64_t sectors = drive->sector_count < CHS_SECTORS_MAX ? drive->sector_count
								 : CHS_SECTORS_MAX;
	unsigned per_cylinder = drive->heads * drive->sectors_per_track;
	uint64_t current = sectors / per_cylinder < 0xffff ? sectors / per_cylinder : 0xffff;

	put_word(data, 1, (unsigned)(sectors / (16 * 63)));
	put_word(data, 3, 16);
	put_word(data, 6, 63);
	put_word(data, 54, (unsigned)current);
	put_word(data, 55, drive->heads);
	put_word(data, 56, drive->sectors_per_track);
	put_words(data, 57, current * per_cylinder, 2);
}

/* Word 106: how many sectors are one for the medium. */
static unsigned physical_sector(const struct ide_drive *drive)
{
	unsigned log2 = 0;

	while ((uint32_t)IDE_SECTOR_BYTES << log2 < drive->info.physical_sector_bytes && log2 < 15)
		log2++;
	return SET_VALID | (log2 ? SECTOR_LARGER | log2 : 0);
}

static void put_disk(const struct ide_drive *drive, uint8_t *data)
{
	uint64_t count = drive->sector_count;
	bool flush = drive->info.volatile_cache;
	unsigned set82 = SET82_POWER | SET82_LOOK_AHEAD | (flush ? SET82_WRITE_CACHE : 0);
	unsigned set83 = SET_VALID | SET83_LBA48 | SET83_FLUSH | SET83_FLUSH_EXT;

	put_word(data, 0, CONFIGURATION_FIXED);
	put_geometry(drive, data);
	put_word(data, 47, 0x8000 | IDE_MULTIPLE_MAX);
	put_word(data, 50, SET_VALID);
	put_word(data, 53, FIELDS_VALID | CHS_VALID);
	put_word(data, 59, drive->multiple ? MULTIPLE_VALID | drive->multiple : 0);
	put_words(data, 60, count < LBA28_SECTORS_MAX ? count : LBA28_SECTORS_MAX, 2);
	put_word(data, 82, set82);
	put_word(data, 83, set83);
	put_word(data, 84, SET_VALID);
	put_word(data, 85, drive->write_cache ? set82 : set82 & ~(unsigned)SET82_WRITE_CACHE);
	put_word(data, 86, set83 & ~(unsigned)SET_VALID);
	put_word(data, 87, SET_VALID);
	put_words(data, 100, count, 4);
	put_word(data, 106, physical_sector(drive));
	put_word(data, 217, drive->info.rotational ? ROTATIONS_PER_MINUTE : NONROTATING);
}

static void put_cdrom(const struct ide_drive *drive, uint8_t *data)
{
	(void)drive;
	put_word(data, 0, CONFIGURATION_CDROM);
	put_word(data, 53, FIELDS_VALID);
	put_word(data, 82, SET82_POWER | SET82_PACKET | SET82_DEVICE_RESET);
	put_word(data, 83, SET_VALID);
	put_word(data, 84, SET_VALID);
	put_word(data, 85, SET82_POWER | SET82_PACKET | SET82_DEVICE_RESET);
	put_word(data, 87, SET_VALID);
}

/* Word 255: a signature, and what makes all bytes add up to 0. */
static void put_checksum(uint8_t *data)
{
	uint8_t sum = 0;

	data[510] = 0xa5;
	for (unsigned i = 0; i < IDE_SECTOR_BYTES - 1; i++)
		sum += data[i];
	data[511] = (uint8_t)-sum;
}

static void put_identity(const struct ide_drive *drive, uint8_t data[IDE_SECTOR_BYTES])
{
	memset(data, 0, IDE_SECTOR_BYTES);
	put_common(drive, data);
	if (drive->cdrom)
		put_cdrom(drive, data);
	else
		put_disk(drive, data);
	put_checksum(data);
}

static void identified(struct ide_channel *ch)
{
	ide_end(ch->job.drive, 0, false);
}

void ide_identify(struct ide_drive *drive)
{
	struct ide_channel *ch = drive->channel;

	ide_begin(drive);
	put_identity(drive, ch->buffer);
	ch->job.block_bytes = IDE_SECTOR_BYTES;
	ide_pio_start(ch, true, IDE_SECTOR_BYTES, true, identified);
}

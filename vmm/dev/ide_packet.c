/* SPDX-License-Identifier: MIT
 *
 * The packets of a CD-ROM drive (SFF-8020i, MMC-3, SPC-2). The medium, if there is one, is one session with one
 * data track of 2,048-byte sectors. Answers are built in the channel's buffer.
 */
#include <stdio.h>
#include <string.h>

#include "dev/ide_internal.h"

enum packet_command {
	TEST_UNIT_READY = 0x00,
	REQUEST_SENSE = 0x03,
	INQUIRY = 0x12,
	START_STOP = 0x1b,
	PREVENT_REMOVAL = 0x1e,
	READ_CAPACITY = 0x25,
	READ_10 = 0x28,
	SEEK_10 = 0x2b,
	READ_TOC = 0x43,
	GET_EVENT_STATUS = 0x4a,
	MODE_SENSE_10 = 0x5a,
	READ_12 = 0xa8
};

enum { KEY_NOT_READY = 0x2, KEY_ILLEGAL_REQUEST = 0x5, KEY_UNIT_ATTENTION = 0x6 };

static const struct ide_sense no_medium = {KEY_NOT_READY, 0x3a, 0};
static const struct ide_sense bad_command = {KEY_ILLEGAL_REQUEST, 0x20, 0};
static const struct ide_sense bad_address = {KEY_ILLEGAL_REQUEST, 0x21, 0};
static const struct ide_sense bad_field = {KEY_ILLEGAL_REQUEST, 0x24, 0};
static const struct ide_sense was_reset = {KEY_UNIT_ATTENTION, 0x29, 0};

#define TRACK_DATA 0x14 /* ADR 1, digital copy prohibited no, data track */
#define TRACK_LEAD_OUT 0xaa
#define FRAMES_PER_SECOND 75
#define PREGAP_FRAMES 150

static uint32_t get_be16(const uint8_t *bytes)
{
	return (uint32_t)bytes[0] << 8 | bytes[1];
}

static uint32_t get_be32(const uint8_t *bytes)
{
	return get_be16(bytes) << 16 | get_be16(bytes + 2);
}

static void put_be16(uint8_t *bytes, uint32_t value)
{
	bytes[0] = (uint8_t)(value >> 8);
	bytes[1] = (uint8_t)value;
}

static void put_be32(uint8_t *bytes, uint32_t value)
{
	put_be16(bytes, value >> 16);
	put_be16(bytes + 2, value & 0xffff);
}

static uint32_t cd_sector_count(const struct ide_drive *drive)
{
	uint64_t count = drive->sector_count / (IDE_CD_SECTOR_BYTES / IDE_SECTOR_BYTES);

	return count < UINT32_MAX ? (uint32_t)count : UINT32_MAX;
}

/* An answer of `bytes`, cut to what the packet allows. */
static void answer(struct ide_drive *drive, uint32_t bytes, uint32_t allocated_bytes)
{
	ide_atapi_send(drive, bytes < allocated_bytes ? bytes : allocated_bytes);
}

/* SPC-2 §7.3 */
static void inquiry(struct ide_drive *drive, const uint8_t *packet)
{
	/* vendor, 8 bytes; product, 16; the first 4 of the revision */
	char identity[29];
	uint8_t *data = drive->channel->buffer;

	if (packet[1] & 0x03) { /* vital product data, command support */
		ide_atapi_end(drive, bad_field);
		return;
	}
	memset(data, 0, 36);
	data[0] = 0x05; /* CD-ROM */
	data[1] = 0x80; /* removable */
	data[3] = 0x21; /* ATAPI, as SFF-8020i has it */
	data[4] = 31;	/* bytes that follow */
	snprintf(identity, sizeof(identity), "VITRINE CD-ROM          %-4.4s", VITRINE_VERSION);
	memcpy(data + 8, identity, 28);
	answer(drive, 36, packet[4]);
}

/* SPC-2 §7.20: of the command before; asking takes it. */
static void request_sense(struct ide_drive *drive, const uint8_t *packet)
{
	uint8_t *data = drive->channel->buffer;
	struct ide_sense sense = drive->sense;

	if (!sense.key && drive->unit_attention) {
		drive->unit_attention = false;
		sense = was_reset;
	}
	memset(data, 0, 18);
	data[0] = 0x70; /* current, fixed format */
	data[2] = sense.key;
	data[7] = 10;
	data[12] = sense.asc;
	data[13] = sense.ascq;
	answer(drive, 18, packet[4]);
}

static void read_capacity(struct ide_drive *drive)
{
	uint8_t *data = drive->channel->buffer;

	put_be32(data, cd_sector_count(drive) - 1);
	put_be32(data + 4, IDE_CD_SECTOR_BYTES);
	ide_atapi_send(drive, 8);
}

static void read_sectors(struct ide_drive *drive, uint32_t sector, uint32_t sector_count)
{
	uint32_t end = cd_sector_count(drive);

	if (sector > end || sector_count > end - sector)
		ide_atapi_end(drive, bad_address);
	else if (!sector_count)
		ide_atapi_end(drive, (struct ide_sense){0});
	else
		ide_atapi_read(drive, sector, sector_count);
}

static void put_address(uint8_t *bytes, uint32_t sector, bool minutes)
{
	uint32_t frames = sector + PREGAP_FRAMES;

	if (!minutes) {
		put_be32(bytes, sector);
		return;
	}
	bytes[0] = 0;
	bytes[1] = (uint8_t)(frames / FRAMES_PER_SECOND / 60);
	bytes[2] = (uint8_t)(frames / FRAMES_PER_SECOND % 60);
	bytes[3] = (uint8_t)(frames % FRAMES_PER_SECOND);
}

static uint32_t put_track(uint8_t *data, uint8_t number, uint32_t sector, bool minutes)
{
	memset(data, 0, 8);
	data[1] = TRACK_DATA;
	data[2] = number;
	put_address(data + 4, sector, minutes);
	return 8;
}

/* MMC-3 §6.25: the tracks from a number on (format 0), or the first track of the last session (1). */
static void read_toc(struct ide_drive *drive, const uint8_t *packet)
{
	uint8_t *data = drive->channel->buffer;
	bool minutes = packet[1] & 0x02;
	unsigned format = packet[2] & 0x0f ? packet[2] & 0x0f : packet[9] >> 6;
	uint8_t first = packet[6];
	uint32_t bytes = 4;

	if (format > 1 || (format == 0 && first > 1 && first != TRACK_LEAD_OUT)) {
		ide_atapi_end(drive, bad_field);
		return;
	}
	data[2] = data[3] = 1; /* first and last track, or session */
	if (format == 1 || first <= 1)
		bytes += put_track(data + bytes, 1, 0, minutes);
	if (format == 0)
		bytes += put_track(data + bytes, TRACK_LEAD_OUT, cd_sector_count(drive), minutes);
	put_be16(data, bytes - 2);
	answer(drive, bytes, get_be16(packet + 7));
}

/* MMC-3 §6.7: polled only; of the classes there is Media, and nothing ever happens to that. */
static void get_event_status(struct ide_drive *drive, const uint8_t *packet)
{
	uint8_t *data = drive->channel->buffer;
	bool asks_media = packet[4] & 1 << 4;

	if (!(packet[1] & 1)) {
		ide_atapi_end(drive, bad_field);
		return;
	}
	memset(data, 0, 8);
	put_be16(data, asks_media ? 6 : 2);
	data[2] = asks_media ? 0x04 : 0x80; /* the class, or: none of those */
	data[3] = 1 << 4;		    /* which there are */
	data[5] = drive->block ? 0x02 : 0x00;
	answer(drive, asks_media ? 8 : 4, get_be16(packet + 7));
}

/* MMC-3 §5.3.4 and annex: read error recovery (01h), capabilities (2Ah). */
static void mode_sense(struct ide_drive *drive, const uint8_t *packet)
{
	uint8_t *data = drive->channel->buffer;
	unsigned page = packet[2] & 0x3f;
	uint32_t bytes = 8;

	if (packet[2] >> 6 == 3 || (page != 0x01 && page != 0x2a && page != 0x3f)) {
		ide_atapi_end(drive, bad_field);
		return;
	}
	memset(data, 0, 64);
	data[2] = drive->block ? 0x01 : 0x70; /* 120 mm data disc; no disc */
	if (page != 0x2a) {
		data[bytes] = 0x01;
		data[bytes + 1] = 6;
		data[bytes + 3] = 1; /* retries */
		bytes += 8;
	}
	if (page != 0x01) {
		data[bytes] = 0x2a;
		data[bytes + 1] = 18;
		data[bytes + 4] = 0x70;		 /* multi-session, mode 2 */
		data[bytes + 6] = 0x20;		 /* tray; neither eject nor lock */
		put_be16(data + bytes + 8, 706); /* KiB/s: 4 × */
		put_be16(data + bytes + 12, IDE_BUFFER_BYTES / 1024);
		put_be16(data + bytes + 14, 706);
		bytes += 20;
	}
	put_be16(data, bytes - 2);
	answer(drive, bytes, get_be16(packet + 7));
}

static bool needs_medium(uint8_t command)
{
	switch (command) {
	case TEST_UNIT_READY:
	case READ_CAPACITY:
	case READ_10:
	case READ_12:
	case READ_TOC:
	case SEEK_10: return true;
	default: return false;
	}
}

/* True: the packet was refused before anybody looked at what it asks for. */
static bool refuse(struct ide_drive *drive, uint8_t command)
{
	if (command == INQUIRY || command == REQUEST_SENSE)
		return false;
	if (drive->unit_attention && command != GET_EVENT_STATUS) {
		drive->unit_attention = false;
		ide_atapi_end(drive, was_reset);
		return true;
	}
	if (!needs_medium(command) || cd_sector_count(drive))
		return false;
	ide_atapi_end(drive, no_medium);
	return true;
}

void ide_packet_execute(struct ide_drive *drive, const uint8_t packet[IDE_PACKET_BYTES])
{
	static const struct ide_sense fine = {0};

	if (refuse(drive, packet[0]))
		return;
	switch (packet[0]) {
	case SEEK_10:
	case PREVENT_REMOVAL:
	case TEST_UNIT_READY: ide_atapi_end(drive, fine); break;
	case START_STOP: /* the tray stays shut */
		ide_atapi_end(drive, packet[4] & 0x02 ? bad_field : fine);
		break;
	case REQUEST_SENSE: request_sense(drive, packet); break;
	case INQUIRY: inquiry(drive, packet); break;
	case READ_CAPACITY: read_capacity(drive); break;
	case READ_10: read_sectors(drive, get_be32(packet + 2), get_be16(packet + 7)); break;
	case READ_12: read_sectors(drive, get_be32(packet + 2), get_be32(packet + 6)); break;
	case READ_TOC: read_toc(drive, packet); break;
	case GET_EVENT_STATUS: get_event_status(drive, packet); break;
	case MODE_SENSE_10: mode_sense(drive, packet); break;
	default: ide_atapi_end(drive, bad_command); break;
	}
}

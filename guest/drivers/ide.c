/* SPDX-License-Identifier: MIT
 *
 * Drives and their geometry; which command a request becomes.
 */
#include "guest/drivers/ide.h"

#include <stddef.h>

#include "guest/arch/insn.h"
#include "guest/board/machine.h"
#include "guest/drivers/block.h"
#include "guest/drivers/ide_channel.h"
#include "guest/lib/print.h"
#include "guest/lib/string.h"

#define CLASS_IDE 0x0101
#define MASTER_BAR 4
#define MASTER_CHANNEL_BYTES 8
#define REQUEST_MAX 256
#define LBA28_END (1ull << 28)
#define DMA_END (1ull << 32)
#define NO_DRIVE 0xff /* status of a channel without drives */
#define STATUS_PORT 7

enum command_code {
	READ = 0x20,
	READ_EXT = 0x24,
	READ_DMA_EXT = 0x25,
	READ_MULTIPLE_EXT = 0x29,
	WRITE = 0x30,
	WRITE_EXT = 0x34,
	WRITE_DMA_EXT = 0x35,
	WRITE_MULTIPLE_EXT = 0x39,
	READ_MULTIPLE = 0xc4,
	WRITE_MULTIPLE = 0xc5,
	SET_MULTIPLE = 0xc6,
	READ_DMA = 0xc8,
	WRITE_DMA = 0xca,
	FLUSH = 0xe7,
	FLUSH_EXT = 0xea,
	IDENTIFY = 0xec
};

/* Words of IDENTIFY DEVICE. */
enum {
	IDENTIFY_SERIAL = 10,
	IDENTIFY_MODEL = 27,
	IDENTIFY_MULTIPLE = 47,
	IDENTIFY_CAPABILITIES = 49,
	IDENTIFY_LBA28 = 60,
	IDENTIFY_COMMANDS = 83,
	IDENTIFY_LBA48 = 100,
	IDENTIFY_WORDS = 256
};
#define CAPABILITY_DMA 0x100
#define COMMANDS_LBA48 0x400

enum method { SINGLE, MULTIPLE, DMA };

struct ide_drive {
	struct block_device disk;
	struct ide_channel *channel;
	uint8_t number; /* 0 or 1 */
	bool lba48, always_lba48;
	enum method method;
	uint32_t block_sectors; /* of multiple-sector PIO */
	struct block_request *ended;
};

static struct ide_channel channel[2];
static struct ide_drive drive[4];

static uint8_t transfer_code(enum method method, bool write, bool lba48)
{
	static const uint8_t code[3][2][2] = {
		[SINGLE] = {{READ, READ_EXT}, {WRITE, WRITE_EXT}},
		[MULTIPLE] = {{READ_MULTIPLE, READ_MULTIPLE_EXT},
			      {WRITE_MULTIPLE, WRITE_MULTIPLE_EXT}},
		[DMA] = {{READ_DMA, READ_DMA_EXT}, {WRITE_DMA, WRITE_DMA_EXT}},
	};

	return code[method][write][lba48];
}

/* count sectors from sector on, to or from pieces that are as long. */
static bool transfer(const struct ide_drive *d, bool write, uint64_t sector, uint32_t count,
		     const struct block_piece *pieces, unsigned piece_count, enum method method)
{
	struct ide_command command = {
		.drive = d->number,
		.lba = sector,
		.count = count,
		.lba48 = d->always_lba48 || sector + count > LBA28_END,
	};

	command.code = transfer_code(method, write, command.lba48);
	if (method == DMA)
		return ide_dma(d->channel, &command, write, pieces, piece_count);
	return ide_pio(d->channel, &command, write, pieces->data, d->block_sectors);
}

/* The bus master's addresses have 32 bits. */
static bool is_reachable(const struct block_piece *pieces, unsigned count)
{
	bool below = true;

	for (unsigned i = 0; i < count; i++)
		below &= pieces[i].gpa + pieces[i].bytes <= DMA_END;
	return below;
}

/* By DMA as a whole, else piece by piece. */
static bool run(const struct ide_drive *d, const struct block_request *request)
{
	const struct block_piece one = {request->gpa, request->data,
					request->sector_count * SECTOR_BYTES};
	const struct block_piece *pieces = request->pieces ? request->pieces : &one;
	const unsigned count = request->pieces ? request->piece_count : 1;
	const bool write = request->operation == BLOCK_WRITE;
	const enum method by_hand = d->block_sectors > 1 ? MULTIPLE : SINGLE;
	uint64_t sector = request->sector;
	bool good = true;

	if (d->method == DMA && is_reachable(pieces, count))
		return transfer(d, write, sector, request->sector_count, pieces, count, DMA);
	for (unsigned i = 0; i < count && good; i++) {
		const uint32_t sectors = pieces[i].bytes / SECTOR_BYTES;

		good = transfer(d, write, sector, sectors, &pieces[i], 1, by_hand);
		sector += sectors;
	}
	return good;
}

static bool flush(const struct ide_drive *d)
{
	const struct ide_command command = {.code = d->lba48 ? FLUSH_EXT : FLUSH,
					    .drive = d->number};

	return ide_command(d->channel, &command);
}

/* The channel does one thing at a time, so a request ends before submit() does. */
static bool submit(struct block_device *disk, struct block_request *request)
{
	struct ide_drive *d = disk->context;

	if (d->ended)
		return false;
	if (disk->queue) {
		d->channel->may_sleep = true;
		mutex_lock(&d->channel->lock);
	}
	request->failed = request->operation == BLOCK_FLUSH ? !flush(d) : !run(d, request);
	d->ended = request;
	if (disk->queue)
		mutex_unlock(&d->channel->lock);
	return true;
}

static struct block_request *complete(struct block_device *disk, uint64_t limit_ns)
{
	struct ide_drive *d = disk->context;
	struct block_request *request = d->ended;

	(void)limit_ns;
	d->ended = NULL;
	return request;
}

static void describe(const struct block_device *disk, char *text, unsigned size)
{
	const struct ide_drive *d = disk->context;

	print_to(text, size, "port %#x%s%s, %u sectors a block, %lu interrupts", d->channel->port,
		 d->always_lba48 ? " lba48" : "", d->channel->poll ? " poll" : "", d->block_sectors,
		 d->channel->interrupts);
}

/* Whether "ide=…,word,…" is on the command line. */
static bool has_option(const char *word)
{
	const size_t length = strlen(word);
	char words[64];

	if (!machine_option("ide", words, sizeof(words)))
		return false;
	for (const char *at = words; *at; at++) {
		if (!strncmp(at, word, length) && (!at[length] || at[length] == ','))
			return true;
		while (at[1] && *at != ',')
			at++;
	}
	return false;
}

static void set_multiple(struct ide_drive *d, const uint16_t *identity)
{
	const uint32_t sectors = identity[IDENTIFY_MULTIPLE] & 0xff;
	const struct ide_command command = {
		.code = SET_MULTIPLE, .drive = d->number, .count = sectors};

	d->method = SINGLE;
	d->block_sectors = 1;
	if (sectors < 2 || has_option("single") || !ide_command(d->channel, &command))
		return;
	d->method = MULTIPLE;
	d->block_sectors = sectors;
}

/* A text of IDENTIFY, first character in the high byte; blanks inside become '_'. */
static char *append_words(char *at, const uint16_t *words, unsigned count)
{
	char *end = at;

	for (unsigned i = 0; i < 2 * count; i++) {
		const char c = (char)(words[i / 2] >> (i & 1 ? 0 : 8));

		*at++ = c > ' ' && c < 0x7f && c != '/' ? c : '_';
		if (at[-1] != '_')
			end = at;
	}
	*end = 0;
	return end;
}

static void read_serial(struct ide_drive *d, const uint16_t *identity)
{
	char *end = append_words(d->disk.serial, identity + IDENTIFY_MODEL, 20);
	char number[21], *at = number;

	append_words(number, identity + IDENTIFY_SERIAL, 10);
	while (*at == '_')
		at++;
	if (*at && end - d->disk.serial + strlen(at) + 2 <= sizeof(d->disk.serial)) {
		*end++ = '_';
		memcpy(end, at, strlen(at) + 1);
	}
}

static void read_identity(struct ide_drive *d, const uint16_t *identity)
{
	d->lba48 = identity[IDENTIFY_COMMANDS] & COMMANDS_LBA48;
	d->always_lba48 = d->lba48 && has_option("lba48");
	d->disk.sector_count = identity[IDENTIFY_LBA28] | (uint64_t)identity[IDENTIFY_LBA28 + 1]
								  << 16;
	if (d->lba48)
		for (unsigned i = d->disk.sector_count = 0; i < 4; i++)
			d->disk.sector_count |= (uint64_t)identity[IDENTIFY_LBA48 + i] << 16 * i;
	set_multiple(d, identity);
	if (d->channel->master_port && d->channel->table.at && !has_option("pio") &&
	    (identity[IDENTIFY_CAPABILITIES] & CAPABILITY_DMA))
		d->method = DMA;
}

/* What answers no IDENTIFY is no disk: nothing, or a CD-ROM. */
static void probe_drive(struct ide_channel *on, unsigned number)
{
	const struct ide_command command = {.code = IDENTIFY, .drive = number, .count = 1};
	const unsigned index = (on - channel) * 2 + number;
	struct ide_drive *d = &drive[index];
	uint16_t identity[IDENTIFY_WORDS];

	if (!ide_pio(on, &command, false, identity, 1))
		return;
	d->channel = on;
	d->number = number;
	read_identity(d, identity);
	read_serial(d, identity);
	d->disk.piece_max = d->method == DMA ? BLOCK_PIECES_MAX : 1;
	d->disk.is_synchronous = true;
	d->disk.driver = d->method == DMA ? "ide-dma" : "ide-pio";
	d->disk.request_max = REQUEST_MAX;
	d->disk.depth = 1;
	d->disk.submit = submit;
	d->disk.complete = complete;
	d->disk.describe = describe;
	d->disk.context = d;
	print_to(d->disk.name, sizeof(d->disk.name), "hd%c", 'a' + index);
	block_add(&d->disk);
}

static void on_interrupt(void *context)
{
	struct ide_channel *on = context;

	io_read8(on->port + STATUS_PORT); /* takes the request down */
	__atomic_fetch_add(&on->interrupts, 1, __ATOMIC_RELEASE);
	if (on->may_sleep)
		waitq_wake(&on->answered);
}

/* Both channels at their compatible addresses, as all PCs have them. */
static void probe_channel(unsigned index, uint16_t master_port)
{
	static const uint16_t port[] = {0x1f0, 0x170}, control[] = {0x3f6, 0x376};
	static const uint8_t gsi[] = {14, 15};
	struct ide_channel *on = &channel[index];

	on->port = port[index];
	on->control_port = control[index];
	on->poll = has_option("poll");
	mutex_init(&on->lock);
	waitq_init(&on->answered);
	if (io_read8(on->port + STATUS_PORT) == NO_DRIVE)
		return;
	if (master_port && dma_alloc(&on->table, PAGE_BYTES))
		on->master_port = master_port + index * MASTER_CHANNEL_BYTES;
	if (!on->poll) {
		on->interrupt = (struct interrupt){on_interrupt, on, NULL};
		interrupt_listen_gsi(&on->interrupt, gsi[index], false);
	}
	io_write8(on->control_port, on->poll ? 2 : 0); /* nIEN */
	probe_drive(on, 0);
	probe_drive(on, 1);
}

void ide_probe(const struct pci_function *function)
{
	if (function->class_code >> 8 != CLASS_IDE || channel[0].port)
		return;
	pci_enable(function, PCI_COMMAND_IO | PCI_COMMAND_MASTER);
	for (unsigned i = 0; i < 2; i++)
		probe_channel(i, pci_bar_port(function, MASTER_BAR));
}

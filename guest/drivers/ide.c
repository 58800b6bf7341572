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

static bool transfer(const struct ide_drive *d, const struct block_request *request)
{
	const bool write = request->operation == BLOCK_WRITE;
	struct ide_command command = {
		.drive = d->number,
		.lba = request->sector,
		.count = request->sector_count,
		.lba48 = d->always_lba48 || request->sector + request->sector_count > LBA28_END,
	};

	command.code = transfer_code(d->method, write, command.lba48);
	if (d->method == DMA)
		return ide_dma(d->channel, &command, write, request->gpa);
	return ide_pio(d->channel, &command, write, request->data, d->block_sectors);
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
	request->failed = request->operation == BLOCK_FLUSH ? !flush(d) : !transfer(d, request);
	d->ended = request;
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
	on->interrupts++;
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

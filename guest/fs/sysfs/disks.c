/* SPDX-License-Identifier: MIT
 *
 * /sys/block/DEV.
 */
#include "guest/block/queue.h"
#include "guest/fs/sysfs/node.h"
#include "guest/lib/print.h"
#include "guest/lib/string.h"

void *sys_disk(unsigned index, char *name, size_t size)
{
	struct block_queue *q = block_queue_first();

	while (q && index--)
		q = q->next;
	if (q)
		print_to(name, size, "%s", q->disk->name);
	return q;
}

static int show_dev(void *thing, struct text *text)
{
	const struct block_queue *q = thing;

	text_print(text, "%u:%u\n", q->major, q->minor);
	return text->error;
}

static int show_size(void *thing, struct text *text)
{
	text_print(text, "%lu\n", ((struct block_queue *)thing)->disk->sector_count);
	return text->error;
}

static int show_read_only(void *thing, struct text *text)
{
	text_print(text, "%u\n", ((struct block_queue *)thing)->disk->read_only);
	return text->error;
}

static int show_serial(void *thing, struct text *text)
{
	text_print(text, "%s\n", ((struct block_queue *)thing)->disk->serial);
	return text->error;
}

static int show_stat(void *thing, struct text *text)
{
	block_queue_show_statistics(thing, text);
	return text->error;
}

/* What the driver counts: requests, kicks, interrupts. */
static int show_driver(void *thing, struct text *text)
{
	const struct block_device *disk = ((struct block_queue *)thing)->disk;
	char detail[192];

	disk->describe(disk, detail, sizeof(detail));
	text_print(text, "%s: %s\n", disk->driver, detail);
	return text->error;
}

static int show_scheduler(void *thing, struct text *text)
{
	const bool sweeps = ((struct block_queue *)thing)->elevator == &elevator_sweep;

	text_print(text, sweeps ? "none [sweep]\n" : "[none] sweep\n");
	return text->error;
}

static int store_scheduler(void *thing, const char *word)
{
	return block_set_elevator(thing, word);
}

/* Nobody says, so what is emulated counts as what it is stored on: no heads that move. */
static int show_rotational(void *thing, struct text *text)
{
	(void)thing;
	text_print(text, "0\n");
	return text->error;
}

static int show_sector_bytes(void *thing, struct text *text)
{
	(void)thing;
	text_print(text, "%u\n", SECTOR_BYTES);
	return text->error;
}

static int show_request_max(void *thing, struct text *text)
{
	text_print(text, "%u\n", ((struct block_queue *)thing)->disk->request_max / 2);
	return text->error;
}

static int show_depth(void *thing, struct text *text)
{
	text_print(text, "%u\n", ((struct block_queue *)thing)->disk->depth);
	return text->error;
}

static const struct sys_entry queue_table[] = {
	{.name = "depth", .show = show_depth},
	{.name = "logical_block_size", .show = show_sector_bytes},
	{.name = "max_sectors_kb", .show = show_request_max},
	{.name = "rotational", .show = show_rotational},
	{.name = "scheduler", .show = show_scheduler, .store = store_scheduler},
	{0},
};

const struct sys_entry sys_disk_table[] = {
	{.name = "dev", .show = show_dev},	    {.name = "driver", .show = show_driver},
	{.name = "queue", .children = queue_table}, {.name = "ro", .show = show_read_only},
	{.name = "serial", .show = show_serial},    {.name = "size", .show = show_size},
	{.name = "stat", .show = show_stat},	    {0},
};

/* SPDX-License-Identifier: MIT
 *
 * Arguments, and the table of each result.
 */
#include "guest/prompt/disk_commands.h"

#include <stddef.h>

#include "guest/drivers/attach.h"
#include "guest/drivers/block.h"
#include "guest/lib/print.h"
#include "guest/lib/words.h"
#include "guest/mm/dma.h"
#include "guest/prompt/disk_work.h"

#define NAME_MAX 16
#define DUMP_LINE 16
#define BENCH_REQUESTS 1000
#define BENCH_SECTORS 8
#define BENCH_DEPTH 32
#define COMMAND_SEED 0x76697472696e6521

void disk_command_list(const char *argument)
{
	char detail[192];

	(void)argument;
	drivers_attach();
	if (!block_first())
		print("  no disks\n");
	for (const struct block_device *disk = block_first(); disk; disk = disk->next) {
		disk->describe(disk, detail, sizeof(detail));
		print("  %-4s %-10s %10lu sectors, %lu MiB%s; %s\n", disk->name, disk->driver,
		      disk->sector_count, disk->sector_count * SECTOR_BYTES >> 20,
		      disk->read_only ? ", read-only" : "", detail);
	}
}

/* The disk that the first word names. NULL, with a line about it: there is none. */
static struct block_device *find(const char **argument)
{
	struct block_device *disk;
	char name[NAME_MAX];

	drivers_attach();
	words_next(argument, name, sizeof(name));
	disk = block_find(name);
	if (!disk)
		print("  %s: no such disk; \"disks\" lists them\n", name[0] ? name : "disk");
	return disk;
}

/* START and COUNT, as a whole the disk. false, with a line about it: not inside. */
static bool read_range(const struct block_device *disk, const char *argument,
		       struct disk_range *range)
{
	uint64_t count;

	if (!words_number(&argument, 0, &range->start) || range->start > disk->sector_count ||
	    !words_number(&argument, disk->sector_count - range->start, &count) ||
	    count > disk->sector_count - range->start) {
		print("  %s: START and COUNT are sectors, below %lu\n", disk->name,
		      disk->sector_count);
		return false;
	}
	range->count = count;
	return true;
}

static void dump(const uint8_t *bytes)
{
	for (unsigned i = 0; i < SECTOR_BYTES; i += DUMP_LINE) {
		char line[DUMP_LINE * 3 + 1];

		for (unsigned j = 0; j < DUMP_LINE; j++)
			print_to(line + 3 * j, 4, " %02x", bytes[i + j]);
		print("  %03x%s\n", i, line);
	}
}

void disk_command_read(const char *argument)
{
	struct block_device *disk = find(&argument);
	static struct dma data;
	uint64_t sector;

	if (!disk || !words_number(&argument, 0, &sector) ||
	    (!data.at && !dma_alloc(&data, SECTOR_BYTES)))
		return;
	if (block_read(disk, sector, 1, &data))
		dump(data.at);
	else
		print("  %s: sector %lu can't be read\n", disk->name, sector);
}

void disk_command_sum(const char *argument)
{
	struct block_device *disk = find(&argument);
	struct disk_range range;
	uint32_t crc;

	if (disk && read_range(disk, argument, &range) && disk_sum(disk, range, &crc))
		print("  disksum %s: sectors %lu + %lu, crc32 %08x\n", disk->name, range.start,
		      range.count, crc);
}

void disk_command_test(const char *argument)
{
	struct block_device *disk = find(&argument);
	struct disk_range range;
	uint32_t crc = 0;
	bool good;

	if (!disk || !read_range(disk, argument, &range))
		return;
	good = disk_write_pattern(disk, range, COMMAND_SEED) &&
	       disk_check_pattern(disk, range, COMMAND_SEED) && disk_sum(disk, range, &crc);
	print("  disktest %s: sectors %lu + %lu, crc32 %08x: %s\n", disk->name, range.start,
	      range.count, crc, good ? "passed" : "FAILED");
}

static void bench(struct block_device *disk, uint64_t requests, unsigned depth)
{
	struct disk_speed speed;

	if (depth > disk->depth)
		depth = disk->depth;
	if (!disk_measure(disk, requests, depth, BENCH_SECTORS, true, &speed))
		return;
	print("  diskbench %s: %lu random reads of 4 KiB, %u at a time: %lu requests/s, %lu ns "
	      "each\n",
	      disk->name, requests, depth, requests * 1000000000 / (speed.ns + 1),
	      speed.ns / requests);
}

void disk_command_bench(const char *argument)
{
	struct block_device *disk = find(&argument);
	uint64_t requests;

	if (!disk)
		return;
	if (!words_number(&argument, BENCH_REQUESTS, &requests) || !requests ||
	    disk->sector_count < BENCH_SECTORS) {
		print("  diskbench NAME [REQUESTS], on a disk of at least 4 KiB\n");
		return;
	}
	bench(disk, requests, 1);
	if (disk->depth > 1)
		bench(disk, requests, BENCH_DEPTH);
}

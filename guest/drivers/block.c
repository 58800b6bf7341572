/* SPDX-License-Identifier: MIT
 *
 * The list of disks, and requests one at a time.
 */
#include "guest/drivers/block.h"

#include <stddef.h>

#include "guest/lib/string.h"

#define REQUEST_NS 30000000000ull

static struct block_device *first, **last = &first;

void block_add(struct block_device *disk)
{
	*last = disk;
	last = &disk->next;
}

struct block_device *block_first(void)
{
	return first;
}

struct block_device *block_find(const char *name)
{
	struct block_device *disk = first;

	while (disk && name[0] && strcmp(disk->name, name))
		disk = disk->next;
	return disk;
}

static bool run(struct block_device *disk, struct block_request *request)
{
	return disk->submit(disk, request) && disk->complete(disk, REQUEST_NS) == request &&
	       !request->failed;
}

bool block_read(struct block_device *disk, uint64_t sector, uint32_t count, const struct dma *data)
{
	struct block_request request = {.operation = BLOCK_READ,
					.sector = sector,
					.sector_count = count,
					.gpa = data->gpa,
					.data = data->at};

	return run(disk, &request);
}

bool block_write(struct block_device *disk, uint64_t sector, uint32_t count, const struct dma *data)
{
	struct block_request request = {.operation = BLOCK_WRITE,
					.sector = sector,
					.sector_count = count,
					.gpa = data->gpa,
					.data = data->at};

	return run(disk, &request);
}

bool block_flush(struct block_device *disk)
{
	struct block_request request = {.operation = BLOCK_FLUSH};

	return run(disk, &request);
}

/* SPDX-License-Identifier: MIT
 *
 * A disk in host memory behind the kernel's request queue. It answers when somebody waits, in the order
 * of arrival, and checks what every request must be like.
 */
#ifndef TESTS_KERNEL_RAM_DISK_H
#define TESTS_KERNEL_RAM_DISK_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guest/block/device.h"
#include "guest/drivers/block.h"
#include "guest/sched/wait.h"
#include "tests/kernel/host.h"

#define RAM_DISK_DEPTH 8
#define RAM_DISK_MEMORY (256u << 20) /* of the kernel */

struct ram_disk {
	struct block_device disk;
	struct block_node node;
	uint8_t *bytes;
	struct block_request *under_way[RAM_DISK_DEPTH];
	unsigned count;
	uint64_t requests, fail_from; /* requests from that number on fail; 0: none */
};

static struct ram_disk ram_disk;

static bool ram_disk_submit(struct block_device *disk, struct block_request *request)
{
	struct ram_disk *ram = disk->context;

	if (ram->count == RAM_DISK_DEPTH)
		return false;
	ram->under_way[ram->count++] = request;
	return true;
}

static void ram_disk_start(struct block_device *disk)
{
	(void)disk;
}

static void ram_disk_run(struct ram_disk *ram, struct block_request *request)
{
	uint64_t at = request->sector * SECTOR_BYTES, bytes = 0;

	ram->requests++;
	request->failed = ram->fail_from && ram->requests >= ram->fail_from;
	if (request->operation == BLOCK_FLUSH || request->failed)
		return;
	if (!request->piece_count || request->piece_count > ram->disk.piece_max ||
	    !request->sector_count || request->sector_count > ram->disk.request_max ||
	    request->sector + request->sector_count > ram->disk.sector_count) {
		fprintf(stderr, "a bad request: %u pieces, %u sectors at %lu\n",
			request->piece_count, request->sector_count, request->sector);
		abort();
	}
	for (unsigned i = 0; i < request->piece_count; i++) {
		const struct block_piece *piece = &request->pieces[i];

		if (request->operation == BLOCK_READ)
			memcpy(piece->data, ram->bytes + at, piece->bytes);
		else
			memcpy(ram->bytes + at, piece->data, piece->bytes);
		at += piece->bytes;
		bytes += piece->bytes;
	}
	if (bytes != (uint64_t)request->sector_count * SECTOR_BYTES)
		abort();
}

static struct block_request *ram_disk_take(struct block_device *disk)
{
	struct ram_disk *ram = disk->context;
	struct block_request *request = ram->under_way[0];

	if (!ram->count)
		return NULL;
	memmove(ram->under_way, ram->under_way + 1, --ram->count * sizeof(request));
	ram_disk_run(ram, request);
	return request;
}

/* Instead of the fake's: waiting is what makes the disk work. */
int wait_step(struct wait *wait, enum task_state state, uint64_t deadline_ns)
{
	(void)wait, (void)state, (void)deadline_ns;
	if (!ram_disk.count) {
		fprintf(stderr, "a wait for nothing\n");
		abort();
	}
	ram_disk.disk.interrupted(&ram_disk.disk);
	return 0;
}

/* What block/device.c does with paths. */
int block_claim(const char *path, struct block_node **node)
{
	(void)path;
	*node = &ram_disk.node;
	return 0;
}

void block_release(struct block_node *node)
{
	(void)node;
}

/* The disk is bytes long and holds image (NULL: zeroes). */
static inline void ram_disk_insert(const void *image, uint64_t bytes)
{
	host_ram_start(RAM_DISK_MEMORY);
	free(ram_disk.bytes);
	ram_disk.bytes = calloc(1, bytes);
	if (image)
		memcpy(ram_disk.bytes, image, bytes);
	ram_disk.fail_from = ram_disk.requests = 0;
	ram_disk.disk.sector_count = bytes / SECTOR_BYTES;
	if (ram_disk.node.queue)
		return;
	ram_disk.disk = (struct block_device){
		.name = "ram",
		.driver = "ram",
		.sector_count = bytes / SECTOR_BYTES,
		.request_max = 256,
		.piece_max = BLOCK_PIECES_MAX,
		.depth = RAM_DISK_DEPTH,
		.submit = ram_disk_submit,
		.start = ram_disk_start,
		.take = ram_disk_take,
		.context = &ram_disk,
	};
	ram_disk.node.queue = block_queue_create(&ram_disk.disk, 254, 0);
}

#endif

/* SPDX-License-Identifier: MIT
 *
 * Work on disks that commands and self-tests share: patterns, sums, requests per second.
 */
#ifndef GUEST_PROMPT_DISK_WORK_H
#define GUEST_PROMPT_DISK_WORK_H

#include <stdbool.h>
#include <stdint.h>

#include "guest/drivers/block.h"

/* A stretch of a disk. */
struct disk_range {
	uint64_t start, count; /* sectors */
};

/* Writes a pattern that differs in each sector and with seed, and flushes; or reads it back and
 * compares. As many requests at a time as the disk takes. Prints what went wrong first; false then. */
bool disk_write_pattern(struct block_device *disk, struct disk_range range, uint64_t seed);
bool disk_check_pattern(struct block_device *disk, struct disk_range range, uint64_t seed);

/* CRC-32 of what is there. false: a read failed. */
bool disk_sum(struct block_device *disk, struct disk_range range, uint32_t *crc);

struct disk_speed {
	uint64_t ns, requests;
};

/* Reads of chunk_sectors, in order or at random places, depth at a time. false: one failed. */
bool disk_measure(struct block_device *disk, uint64_t requests, unsigned depth,
		  uint32_t chunk_sectors, bool random, struct disk_speed *speed);

#endif

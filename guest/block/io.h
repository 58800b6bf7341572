/* SPDX-License-Identifier: MIT
 *
 * Reads and writes of disks that somebody waits for: several pieces at once, then one wait.
 *
 *   struct block_io io;
 *   block_io_start(&io, disk);
 *   block_io_add(&io, BLOCK_READ, sector, data, bytes);   any number of times
 *   error = block_io_wait(&io);
 */
#ifndef GUEST_BLOCK_IO_H
#define GUEST_BLOCK_IO_H

#include <stddef.h>
#include <stdint.h>

#include "guest/block/queue.h"

struct block_io {
	struct block_queue *queue;
	struct waitq done;
	uint32_t pending; /* bios on their way, and one until block_io_wait(); atomic */
	bool failed;
};

/* Begins a group, plugged, so that its pieces are merged. */
void block_io_start(struct block_io *io, struct block_queue *q);

/* data (in the direct map) stays in place until block_io_wait(). Whole sectors, no longer than one
 * request of the disk may be. Ends the piece before it returns if there is no memory for a bio. */
void block_io_add(struct block_io *io, enum block_operation operation, uint64_t sector, void *data,
		  size_t bytes);

/* Sleeps until all have ended: 0 or -EIO. */
int block_io_wait(struct block_io *io);

/* One piece, e.g. a page of swap; and everything written so far made durable. 0 or -EIO. */
int block_io(struct block_queue *q, enum block_operation operation, uint64_t sector, void *data,
	     size_t bytes);
int block_io_flush(struct block_queue *q);

#endif

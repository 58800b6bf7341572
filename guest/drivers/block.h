/* SPDX-License-Identifier: MIT
 *
 * Disks, whoever drives them. Sectors have 512 bytes. One CPU uses a disk at a time: a prompt command
 * with submit() and complete(), or a request queue (block/queue.h) under its lock.
 */
#ifndef GUEST_DRIVERS_BLOCK_H
#define GUEST_DRIVERS_BLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "guest/mm/dma.h"

#define SECTOR_BYTES 512

enum block_operation { BLOCK_READ, BLOCK_WRITE, BLOCK_FLUSH };

#define BLOCK_PIECES_MAX 16 /* of memory in one request */

struct block_piece {
	uint64_t gpa;
	void *data;	/* the same, for drivers that copy */
	uint32_t bytes; /* whole sectors */
};

/* Filled in by the caller, who keeps it until it has come back. */
struct block_request {
	enum block_operation operation;
	uint64_t sector;
	uint32_t sector_count; /* 1 to request_max; 0 for a flush */
	uint64_t gpa;	       /* of the data, contiguous */
	void *data;	       /* the same, for drivers that copy */
	bool failed;	       /* valid when it has come back */
	/* Memory in several pieces, in place of gpa and data; NULL: in one. */
	const struct block_piece *pieces;
	unsigned piece_count;
};

struct block_device {
	char name[8];	    /* "vda", "hda" */
	const char *driver; /* "virtio-blk", "ide-dma", … */
	uint64_t sector_count;
	uint32_t request_max; /* sectors in one request */
	unsigned depth;	      /* requests at a time */
	unsigned piece_max;   /* pieces in one request, at most BLOCK_PIECES_MAX */
	bool read_only;
	bool writes_through; /* what is written is durable: there is nothing to flush */
	bool is_synchronous; /* submit() sleeps until the request is done, so a thread must call it */
	bool is_polled;	 /* interrupted() is never called: a thread asks take() again and again */
	char serial[64]; /* printable, without blanks and slashes; "": none */

	/* Takes a request. false: as many as possible are under way. */
	bool (*submit)(struct block_device *disk, struct block_request *request);
	/* Starts all that was submitted and returns one that has ended; NULL: none within limit_ns. */
	struct block_request *(*complete)(struct block_device *disk, uint64_t limit_ns);
	/* Starts what was submitted, has the driver call interrupted(), and never waits. NULL if
	 * is_synchronous. */
	void (*start)(struct block_device *disk);
	/* One that has ended, or NULL. Never waits. */
	struct block_request *(*take)(struct block_device *disk);
	/* Set by the request queue; called by the driver's interrupt handler. NULL: nobody asks. */
	void (*interrupted)(struct block_device *disk);
	void *queue; /* of whoever set interrupted */
	/* Resets what can be reset while the disk is idle, e.g. its queue. NULL: nothing; false: failed. */
	bool (*restart)(struct block_device *disk);
	/* One line on what was negotiated and how often it was used. */
	void (*describe)(const struct block_device *disk, char *text, unsigned size);

	void *context; /* the driver's */
	struct block_device *next;
};

/* Joins the list; for drivers. It lives for good. */
void block_add(struct block_device *disk);

/* The list's start. */
struct block_device *block_first(void);

/* By name; "" is the first one. NULL: there is none. */
struct block_device *block_find(const char *name);

/* One request from start to end. false: the disk said no, or nothing. */
bool block_read(struct block_device *disk, uint64_t sector, uint32_t count, const struct dma *data);
bool block_write(struct block_device *disk, uint64_t sector, uint32_t count,
		 const struct dma *data);
bool block_flush(struct block_device *disk);

#endif

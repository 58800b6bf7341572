/* SPDX-License-Identifier: MIT
 *
 * Requests of a disk: pieces of memory come in, are merged with what lies next to them, sorted by the
 * elevator, and handed to the driver, as many at a time as it takes.
 *
 *   block_submit() --> waiting (merged, sorted) --> at the driver --> bio->ended()
 *
 * Drivers that work by themselves (virtio) are fed by whoever submits and by their interrupt; those that
 * sleep until a request is done (IDE) by a kernel thread of the queue, which also asks those that never
 * interrupt (virtio=poll).
 */
#ifndef GUEST_BLOCK_QUEUE_H
#define GUEST_BLOCK_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include "guest/drivers/block.h"
#include "guest/sched/wait.h"

struct block_queue;
struct text;

#define BLOCK_REQUESTS 64 /* waiting and at the driver together */

/* Consecutive sectors to or from contiguous memory. The submitter keeps it until ended(). */
struct bio {
	enum block_operation operation;
	uint64_t sector;
	uint32_t sector_count; /* 0 for a flush */
	void *data;	       /* in the direct map */
	bool failed;	       /* set before ended() */
	/* Perhaps with interrupts off: may wake, may not sleep, may not submit. */
	void (*ended)(struct bio *bio);
	struct list link; /* the queue's */
};

struct elevator {
	const char *name;
	/* Which of the waiting requests goes next; there is at least one. */
	struct block_job *(*next)(struct block_queue *q, uint64_t now_ns);
};
extern const struct elevator elevator_sweep, elevator_none;

/* A request: bios that are adjacent, in order. */
struct block_job {
	struct block_request request; /* what the driver sees */
	struct block_piece pieces[BLOCK_PIECES_MAX];
	struct list bios;
	struct list by_age, by_sector; /* while it waits */
	uint64_t since_ns;
};

struct block_count {
	uint64_t requests, merges, sectors, ns;
};

struct block_queue {
	struct block_device *disk;
	unsigned major, minor;
	const struct elevator *elevator;
	struct spinlock lock;
	struct spinlock io_lock;       /* io.c: while a waiter is woken */
	struct list by_age, by_sector; /* waiting */
	struct list free;
	unsigned waiting, at_driver, plugs;
	uint64_t head;	   /* the sector behind the last request given to the driver */
	struct waitq room; /* for a free job */
	struct waitq work; /* the thread's, if there is one */
	bool has_thread;
	struct block_count count[3]; /* by enum block_operation */
	uint64_t busy_ns, busy_since_ns, weighted_ns, weighted_at_ns;
	struct block_job job[BLOCK_REQUESTS];
	struct block_queue *next;
};

/* Makes the queue of a disk; from then on only the queue talks to the driver. NULL: no memory. */
struct block_queue *block_queue_create(struct block_device *disk, unsigned major, unsigned minor);

struct block_queue *block_queue_first(void);

/* Takes a bio; sleeps while too many wait. */
void block_submit(struct block_queue *q, struct bio *bio);

/* Between these, what is submitted waits for its neighbours. They nest; block_unplug() starts all. A
 * submitter that waits for an answer has unplugged before. */
void block_plug(struct block_queue *q);
void block_unplug(struct block_queue *q);

/* By name ("sweep", "none"): 0 or -EINVAL. */
int block_set_elevator(struct block_queue *q, const char *name);

/* The columns of Linux's /sys/block/DEV/stat, with a newline. */
void block_queue_show_statistics(struct block_queue *q, struct text *text);

#endif

/* SPDX-License-Identifier: MIT
 *
 * The pieces of a group are counted; the last one to end wakes the waiter.
 */
#include "guest/block/io.h"

#include "guest/lib/errno.h"
#include "guest/mm/slab.h"

struct io_bio {
	struct bio bio;
	struct block_io *io;
	bool allocated;
};

static void put(struct block_io *io)
{
	/* The waiter may take its stack back as soon as it sees 0, so the lock of the queue is held from
	 * then until the wake-up is over; block_io_wait() takes it once more. */
	const uint64_t flags = spin_lock(&io->queue->io_lock);

	if (!__atomic_sub_fetch(&io->pending, 1, __ATOMIC_ACQ_REL))
		waitq_wake(&io->done);
	spin_unlock(&io->queue->io_lock, flags);
}

static void ended(struct bio *bio)
{
	struct io_bio *one = container_of(bio, struct io_bio, bio);
	struct block_io *io = one->io;

	if (bio->failed)
		__atomic_store_n(&io->failed, true, __ATOMIC_RELAXED);
	if (one->allocated)
		kfree(one);
	put(io);
}

void block_io_start(struct block_io *io, struct block_queue *q)
{
	*io = (struct block_io){.queue = q, .pending = 1};
	waitq_init(&io->done);
	block_plug(q);
}

static bool is_done(struct block_io *io)
{
	return !__atomic_load_n(&io->pending, __ATOMIC_ACQUIRE);
}

static void submit(struct block_io *io, struct io_bio *one)
{
	one->io = io;
	__atomic_fetch_add(&io->pending, 1, __ATOMIC_RELAXED);
	block_submit(io->queue, &one->bio);
}

/* Without memory: on the stack, and alone. */
static void run_alone(struct block_io *io, const struct bio *what)
{
	struct block_io alone;
	struct io_bio one = {.bio = *what};

	block_unplug(io->queue); /* the group's plug, or nobody would answer */
	block_io_start(&alone, io->queue);
	submit(&alone, &one);
	if (block_io_wait(&alone))
		io->failed = true;
	block_plug(io->queue);
}

void block_io_add(struct block_io *io, enum block_operation operation, uint64_t sector, void *data,
		  size_t bytes)
{
	const struct bio what = {.operation = operation,
				 .sector = sector,
				 .sector_count = bytes / SECTOR_BYTES,
				 .data = data,
				 .ended = ended};
	struct io_bio *one = kmalloc(sizeof(*one));

	if (!one) {
		run_alone(io, &what);
		return;
	}
	one->bio = what;
	one->allocated = true;
	submit(io, one);
}

int block_io_wait(struct block_io *io)
{
	block_unplug(io->queue);
	if (__atomic_sub_fetch(&io->pending, 1, __ATOMIC_ACQ_REL))
		wait_uninterruptible(&io->done, is_done(io));
	spin_unlock(&io->queue->io_lock, spin_lock(&io->queue->io_lock)); /* see put() */
	return io->failed ? -EIO : 0;
}

int block_io(struct block_queue *q, enum block_operation operation, uint64_t sector, void *data,
	     size_t bytes)
{
	struct block_io io;

	block_io_start(&io, q);
	block_io_add(&io, operation, sector, data, bytes);
	return block_io_wait(&io);
}

int block_io_flush(struct block_queue *q)
{
	return q->disk->writes_through ? 0 : block_io(q, BLOCK_FLUSH, 0, NULL, 0);
}

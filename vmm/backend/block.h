/* SPDX-License-Identifier: MIT
 *
 * Disk images: what virtio-blk and IDE stand on. One struct block per --disk, opened by the command
 * line and kept over a guest's reset; one struct block_queue per thread that uses it.
 *
 * A request that the page cache can serve is done inside block_submit(); what would have to wait goes
 * to io_uring (or to a thread where there is none) and is done later, in the loop of its queue.
 */
#ifndef VITRINE_BACKEND_BLOCK_H
#define VITRINE_BACKEND_BLOCK_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#define BLOCK_SECTOR_BYTES 512

struct loop;
struct block;
struct block_queue;

enum block_cache {
	BLOCK_CACHE_WRITEBACK,	  /* page cache; a flush is fdatasync() */
	BLOCK_CACHE_NONE,	  /* O_DIRECT; a flush is fdatasync() */
	BLOCK_CACHE_WRITETHROUGH, /* every write is on disk when it is done */
	BLOCK_CACHE_UNSAFE	  /* page cache; a flush does nothing */
};

enum block_aio {
	BLOCK_AIO_AUTO, /* io_uring where it works, else a thread */
	BLOCK_AIO_URING,
	BLOCK_AIO_THREADS
};

/* What --disk says about the image. Strings are borrowed until block_open() returns. */
struct block_options {
	const char *path;
	enum block_cache cache;
	enum block_aio aio;
	bool read_only;
	bool snapshot;	      /* writes go to an unnamed temporary file; path stays untouched */
	bool seek_hdd;	      /* seek and rotation delays of a 7,200 rpm disk, repeatable */
	uint64_t iops;	      /* 0: no limit */
	uint64_t bytes_per_s; /* 0: no limit */
	const char *record;   /* NULL, or a file that gets a log of all writes and flushes */
};

/* What the image is. Constant, but for size_bytes. */
struct block_info {
	const char *name;		    /* its path, for messages */
	uint64_t size_bytes;		    /* a multiple of 512 */
	uint32_t physical_sector_bytes;	    /* 512 or 4096: what writes best */
	uint32_t discard_granularity_bytes; /* 0: discard does nothing useful */
	bool read_only;
	bool volatile_cache; /* a flush has a meaning */
	bool rotational;
};

enum block_op { BLOCK_READ, BLOCK_WRITE, BLOCK_FLUSH, BLOCK_DISCARD, BLOCK_WRITE_ZEROES };

/* The caller owns it, and what iov points at, until done() is called. */
struct block_request {
	enum block_op op;
	bool may_unmap;	       /* write-zeroes: may make a hole */
	uint64_t offset_bytes; /* a multiple of 512, like len_bytes; the span is inside the image */
	uint64_t len_bytes;    /* read, write: what iov adds up to */
	const struct iovec *iov;
	unsigned iov_count;
	/* error: 0, -EIO, -ENOSPC, …: 0 only if all bytes were transferred. In the thread of the queue's loop
	 * or inside block_submit(), block_drain(). */
	void (*done)(struct block_request *request, int error);

	/* the back end's own */
	struct block_request *next;
	struct block_queue *queue;
	uint64_t due_ns;
	uint64_t sequence; /* in the log */
	int error;
};

/* Errors of requests get one line on standard error per kind: "vitrine: disk.img: write at 1.5 GiB (byte
 * 1610612736): No space left on device". */

/* 0, or -errno with one line in err that says what to do (missing, locked by another VM, read-only,
 * odd size, …). The image is locked against other processes until block_close(). */
int block_open(const struct block_options *options, struct block **out, char *err, size_t err_size);
void block_close(struct block *block); /* NULL is fine; all queues are gone */

struct block_info block_get_info(const struct block *block);

/* Looks at the image's size again (somebody grew it) and calls the listener if it changed. A snapshot
 * stays as large as it was. */
void block_check_size(struct block *block);
/* One listener per block; called in the thread that called block_check_size(). NULL: none any more. */
void block_on_resize(struct block *block, void (*resized)(void *ctx), void *ctx);
/* Calls block_check_size() in loop's thread when the image may have changed its size: a file when a writer
 * closes it, a block device every two seconds. Before the loop runs; ends with block_close(), which is to
 * come before the loop goes. 0 or -errno. */
int block_watch_size(struct block *block, struct loop *loop);

/* Completions come in loop's thread, once block_queue_listen() was called. lock (may be NULL) is taken around
 * them: the one the caller holds when it calls the functions below. Everything is borrowed. 0 or -errno. */
int block_queue_create(struct block *block, struct loop *loop, pthread_mutex_t *lock,
		       struct block_queue **out);
void block_queue_destroy(struct block_queue *queue); /* NULL is fine; drained before */
/* Hangs the queue into its loop, if it isn't yet: until something is in flight after block_submit() it need not be.
 * Loop's thread, or before it runs. 0 or -errno. */
int block_queue_listen(struct block_queue *queue);
/* Whether something is not done. Lock held. */
bool block_queue_is_busy(const struct block_queue *queue);

/* Starts a request. It may be done before this returns, and its done() may start the next one. Lock held. */
void block_submit(struct block_queue *queue, struct block_request *request);
/* The batch is complete: what was gathered for the kernel is handed over. Requests that done() starts need no
 * call of their own, unless it came from within block_submit(). Lock held. */
void block_flush_batch(struct block_queue *queue);
/* Waits until nothing is in flight; what limits or an hdd's delays hold back is started at once. Lock held,
 * from any thread. */
void block_drain(struct block_queue *queue);

struct block_counters {
	uint64_t inline_requests; /* done inside block_submit() */
	uint64_t queued_requests; /* handed to the kernel or a thread */
	uint64_t errors;
};
struct block_counters block_get_counters(const struct block *block);

#endif

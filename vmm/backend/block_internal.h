/* SPDX-License-Identifier: MIT
 *
 * What the files of the block back end know of each other.
 *
 *     block_submit() -> pace: not yet? ----timer----+
 *                         |                         |
 *                         v                         v
 *                      inline (page cache)       dispatch -> ring (io_uring) or worker (a thread)
 *                         |                                      | eventfd
 *                         v                                      v
 *                       done()                           loop: reap -> done()
 *
 * struct block is shared by all queues: what changes in it has a lock or is atomic. struct block_queue is guarded
 * by the lock its creator gave; only its worker has another one inside.
 */
#ifndef VITRINE_BACKEND_BLOCK_INTERNAL_H
#define VITRINE_BACKEND_BLOCK_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backend/block.h"

struct block_errors;
struct block_log;
struct block_overlay;
struct block_pace;
struct block_ring;
struct block_watch;
struct block_worker;

struct block {
	char *path;
	int fd;
	int buffered_fd;      /* beside an O_DIRECT fd: for parts of logical blocks; else -1 */
	uint32_t align_bytes; /* what O_DIRECT wants of memory, offsets and lengths; else 1 */
	enum block_cache cache;
	enum block_aio aio;
	bool is_device;
	bool in_memory; /* block_image_in_memory() */
	bool is_rotational;
	bool read_only;
	uint32_t physical_sector_bytes;
	uint32_t discard_granularity_bytes;
	atomic_uint_fast64_t size_bytes;

	struct block_overlay *overlay; /* NULL: no snapshot */
	struct block_pace *pace;       /* NULL: as fast as it can */
	struct block_log *log;	       /* NULL: nobody records */
	struct block_watch *watch;     /* NULL: nobody watches its size */
	struct block_errors *errors;   /* kinds of errors that were said already */

	void (*resized)(void *ctx);
	void *resized_ctx;

	pthread_mutex_t lock; /* of the list, of what destroyed queues left, and of errors */
	struct block_queue *queues;
	struct block_counters retired;
};

/* Requests in order. */
struct block_list {
	struct block_request *head;
	struct block_request **tail;
};

struct block_queue {
	struct block *block;
	struct loop *loop;
	pthread_mutex_t *lock;
	int event_fd;	/* rings when ring or worker have something done */
	bool listening; /* to event_fd */
	bool inline_reads;
	bool inline_writes;
	int write_flags; /* RWF_NOWAIT until the file system says that it cannot */
	bool ring_refused;
	uint64_t stalled_until_ns; /* writes had to wait: not inside block_submit() before this */
	unsigned in_flight;	   /* everything that is not done */
	struct block_ring *ring;   /* NULL until needed, like worker */
	struct block_worker *worker;
	struct block_list delayed;
	struct loop_timer *delay_timer;

	/* Written by whoever holds the lock, read by anybody. */
	atomic_uint_fast64_t inline_requests;
	atomic_uint_fast64_t queued_requests;
	atomic_uint_fast64_t error_count;
	struct block_queue *next;
};

static inline void block_list_init(struct block_list *list)
{
	list->head = NULL;
	list->tail = &list->head;
}

static inline void block_list_push(struct block_list *list, struct block_request *request)
{
	request->next = NULL;
	*list->tail = request;
	list->tail = &request->next;
}

/* The first, or NULL. */
static inline struct block_request *block_list_pop(struct block_list *list)
{
	struct block_request *request = list->head;

	if (request) {
		list->head = request->next;
		if (!list->head)
			list->tail = &list->head;
	}
	return request;
}

/* A piece of a request's memory and where it belongs. */
struct block_span {
	const struct iovec *iov;
	unsigned iov_count;
	uint64_t skip_bytes; /* of iov */
	uint64_t offset_bytes;
	uint64_t len_bytes;
};

/* --- block_image.c: opening. Fills fd, geometry and kind. 0, or -errno with a line in err. */
int block_image_open(struct block *block, const struct block_options *options, char *err,
		     size_t err_size);
/* On tmpfs or ramfs: nothing ever waits for a device, and RWF_NOWAIT is not known. */
bool block_image_in_memory(int fd);
int block_image_size(const struct block *block, uint64_t *size_bytes);

/* --- block_queue.c */
/* Runs what delays held back: inline where that is possible, else by ring or worker. */
void block_queue_start(struct block_queue *queue, struct block_request *request);
/* Not by io_uring: a ring gave up on it. */
void block_queue_to_worker(struct block_queue *queue, struct block_request *request);
/* Ends a request that was in flight. */
void block_queue_finish(struct block_queue *queue, struct block_request *request, int error);

/* --- block_sync.c: any request, in the thread that calls. 0 or -errno. */
int block_sync_run(struct block *block, const struct block_request *request);
/* All of span, at once or in pieces. flags as for preadv2(): with RWF_NOWAIT -EAGAIN if it would have to wait. */
int block_sync_transfer(int fd, bool write, struct block_span span, int flags);
/* Zeros, a hole where that is possible; len_bytes may be 0. */
int block_sync_zero(int fd, uint64_t offset_bytes, uint64_t len_bytes, bool may_unmap);
bool block_sync_is_aligned(const struct block *block, const struct block_request *request);

/* --- block_ring.c: io_uring */
bool block_ring_works(void);
/* False: not for a ring (or there is none): use the worker. */
bool block_ring_start(struct block_queue *queue, struct block_request *request);
void block_ring_submit(struct block_queue *queue);
void block_ring_reap(struct block_queue *queue);
bool block_ring_wait(struct block_queue *queue); /* for a completion; false: none is due */
void block_ring_destroy(struct block_ring *ring);

/* --- block_worker.c: a thread */
int block_worker_start(struct block_queue *queue, struct block_request *request);
void block_worker_reap(struct block_queue *queue);
void block_worker_wait(struct block_queue *queue); /* until something is done */
void block_worker_destroy(struct block_worker *worker);

/* --- block_overlay.c: snapshot */
int block_overlay_create(uint64_t size_bytes, struct block_overlay **out, char *err,
			 size_t err_size);
void block_overlay_destroy(struct block_overlay *overlay);
/* flags: RWF_NOWAIT gives -EAGAIN where it would have to wait, or to copy. */
int block_overlay_read(struct block *block, struct block_span span, int flags);
int block_overlay_write(struct block *block, struct block_span span, int flags);
int block_overlay_zero(struct block *block, uint64_t offset_bytes, uint64_t len_bytes);
int block_overlay_discard(struct block *block, uint64_t offset_bytes, uint64_t len_bytes);

/* --- block_delay.c: what may not start yet */
bool block_delay_hold(struct block_queue *queue, struct block_request *request);
void block_delay_release(struct block_queue *queue, bool all);
int block_delay_create_timer(struct block_queue *queue);

/* --- block_log.c: record= */
int block_log_create(const struct block *block, const char *path, struct block_log **out, char *err,
		     size_t err_size);
void block_log_destroy(struct block_log *log);
void block_log_request(struct block_log *log, struct block_request *request);
void block_log_done(struct block_log *log, const struct block_request *request, int error);

/* --- block_watch.c */
void block_watch_destroy(struct block_watch *watch);

#endif

/* SPDX-License-Identifier: MIT
 *
 * One thread's way to a disk: what can be done at once is done inside block_submit(), the rest goes to the
 * ring or the worker and comes back through the loop.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/uio.h>
#include <unistd.h>

#include "backend/block_errors.h"
#include "backend/block_internal.h"
#include "loop/clock.h"
#include "loop/loop.h"

/* A buffered write that took this long met dirty-page throttling (a busy host alone takes less): for a while
 * the next ones wait elsewhere. */
#define STALL_NS 25000000
#define STALL_PAUSE_NS 100000000

/* One writer at a time, the holder of the lock. */
static void count(atomic_uint_fast64_t *counter)
{
	atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + 1,
			      memory_order_relaxed);
}

/* --- done at once */

/* A file system that lives in memory (tmpfs) knows no RWF_NOWAIT, and needs none. One buffer is common, and
 * cheaper without the list. */
static ssize_t read_cached(const struct block_queue *queue, const struct block_request *request)
{
	int fd = queue->block->fd;
	off_t offset = (off_t)request->offset_bytes;

	if (!queue->block->in_memory)
		return preadv2(fd, request->iov, (int)request->iov_count, offset, RWF_NOWAIT);
	if (request->iov_count == 1)
		return pread(fd, request->iov->iov_base, request->iov->iov_len, offset);
	return preadv(fd, request->iov, (int)request->iov_count, offset);
}

static bool read_inline(struct block_queue *queue, struct block_request *request)
{
	ssize_t n = read_cached(queue, request);

	if (n < 0 && errno == EOPNOTSUPP)
		queue->inline_reads = false;
	return n >= 0 && (uint64_t)n == request->len_bytes;
}

/* Into the page cache. A file system that can say that it would have to wait (XFS, btrfs) is asked to; on
 * others (ext4) a plain write is the cheapest by far, and nearly never waits. */
static bool write_inline(struct block_queue *queue, struct block_request *request)
{
	uint64_t start_ns = queue->write_flags ? 0 : clock_read_ns(CLOCK_MONOTONIC);
	ssize_t n;

	if (start_ns < queue->stalled_until_ns)
		return false;
	n = pwritev2(queue->block->fd, request->iov, (int)request->iov_count,
		     (off_t)request->offset_bytes, queue->write_flags);
	if (n < 0 && errno == EOPNOTSUPP && queue->write_flags) {
		queue->write_flags = 0;
		return write_inline(queue, request);
	}
	if (start_ns && clock_read_ns(CLOCK_MONOTONIC) - start_ns > STALL_NS)
		queue->stalled_until_ns = start_ns + STALL_PAUSE_NS;
	return n >= 0 && (uint64_t)n == request->len_bytes;
}

static bool overlay_inline(struct block_queue *queue, struct block_request *request)
{
	struct block_span span = {request->iov, request->iov_count, 0, request->offset_bytes,
				  request->len_bytes};

	if (request->op == BLOCK_READ)
		return block_overlay_read(queue->block, span, RWF_NOWAIT) == 0;
	return request->op == BLOCK_WRITE &&
	       block_overlay_write(queue->block, span, RWF_NOWAIT) == 0;
}

static bool run_inline(struct block_queue *queue, struct block_request *request)
{
	struct block *block = queue->block;

	if (request->op == BLOCK_FLUSH)
		return block->overlay || block->cache == BLOCK_CACHE_UNSAFE;
	if (block->overlay)
		return overlay_inline(queue, request);
	if (request->op == BLOCK_READ)
		return queue->inline_reads && read_inline(queue, request);
	return request->op == BLOCK_WRITE && queue->inline_writes && write_inline(queue, request);
}

/* --- from submission to the end */

void block_queue_finish(struct block_queue *queue, struct block_request *request, int error)
{
	struct block *block = queue->block;

	queue->in_flight--;
	if (error) {
		count(&queue->error_count);
		block_errors_report(block, request, error);
	}
	if (block->log)
		block_log_done(block->log, request, error);
	request->done(request, error);
}

void block_queue_to_worker(struct block_queue *queue, struct block_request *request)
{
	int err = block_worker_start(queue, request);

	if (err)
		block_queue_finish(queue, request, err);
}

void block_queue_start(struct block_queue *queue, struct block_request *request)
{
	if (request->op != BLOCK_READ && request->op != BLOCK_FLUSH && queue->block->read_only) {
		block_queue_finish(queue, request, -EROFS);
		return;
	}
	if (run_inline(queue, request)) {
		count(&queue->inline_requests);
		block_queue_finish(queue, request, 0);
		return;
	}
	count(&queue->queued_requests);
	if (!block_ring_start(queue, request))
		block_queue_to_worker(queue, request);
}

void block_submit(struct block_queue *queue, struct block_request *request)
{
	struct block *block = queue->block;

	/* The shortest way there is: what most requests of a benchmark go. */
	if (request->op == BLOCK_READ && queue->inline_reads && !block->pace &&
	    read_inline(queue, request)) {
		count(&queue->inline_requests);
		request->done(request, 0);
		return;
	}
	request->queue = queue;
	queue->in_flight++;
	if (block->log)
		block_log_request(block->log, request);
	if (!block->pace || !block_delay_hold(queue, request))
		block_queue_start(queue, request);
}

void block_flush_batch(struct block_queue *queue)
{
	if (queue->ring)
		block_ring_submit(queue);
}

static void reap(struct block_queue *queue)
{
	if (queue->ring)
		block_ring_reap(queue);
	if (queue->worker)
		block_worker_reap(queue);
}

void block_drain(struct block_queue *queue)
{
	while (queue->in_flight) {
		block_delay_release(queue, true);
		block_flush_batch(queue);
		if (!block_ring_wait(queue) && queue->worker)
			block_worker_wait(queue);
		reap(queue);
	}
}

static void something_done(void *ctx, uint32_t events)
{
	struct block_queue *queue = ctx;

	(void)events;
	if (queue->lock)
		pthread_mutex_lock(queue->lock);
	reap(queue);
	block_flush_batch(queue);
	if (queue->lock)
		pthread_mutex_unlock(queue->lock);
}

/* --- life cycle */

int block_queue_listen(struct block_queue *queue)
{
	int err = queue->listening
			  ? 0
			  : loop_add_bell(queue->loop, queue->event_fd, something_done, queue);

	queue->listening = !err;
	return err;
}

bool block_queue_is_busy(const struct block_queue *queue)
{
	return queue->in_flight > 0;
}

int block_queue_create(struct block *block, struct loop *loop, pthread_mutex_t *lock,
		       struct block_queue **out)
{
	struct block_queue *queue = calloc(1, sizeof(*queue));
	int err;

	if (!queue)
		return -ENOMEM;
	queue->block = block;
	queue->loop = loop;
	queue->lock = lock;
	queue->write_flags = block->in_memory ? 0 : RWF_NOWAIT;
	queue->inline_reads = block->cache != BLOCK_CACHE_NONE && !block->overlay;
	queue->inline_writes = queue->inline_reads && block->cache != BLOCK_CACHE_WRITETHROUGH;
	block_list_init(&queue->delayed);
	queue->event_fd = eventfd(0, EFD_CLOEXEC);
	err = queue->event_fd < 0 ? -errno : 0;
	if (!err && block->pace)
		err = block_delay_create_timer(queue);
	pthread_mutex_lock(&block->lock);
	queue->next = block->queues;
	block->queues = queue;
	pthread_mutex_unlock(&block->lock);
	if (err) {
		block_queue_destroy(queue);
		return err;
	}
	*out = queue;
	return 0;
}

/* Off the block's list; its counters stay there. */
static void leave(struct block_queue *queue)
{
	struct block *block = queue->block;
	struct block_queue **link = &block->queues;

	pthread_mutex_lock(&block->lock);
	while (*link != queue)
		link = &(*link)->next;
	*link = queue->next;
	block->retired.inline_requests += atomic_load(&queue->inline_requests);
	block->retired.queued_requests += atomic_load(&queue->queued_requests);
	block->retired.errors += atomic_load(&queue->error_count);
	pthread_mutex_unlock(&block->lock);
}

void block_queue_destroy(struct block_queue *queue)
{
	if (!queue)
		return;
	leave(queue);
	block_worker_destroy(queue->worker);
	block_ring_destroy(queue->ring);
	loop_timer_destroy(queue->delay_timer);
	if (queue->event_fd >= 0) {
		if (queue->listening)
			loop_remove_fd(queue->loop, queue->event_fd);
		close(queue->event_fd);
	}
	free(queue);
}

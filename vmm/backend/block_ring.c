/* SPDX-License-Identifier: MIT
 *
 * Requests through io_uring: what the page cache cannot give at once, and O_DIRECT. One ring per queue, made
 * for the first request that needs it; its completions ring the queue's event_fd.
 *
 * Nothing is registered. A registered file lives until the kernel has taken the ring apart, some time after the
 * process ended: so would the image's lock. Registered memory is pinned, all of the guest's (against ballooning, huge
 * pages and RLIMIT_MEMLOCK), to save a page-table walk of a request that waits for a disk anyway.
 */
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <limits.h>
#include <linux/falloc.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "backend/block_internal.h"

#define GATHERED_MAX 64	  /* submissions that one system call hands over */
#define IN_FLIGHT_MAX 512 /* completions that find room: entries of a virtio-blk queue */
#define SUBMIT_TRIES 100

struct block_ring {
	struct io_uring uring;
	unsigned in_flight; /* in the kernel, or gathered for it */
};

bool block_ring_works(void)
{
	struct io_uring uring;

	if (io_uring_queue_init(1, &uring, 0) < 0)
		return false;
	io_uring_queue_exit(&uring);
	return true;
}

static struct block_ring *create(struct block_queue *queue)
{
	struct io_uring_params params = {.flags = IORING_SETUP_CQSIZE, .cq_entries = IN_FLIGHT_MAX};
	struct block_ring *ring = calloc(1, sizeof(*ring));

	if (!ring || io_uring_queue_init_params(GATHERED_MAX, &ring->uring, &params) < 0) {
		free(ring);
		return NULL;
	}
	if (io_uring_register_eventfd(&ring->uring, queue->event_fd) < 0) {
		block_ring_destroy(ring);
		return NULL;
	}
	return ring;
}

void block_ring_destroy(struct block_ring *ring)
{
	if (!ring)
		return;
	io_uring_queue_exit(&ring->uring);
	free(ring);
}

/* The queue's ring; NULL: none is to be had (ENOSYS, EPERM in a container, ENOMEM, aio=threads). */
static struct block_ring *get(struct block_queue *queue)
{
	if (!queue->ring && !queue->ring_refused) {
		queue->ring = queue->block->aio == BLOCK_AIO_THREADS ? NULL : create(queue);
		queue->ring_refused = !queue->ring;
	}
	return queue->ring;
}

static bool suits(const struct block *block, const struct block_request *request)
{
	if (block->overlay)
		return false;
	switch (request->op) {
	case BLOCK_READ:
	case BLOCK_WRITE:
		return request->iov_count <= IOV_MAX && block_sync_is_aligned(block, request);
	case BLOCK_FLUSH: return true;
	/* What these two need beside fallocate() the worker does. */
	case BLOCK_DISCARD:
		return !block->is_device && block->cache != BLOCK_CACHE_WRITETHROUGH &&
		       request->len_bytes;
	case BLOCK_WRITE_ZEROES:
		return block->cache != BLOCK_CACHE_WRITETHROUGH && request->len_bytes;
	}
	return false;
}

static void prepare(struct io_uring_sqe *sqe, int fd, const struct block_request *request)
{
	bool hole = request->op == BLOCK_DISCARD || request->may_unmap;
	int mode = FALLOC_FL_KEEP_SIZE | (hole ? FALLOC_FL_PUNCH_HOLE : FALLOC_FL_ZERO_RANGE);

	switch (request->op) {
	case BLOCK_READ:
		io_uring_prep_readv(sqe, fd, request->iov, request->iov_count,
				    request->offset_bytes);
		break;
	case BLOCK_WRITE:
		io_uring_prep_writev(sqe, fd, request->iov, request->iov_count,
				     request->offset_bytes);
		break;
	case BLOCK_FLUSH: io_uring_prep_fsync(sqe, fd, IORING_FSYNC_DATASYNC); break;
	case BLOCK_DISCARD:
	case BLOCK_WRITE_ZEROES:
		io_uring_prep_fallocate(sqe, fd, mode, (off_t)request->offset_bytes,
					(off_t)request->len_bytes);
		break;
	}
}

bool block_ring_start(struct block_queue *queue, struct block_request *request)
{
	struct block_ring *ring = suits(queue->block, request) ? get(queue) : NULL;
	struct io_uring_sqe *sqe;

	if (!ring || ring->in_flight == IN_FLIGHT_MAX)
		return false;
	sqe = io_uring_get_sqe(&ring->uring);
	if (!sqe) {
		block_ring_submit(queue);
		sqe = io_uring_get_sqe(&ring->uring);
	}
	if (!sqe)
		return false;
	prepare(sqe, queue->block->fd, request);
	io_uring_sqe_set_data(sqe, request);
	ring->in_flight++;
	return true;
}

void block_ring_submit(struct block_queue *queue)
{
	struct io_uring *uring = &queue->ring->uring;

	for (unsigned i = 0; i < SUBMIT_TRIES && io_uring_sq_ready(uring); i++)
		io_uring_submit(uring);
	/* The kernel is short of memory: again from the loop. */
	if (io_uring_sq_ready(uring))
		eventfd_write(queue->event_fd, 1);
}

/* What the kernel did only in part, or not that way, is done again by the worker. */
static void finish(struct block_queue *queue, struct block_request *request, int result)
{
	bool moves = request->op == BLOCK_READ || request->op == BLOCK_WRITE;

	if (result == -EAGAIN || result == -EINTR || result == -ECANCELED ||
	    (moves && result >= 0 && (uint64_t)result < request->len_bytes) ||
	    (!moves && (result == -EOPNOTSUPP || result == -EINVAL)))
		block_queue_to_worker(queue, request);
	else
		block_queue_finish(queue, request, result < 0 ? result : 0);
}

void block_ring_reap(struct block_queue *queue)
{
	struct block_ring *ring = queue->ring;
	struct io_uring_cqe *cqe;

	while (ring->in_flight && io_uring_peek_cqe(&ring->uring, &cqe) == 0) {
		struct block_request *request = io_uring_cqe_get_data(cqe);
		int result = cqe->res;

		io_uring_cqe_seen(&ring->uring, cqe); /* before done() comes back here */
		ring->in_flight--;
		finish(queue, request, result);
	}
}

bool block_ring_wait(struct block_queue *queue)
{
	struct io_uring_cqe *cqe;

	if (!queue->ring || !queue->ring->in_flight)
		return false;
	/* EINTR and its like: the caller looks, and comes again. */
	if (!io_uring_sq_ready(&queue->ring->uring))
		(void)io_uring_wait_cqe(&queue->ring->uring, &cqe);
	return true;
}

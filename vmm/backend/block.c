/* SPDX-License-Identifier: MIT
 *
 * A disk as a whole: opening and closing all of its parts, what it is, and its counters. See block.h.
 */
#include "backend/block.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/block_errors.h"
#include "backend/block_internal.h"
#include "backend/block_pace.h"

/* The parts beside the image itself. 0, or -errno with a line in err. */
static int open_parts(struct block *block, const struct block_options *options, char *err,
		      size_t err_size)
{
	uint64_t size_bytes = atomic_load(&block->size_bytes);
	int error = 0;

	if (block->aio == BLOCK_AIO_URING && !block_ring_works()) {
		snprintf(err, err_size,
			 "%s: aio=io_uring: this kernel has or allows none; use aio=auto",
			 options->path);
		return -ENOSYS;
	}
	if (options->snapshot && !options->read_only)
		error = block_overlay_create(size_bytes, &block->overlay, err, err_size);
	if (!error && options->record)
		error = block_log_create(block, options->record, &block->log, err, err_size);
	if (error)
		return error;
	error = block_pace_create(options, size_bytes, &block->pace);
	if (!error)
		error = block_errors_create(&block->errors);
	if (error)
		snprintf(err, err_size, "%s: %s", options->path, strerror(-error));
	return error;
}

int block_open(const struct block_options *options, struct block **out, char *err, size_t err_size)
{
	struct block *block = calloc(1, sizeof(*block));
	int error;

	if (!block)
		return -ENOMEM;
	/* Beyond `ulimit -f` a write is to fail, not to kill the VM. */
	signal(SIGXFSZ, SIG_IGN);
	block->fd = block->buffered_fd = -1;
	block->cache = options->snapshot ? BLOCK_CACHE_WRITEBACK : options->cache;
	block->aio = options->aio;
	block->read_only = options->read_only;
	block->is_rotational = options->seek_hdd;
	pthread_mutex_init(&block->lock, NULL);
	block->path = strdup(options->path);
	error = block->path ? block_image_open(block, options, err, err_size) : -ENOMEM;
	if (!error)
		error = open_parts(block, options, err, err_size);
	if (error) {
		block_close(block);
		return error;
	}
	*out = block;
	return 0;
}

void block_close(struct block *block)
{
	if (!block)
		return;
	block_watch_destroy(block->watch);
	block_overlay_destroy(block->overlay);
	block_pace_destroy(block->pace);
	block_log_destroy(block->log);
	block_errors_destroy(block->errors);
	if (block->fd >= 0)
		close(block->fd);
	if (block->buffered_fd >= 0)
		close(block->buffered_fd);
	pthread_mutex_destroy(&block->lock);
	free(block->path);
	free(block);
}

struct block_info block_get_info(const struct block *block)
{
	return (struct block_info){
		.name = block->path,
		.size_bytes = atomic_load(&block->size_bytes),
		.physical_sector_bytes = block->physical_sector_bytes,
		.discard_granularity_bytes = block->discard_granularity_bytes,
		.read_only = block->read_only,
		.volatile_cache = !block->read_only && (block->cache == BLOCK_CACHE_WRITEBACK ||
							block->cache == BLOCK_CACHE_NONE),
		.rotational = block->is_rotational,
	};
}

void block_check_size(struct block *block)
{
	uint64_t size_bytes;

	if (block->overlay || block_image_size(block, &size_bytes) < 0)
		return;
	size_bytes -= size_bytes % BLOCK_SECTOR_BYTES;
	if (atomic_exchange(&block->size_bytes, size_bytes) != size_bytes && block->resized)
		block->resized(block->resized_ctx);
}

void block_on_resize(struct block *block, void (*resized)(void *ctx), void *ctx)
{
	block->resized = resized;
	block->resized_ctx = ctx;
}

struct block_counters block_get_counters(const struct block *block)
{
	pthread_mutex_t *lock = (pthread_mutex_t *)&block->lock;
	struct block_counters sum;

	pthread_mutex_lock(lock);
	sum = block->retired;
	for (const struct block_queue *queue = block->queues; queue; queue = queue->next) {
		sum.inline_requests += atomic_load_explicit(&queue->inline_requests,
							    memory_order_relaxed);
		sum.queued_requests += atomic_load_explicit(&queue->queued_requests,
							    memory_order_relaxed);
		sum.errors += atomic_load_explicit(&queue->error_count, memory_order_relaxed);
	}
	pthread_mutex_unlock(lock);
	return sum;
}

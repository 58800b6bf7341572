/* SPDX-License-Identifier: MIT
 *
 * Raw images, served in the thread that asks. See block.h.
 */
#include "backend/block.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct block {
	int fd;
	struct block_info info;
};

struct block_queue {
	struct block *block;
};

int block_open(const struct block_options *options, struct block **out, char *err, size_t err_size)
{
	struct block *block = calloc(1, sizeof(*block));
	struct stat status;

	if (!block)
		return -ENOMEM;
	block->fd = open(options->path, (options->read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC);
	if (block->fd < 0 || fstat(block->fd, &status) < 0) {
		int error = errno;

		snprintf(err, err_size, "%s: %s", options->path, strerror(error));
		block_close(block);
		return -error;
	}
	block->info = (struct block_info){.name = options->path,
					  .size_bytes = (uint64_t)status.st_size,
					  .physical_sector_bytes = BLOCK_SECTOR_BYTES,
					  .read_only = options->read_only,
					  .volatile_cache = true};
	*out = block;
	return 0;
}

void block_close(struct block *block)
{
	if (block && block->fd >= 0)
		close(block->fd);
	free(block);
}

struct block_info block_get_info(const struct block *block)
{
	return block->info;
}

void block_on_resize(struct block *block, void (*resized)(void *ctx), void *ctx)
{
	(void)block;
	(void)resized;
	(void)ctx;
}

int block_queue_create(struct block *block, struct loop *loop, pthread_mutex_t *lock,
		       struct block_queue **out)
{
	(void)loop;
	(void)lock;
	*out = calloc(1, sizeof(**out));
	if (!*out)
		return -ENOMEM;
	(*out)->block = block;
	return 0;
}

void block_queue_destroy(struct block_queue *queue)
{
	free(queue);
}

static ssize_t transfer(int fd, struct block_request *request)
{
	off_t offset = (off_t)request->offset_bytes;

	switch (request->op) {
	case BLOCK_READ: return preadv(fd, request->iov, (int)request->iov_count, offset);
	case BLOCK_WRITE: return pwritev(fd, request->iov, (int)request->iov_count, offset);
	case BLOCK_FLUSH: return fdatasync(fd);
	default: errno = ENOTSUP; return -1;
	}
}

void block_submit(struct block_queue *queue, struct block_request *request)
{
	ssize_t done = transfer(queue->block->fd, request);

	if (done < 0)
		request->done(request, -errno);
	else
		request->done(request, (uint64_t)done == request->len_bytes ? 0 : -EIO);
}

void block_flush_batch(struct block_queue *queue)
{
	(void)queue;
}

void block_drain(struct block_queue *queue)
{
	(void)queue;
}

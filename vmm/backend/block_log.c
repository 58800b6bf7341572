/* SPDX-License-Identifier: MIT
 *
 * See block_log.h. Written by system calls, record by record: it is whole up to the last one however the process
 * dies.
 */
#include "backend/block_log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend/block_internal.h"

struct block_log {
	char *path;
	int fd;
	pthread_mutex_t lock;
	uint64_t sequence;
	uint64_t end_bytes;
	bool failed;
};

/* Only an empty file or an older log is overwritten; the image is neither. */
static int check_target(int fd)
{
	char magic[sizeof(BLOCK_LOG_MAGIC)] = "";
	struct stat status;

	if (fstat(fd, &status) < 0)
		return -errno;
	if (!S_ISREG(status.st_mode))
		return -EINVAL;
	if (!status.st_size)
		return 0;
	if (pread(fd, magic, sizeof(magic) - 1, 0) < 0)
		return -errno;
	return strcmp(magic, BLOCK_LOG_MAGIC) == 0 ? 0 : -EEXIST;
}

static void append(struct block_log *log, const struct iovec *iov, unsigned iov_count,
		   uint64_t len_bytes)
{
	int err;

	if (log->failed)
		return;
	err = block_sync_transfer(log->fd, true,
				  (struct block_span){iov, iov_count, 0, log->end_bytes, len_bytes},
				  0);
	if (err)
		fprintf(stderr, "vitrine: record=%s: %s; the log ends here, the VM goes on\n",
			log->path, strerror(-err));
	log->failed = err;
	log->end_bytes += len_bytes;
}

static void write_header(const struct block *block, struct block_log *log)
{
	struct block_log_header header = {.version = BLOCK_LOG_VERSION,
					  .size_bytes = atomic_load(&block->size_bytes)};

	memcpy(header.magic, BLOCK_LOG_MAGIC, sizeof(header.magic));
	if (block->cache == BLOCK_CACHE_WRITEBACK || block->cache == BLOCK_CACHE_NONE)
		header.flags = BLOCK_LOG_FLUSH_WORKS;
	else if (block->cache == BLOCK_CACHE_WRITETHROUGH)
		header.flags = BLOCK_LOG_WRITETHROUGH;
	append(log, &(struct iovec){&header, sizeof(header)}, 1, sizeof(header));
}

int block_log_create(const struct block *block, const char *path, struct block_log **out, char *err,
		     size_t err_size)
{
	struct block_log *log = calloc(1, sizeof(*log));
	int error = log ? 0 : -ENOMEM;

	if (!log)
		return -ENOMEM;
	pthread_mutex_init(&log->lock, NULL);
	log->path = strdup(path);
	log->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0666);
	if (!log->path || log->fd < 0)
		error = log->path ? -errno : -ENOMEM;
	if (!error)
		error = check_target(log->fd);
	if (!error && ftruncate(log->fd, 0) < 0)
		error = -errno;
	if (error) {
		snprintf(err, err_size, "record=%s: %s", path,
			 error == -EEXIST ? "exists and is no log; remove it, or name another"
					  : strerror(-error));
		block_log_destroy(log);
		return error;
	}
	write_header(block, log);
	*out = log;
	return 0;
}

void block_log_destroy(struct block_log *log)
{
	if (!log)
		return;
	if (log->fd >= 0)
		close(log->fd);
	pthread_mutex_destroy(&log->lock);
	free(log->path);
	free(log);
}

void block_log_request(struct block_log *log, struct block_request *request)
{
	static const enum block_log_kind kinds[] = {[BLOCK_WRITE] = BLOCK_LOG_WRITE,
						    [BLOCK_FLUSH] = BLOCK_LOG_FLUSH,
						    [BLOCK_DISCARD] = BLOCK_LOG_DISCARD,
						    [BLOCK_WRITE_ZEROES] = BLOCK_LOG_ZEROES};
	struct block_log_record record = {.kind = kinds[request->op],
					  .offset_bytes = request->offset_bytes,
					  .len_bytes = request->len_bytes};

	if (request->op == BLOCK_READ)
		return;
	pthread_mutex_lock(&log->lock);
	record.sequence = request->sequence = ++log->sequence;
	append(log, &(struct iovec){&record, sizeof(record)}, 1, sizeof(record));
	if (request->op == BLOCK_WRITE)
		append(log, request->iov, request->iov_count, request->len_bytes);
	pthread_mutex_unlock(&log->lock);
}

void block_log_done(struct block_log *log, const struct block_request *request, int error)
{
	struct block_log_record record = {
		.kind = BLOCK_LOG_DONE, .error = (uint32_t)-error, .sequence = request->sequence};

	if (request->op == BLOCK_READ)
		return;
	pthread_mutex_lock(&log->lock);
	append(log, &(struct iovec){&record, sizeof(record)}, 1, sizeof(record));
	pthread_mutex_unlock(&log->lock);
}

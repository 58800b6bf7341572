/* SPDX-License-Identifier: MIT
 *
 * Requests done by plain system calls in the thread that asks: what the worker runs, and what the other
 * files are made of.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "backend/block_internal.h"

#define SLICE_MAX 64 /* entries of an iovec at a time */
#define BOUNCE_BYTES (128u << 10)
#define BOUNCE_ALIGN 4096

/* Up to SLICE_MAX entries of what span covers. Returns their number. */
static unsigned slice(const struct block_span *span, struct iovec *out)
{
	uint64_t skip = span->skip_bytes, left = span->len_bytes;
	unsigned count = 0;

	for (unsigned i = 0; i < span->iov_count && left && count < SLICE_MAX; i++) {
		const struct iovec *iov = &span->iov[i];
		uint64_t len = iov->iov_len > skip ? iov->iov_len - skip : 0;

		if (!len) {
			skip -= iov->iov_len;
			continue;
		}
		if (len > left)
			len = left;
		out[count++] = (struct iovec){(uint8_t *)iov->iov_base + skip, len};
		left -= len;
		skip = 0;
	}
	return count;
}

static void advance(struct block_span *span, uint64_t bytes)
{
	span->skip_bytes += bytes;
	span->offset_bytes += bytes;
	span->len_bytes -= bytes;
	while (span->iov_count && span->skip_bytes >= span->iov->iov_len) {
		span->skip_bytes -= span->iov->iov_len;
		span->iov++;
		span->iov_count--;
	}
}

int block_sync_transfer(int fd, bool write, struct block_span span, int flags)
{
	while (span.len_bytes) {
		struct iovec iov[SLICE_MAX];
		int count = (int)slice(&span, iov);
		off_t offset = (off_t)span.offset_bytes;
		ssize_t n = write ? pwritev2(fd, iov, count, offset, flags)
				  : preadv2(fd, iov, count, offset, flags);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (!n) /* somebody cut the image off */
			return -EIO;
		advance(&span, (uint64_t)n);
	}
	return 0;
}

/* --- O_DIRECT with memory that does not suit it */

bool block_sync_is_aligned(const struct block *block, const struct block_request *request)
{
	uint64_t bits = request->offset_bytes | request->len_bytes;

	if (block->align_bytes == 1)
		return true;
	for (unsigned i = 0; i < request->iov_count; i++)
		bits |= (uintptr_t)request->iov[i].iov_base | request->iov[i].iov_len;
	return bits % block->align_bytes == 0;
}

/* Between buffer and the first len bytes of span. */
static void copy(const struct block_span *span, uint8_t *buffer, uint64_t len, bool to_span)
{
	struct block_span rest = *span;

	rest.len_bytes = len;
	while (rest.len_bytes) {
		uint8_t *memory = (uint8_t *)rest.iov->iov_base + rest.skip_bytes;
		uint64_t part = rest.iov->iov_len - rest.skip_bytes;

		if (part > rest.len_bytes)
			part = rest.len_bytes;
		if (to_span)
			memcpy(memory, buffer, part);
		else
			memcpy(buffer, memory, part);
		buffer += part;
		advance(&rest, part);
	}
}

static int bounce(int fd, bool write, struct block_span span)
{
	uint8_t *buffer = aligned_alloc(BOUNCE_ALIGN, BOUNCE_BYTES);
	int err = buffer ? 0 : -ENOMEM;

	while (!err && span.len_bytes) {
		uint64_t len = span.len_bytes < BOUNCE_BYTES ? span.len_bytes : BOUNCE_BYTES;
		struct iovec iov = {buffer, len};
		struct block_span whole = {&iov, 1, 0, span.offset_bytes, len};

		if (write)
			copy(&span, buffer, len, false);
		err = block_sync_transfer(fd, write, whole, 0);
		if (!err && !write)
			copy(&span, buffer, len, true);
		advance(&span, len);
	}
	free(buffer);
	return err;
}

static int transfer(struct block *block, const struct block_request *request)
{
	bool write = request->op == BLOCK_WRITE;
	struct block_span span = {request->iov, request->iov_count, 0, request->offset_bytes,
				  request->len_bytes};

	if (block->overlay)
		return write ? block_overlay_write(block, span, 0)
			     : block_overlay_read(block, span, 0);
	if (block_sync_is_aligned(block, request))
		return block_sync_transfer(block->fd, write, span, 0);
	if ((request->offset_bytes | request->len_bytes) % block->align_bytes == 0)
		return bounce(block->fd, write, span);
	return block_sync_transfer(block->buffered_fd, write, span, 0);
}

/* --- discard and zeros */

static int write_zeros(int fd, uint64_t offset_bytes, uint64_t len_bytes)
{
	static const alignas(BOUNCE_ALIGN) uint8_t zeros[BOUNCE_ALIGN];
	struct iovec iov[SLICE_MAX];
	int err = 0;

	for (unsigned i = 0; i < SLICE_MAX; i++)
		iov[i] = (struct iovec){(void *)zeros, sizeof(zeros)};
	while (!err && len_bytes) {
		uint64_t len = len_bytes < sizeof(zeros) * SLICE_MAX ? len_bytes
								     : sizeof(zeros) * SLICE_MAX;

		err = block_sync_transfer(
			fd, true, (struct block_span){iov, SLICE_MAX, 0, offset_bytes, len}, 0);
		offset_bytes += len;
		len_bytes -= len;
	}
	return err;
}

static bool is_unsupported(int error)
{
	return error == EOPNOTSUPP || error == ENOSYS || error == EINVAL || error == ENOTTY;
}

/* Block devices know fallocate(), too: these two modes give zeros there. */
int block_sync_zero(int fd, uint64_t offset_bytes, uint64_t len_bytes, bool may_unmap)
{
	off_t offset = (off_t)offset_bytes, len = (off_t)len_bytes;

	if (!len)
		return 0;
	if (may_unmap &&
	    fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, len) == 0)
		return 0;
	if (may_unmap && !is_unsupported(errno))
		return -errno;
	if (fallocate(fd, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, offset, len) == 0)
		return 0;
	return is_unsupported(errno) ? write_zeros(fd, offset_bytes, len_bytes) : -errno;
}

static int zero(struct block *block, const struct block_request *request)
{
	bool direct = request->offset_bytes % block->align_bytes == 0 &&
		      request->len_bytes % block->align_bytes == 0;

	if (block->overlay)
		return block_overlay_zero(block, request->offset_bytes, request->len_bytes);
	return block_sync_zero(direct ? block->fd : block->buffered_fd, request->offset_bytes,
			       request->len_bytes, request->may_unmap);
}

/* Advice: what the image cannot do is no error. */
static int discard(struct block *block, const struct block_request *request)
{
	uint64_t range[2] = {request->offset_bytes, request->len_bytes};
	int done;

	if (block->overlay)
		return block_overlay_discard(block, request->offset_bytes, request->len_bytes);
	if (!request->len_bytes)
		return 0;
	done = block->is_device ? ioctl(block->fd, BLKDISCARD, range)
				: fallocate(block->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
					    (off_t)range[0], (off_t)range[1]);
	return done < 0 && !is_unsupported(errno) ? -errno : 0;
}

int block_sync_run(struct block *block, const struct block_request *request)
{
	int err = 0;

	switch (request->op) {
	case BLOCK_READ:
	case BLOCK_WRITE: return transfer(block, request);
	case BLOCK_DISCARD: err = discard(block, request); break;
	case BLOCK_WRITE_ZEROES: err = zero(block, request); break;
	case BLOCK_FLUSH: break;
	}
	if (err || block->overlay)
		return err;
	/* O_DSYNC does not reach fallocate(). */
	if (request->op == BLOCK_FLUSH || block->cache == BLOCK_CACHE_WRITETHROUGH)
		return fdatasync(block->fd) < 0 ? -errno : 0;
	return 0;
}

/* SPDX-License-Identifier: MIT
 *
 * Opening a raw image, a file or a block device: what kind and size it is, its lock, what O_DIRECT wants.
 *
 * The lock is an open file description lock over the whole image (fcntl(2)): it ends with the last use of
 * the descriptor, so with the process however that dies, and QEMU's own locks conflict with it.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "backend/block_internal.h"

#define PAGE_BYTES 4096
#define LOCK_PERIOD_NS 5000000
#define LOCK_TRIES 100

struct opening {
	struct block *block;
	const struct block_options *options;
	bool writable; /* the image itself, not a snapshot of it */
	struct stat status;
	char *err;
	size_t err_size;
};

static int complain(const struct opening *opening, int error, const char *advice)
{
	snprintf(opening->err, opening->err_size, "%s: %s", opening->options->path, advice);
	return -error;
}

/* --- the descriptor */

static int complain_open(const struct opening *opening, int error)
{
	bool readable = access(opening->options->path, R_OK) == 0;

	switch (error) {
	case ENOENT:
		return complain(opening, error,
				"there is no such file; 'truncate -s 1G FILE' makes an empty one");
	case EACCES:
	case EPERM:
		if (!readable || !opening->writable)
			return complain(opening, error, "no permission to read it");
		return complain(opening, error, "no permission to write; add ,ro or ,snapshot");
	case EROFS:
		return complain(opening, error,
				"is on a read-only file system; add ,ro or ,snapshot");
	case EINVAL:
		return complain(opening, error,
				"cache=none does not work on its file system (no O_DIRECT); "
				"use cache=writeback");
	case EBUSY:
		return complain(opening, error,
				"the device is in use (mounted?); unmount it, or add ,ro");
	default: return complain(opening, error, strerror(error));
	}
}

static int open_flags(const struct opening *opening)
{
	int flags = (opening->writable ? O_RDWR : O_RDONLY) | O_CLOEXEC;

	if (opening->block->cache == BLOCK_CACHE_NONE)
		flags |= O_DIRECT;
	if (opening->block->cache == BLOCK_CACHE_WRITETHROUGH && opening->writable)
		flags |= O_DSYNC;
	if (opening->block->is_device && opening->writable)
		flags |= O_EXCL; /* not while it is mounted */
	return flags;
}

static int open_file(struct opening *opening)
{
	struct block *block = opening->block;

	/* Looked at before it is opened: opening a FIFO waits. */
	if (stat(opening->options->path, &opening->status) < 0)
		return complain_open(opening, errno);
	if (S_ISDIR(opening->status.st_mode))
		return complain(opening, EISDIR,
				"is a directory; a disk is a file or a block device");
	if (!S_ISREG(opening->status.st_mode) && !S_ISBLK(opening->status.st_mode))
		return complain(opening, EINVAL, "is neither a file nor a block device");
	block->is_device = S_ISBLK(opening->status.st_mode);
	block->fd = open(opening->options->path, open_flags(opening));
	return block->fd < 0 ? complain_open(opening, errno) : 0;
}

/* --- the lock */

/* A process that was killed is gone before the kernel is through with its last requests, which hold the lock:
 * so that they don't reach the disk under a new VM. That is worth a short wait. */
static int set_lock(int fd, struct flock *lock)
{
	const struct timespec period = {.tv_nsec = LOCK_PERIOD_NS};
	int result = fcntl(fd, F_OFD_SETLK, lock);

	for (unsigned i = 0; i < LOCK_TRIES && result < 0 && (errno == EAGAIN || errno == EACCES);
	     i++) {
		nanosleep(&period, NULL);
		result = fcntl(fd, F_OFD_SETLK, lock);
	}
	return result;
}

static int lock_file(const struct opening *opening)
{
	struct flock lock = {.l_type = opening->writable ? F_WRLCK : F_RDLCK, .l_whence = SEEK_SET};

	if (set_lock(opening->block->fd, &lock) == 0)
		return 0;
	if (errno != EAGAIN && errno != EACCES)
		return complain(opening, errno, "can't be locked on its file system");
	if (!opening->writable)
		return complain(
			opening, EBUSY,
			"is in use by another VM that writes to it; stop that one, or copy the image");
	return complain(opening, EBUSY,
			"is in use by another VM (or given twice); stop that one, copy the image, "
			"or share it with ,ro or ,snapshot for both");
}

/* --- size and geometry */

int block_image_size(const struct block *block, uint64_t *size_bytes)
{
	struct stat status;

	if (block->is_device)
		return ioctl(block->fd, BLKGETSIZE64, size_bytes) < 0 ? -errno : 0;
	if (fstat(block->fd, &status) < 0)
		return -errno;
	*size_bytes = (uint64_t)status.st_size;
	return 0;
}

static int check_size(const struct opening *opening)
{
	char text[160];
	uint64_t size_bytes = 0, odd;
	int err = block_image_size(opening->block, &size_bytes);

	if (err)
		return complain(opening, -err, strerror(-err));
	if (!size_bytes)
		return complain(opening, EINVAL, "is empty; 'truncate -s 1G FILE' gives it a size");
	odd = size_bytes % BLOCK_SECTOR_BYTES;
	if (odd) {
		snprintf(text, sizeof(text),
			 "has an odd size of %llu bytes; a disk consists of sectors of 512: "
			 "'truncate -s %llu FILE' fills the last one up",
			 (unsigned long long)size_bytes,
			 (unsigned long long)size_bytes - odd + BLOCK_SECTOR_BYTES);
		return complain(opening, EINVAL, text);
	}
	atomic_store(&opening->block->size_bytes, size_bytes);
	return 0;
}

/* A number of /sys/dev/block/MAJOR:MINOR/queue, which a partition's disk has. 0 if there is none. */
static uint64_t queue_limit(const struct opening *opening, const char *name)
{
	static const char *const at[] = {"", "../"};
	char path[128], text[32];
	uint64_t value = 0;

	for (unsigned i = 0; !value && i < sizeof(at) / sizeof(*at); i++) {
		snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/%squeue/%s",
			 major(opening->status.st_rdev), minor(opening->status.st_rdev), at[i],
			 name);
		FILE *file = fopen(path, "re");

		if (file && fgets(text, sizeof(text), file))
			value = strtoull(text, NULL, 10);
		if (file)
			fclose(file);
	}
	return value;
}

static uint32_t sector_bytes(uint64_t best)
{
	return best >= PAGE_BYTES ? PAGE_BYTES : BLOCK_SECTOR_BYTES;
}

static void look_at_device(const struct opening *opening)
{
	struct block *block = opening->block;
	unsigned physical = BLOCK_SECTOR_BYTES;
	unsigned short rotational = 0;

	ioctl(block->fd, BLKPBSZGET, &physical);
	ioctl(block->fd, BLKROTATIONAL, &rotational);
	block->physical_sector_bytes = sector_bytes(physical);
	block->is_rotational |= rotational != 0;
	if (queue_limit(opening, "discard_max_bytes"))
		block->discard_granularity_bytes = (uint32_t)queue_limit(opening,
									 "discard_granularity");
}

bool block_image_in_memory(int fd)
{
	struct statfs file_system;

	return fstatfs(fd, &file_system) == 0 &&
	       (file_system.f_type == TMPFS_MAGIC || file_system.f_type == RAMFS_MAGIC);
}

static void look_at_file(const struct opening *opening)
{
	struct block *block = opening->block;
	off_t size_bytes = (off_t)atomic_load(&block->size_bytes);

	block->in_memory = block_image_in_memory(block->fd);
	block->physical_sector_bytes = sector_bytes((uint64_t)opening->status.st_blksize);
	/* Whether its file system can make holes; this one is behind the end and changes nothing. */
	if (opening->writable &&
	    fallocate(block->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
		      size_bytes - size_bytes % PAGE_BYTES + PAGE_BYTES, PAGE_BYTES) == 0)
		block->discard_granularity_bytes = block->physical_sector_bytes;
}

/* --- O_DIRECT */

/* What one read of 512 bytes says: file systems have no older way to tell. */
static uint32_t probe_alignment(int fd)
{
	uint8_t buffer[PAGE_BYTES * 2];
	uint8_t *sector = buffer + PAGE_BYTES - (uintptr_t)buffer % PAGE_BYTES + BLOCK_SECTOR_BYTES;

	return pread(fd, sector, BLOCK_SECTOR_BYTES, 0) < 0 && errno == EINVAL ? PAGE_BYTES
									       : BLOCK_SECTOR_BYTES;
}

/* A second way in, through the page cache, for what is smaller than a logical block. */
static int open_buffered(const struct opening *opening)
{
	struct block *block = opening->block;
	char path[32];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", block->fd);
	block->buffered_fd = open(path, (opening->writable ? O_RDWR : O_RDONLY) | O_CLOEXEC);
	return block->buffered_fd < 0 ? complain_open(opening, errno) : 0;
}

int block_image_open(struct block *block, const struct block_options *options, char *err,
		     size_t err_size)
{
	struct opening opening = {.block = block,
				  .options = options,
				  .writable = !options->read_only && !options->snapshot};
	int error;

	opening.err = err;
	opening.err_size = err_size;
	error = open_file(&opening);
	if (!error)
		error = lock_file(&opening);
	if (!error)
		error = check_size(&opening);
	if (error)
		return error;
	if (block->is_device)
		look_at_device(&opening);
	else
		look_at_file(&opening);
	block->align_bytes = 1;
	if (block->cache != BLOCK_CACHE_NONE)
		return 0;
	block->align_bytes = probe_alignment(block->fd);
	return block->align_bytes > BLOCK_SECTOR_BYTES ? open_buffered(&opening) : 0;
}

/* SPDX-License-Identifier: MIT
 *
 * Image files on the host: opening, reading, mapping, and the mistakes users make with them.
 */
#include "boot/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "boot/fail.h"

int image_file_open(struct image_file *file, const char *path, const char *what,
		    struct boot_error *error)
{
	int err = 0;

	/* O_NONBLOCK: opening a FIFO by mistake must not hang. */
	*file = (struct image_file){.fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY),
				    .path = path};
	if (file->fd < 0 || fstat(file->fd, &file->opened)) {
		err = -errno;
		image_file_close(file);
		return boot_fail(error, err, path, "cannot open the %s: %s", what, strerror(-err));
	}
	if (S_ISDIR(file->opened.st_mode))
		err = boot_fail(error, -EISDIR, path, "is a directory, not a %s", what);
	else if (!S_ISREG(file->opened.st_mode))
		err = boot_fail(error, -EINVAL, path, "the %s must be a regular file", what);
	else if (file->opened.st_size == 0)
		err = boot_fail(error, -ENODATA, path, "the %s is empty", what);
	file->size_bytes = (uint64_t)file->opened.st_size;
	if (err)
		image_file_close(file);
	return err;
}

void image_file_close(struct image_file *file)
{
	if (file->fd >= 0)
		close(file->fd);
	file->fd = -1;
}

int read_fully(int fd, uint64_t offset, void *dst, uint64_t len_bytes)
{
	uint8_t *to = dst;

	while (len_bytes) {
		ssize_t got = pread(fd, to, len_bytes, (off_t)offset);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got ? -errno : -ENODATA;
		to += got;
		offset += (uint64_t)got;
		len_bytes -= (uint64_t)got;
	}
	return 0;
}

int image_file_read(const struct image_file *file, uint64_t offset, void *dst, uint64_t len_bytes,
		    struct boot_error *error)
{
	int err = read_fully(file->fd, offset, dst, len_bytes);

	if (err == -ENODATA)
		return boot_fail(error, err, file->path, "became shorter while it was read");
	return err ? boot_fail(error, err, file->path, "cannot read: %s", strerror(-err)) : 0;
}

/* Not populated: that costs more per page than faults do, which map 16 pages each. */
const uint8_t *image_file_map(const struct image_file *file, struct boot_error *error)
{
	void *bytes = mmap(NULL, file->size_bytes, PROT_READ, MAP_PRIVATE, file->fd, 0);

	if (bytes != MAP_FAILED)
		return bytes;
	boot_fail(error, -errno, file->path, "cannot map: %s", strerror(errno));
	return NULL;
}

void image_file_unmap(const struct image_file *file, const uint8_t *bytes)
{
	munmap((void *)bytes, file->size_bytes);
}

int image_file_check_unchanged(const struct image_file *file, struct boot_error *error)
{
	const struct stat *then = &file->opened;
	struct stat now;

	if (!fstat(file->fd, &now) && now.st_size == then->st_size &&
	    !memcmp(&now.st_mtim, &then->st_mtim, sizeof now.st_mtim) &&
	    !memcmp(&now.st_ctim, &then->st_ctim, sizeof now.st_ctim))
		return 0;
	return boot_fail(error, -EBUSY, file->path, "was changed while it was read; try again");
}

/* SPDX-License-Identifier: MIT
 *
 * Image files on the host: opened with every mistake a user can make told in one line, then read or
 * mapped. Knows nothing of formats.
 */
#ifndef VITRINE_BOOT_FILE_H
#define VITRINE_BOOT_FILE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "boot/boot.h"

struct image_file {
	int fd;		  /* -1: not open */
	const char *path; /* borrowed, for messages */
	uint64_t size_bytes;
	struct stat opened; /* what it was when it was opened */
};

/* Opens a regular, non-empty file; what names it in messages ("kernel", "initrd"). 0 or -errno. */
int image_file_open(struct image_file *file, const char *path, const char *what,
		    struct boot_error *error);
void image_file_close(struct image_file *file);

/* Reads exactly len_bytes at offset. 0 or -errno. */
int image_file_read(const struct image_file *file, uint64_t offset, void *dst, uint64_t len_bytes,
		    struct boot_error *error);

/* The whole file, read-only; image_file_unmap() ends it. NULL with error filled in. Whoever
 * truncates a file that is being booted gets what they ask for: SIGBUS; the guest cannot. */
const uint8_t *image_file_map(const struct image_file *file, struct boot_error *error);
void image_file_unmap(const struct image_file *file, const uint8_t *bytes);

/* Was it written to since it was opened? 0, or -EBUSY with error filled in. */
int image_file_check_unchanged(const struct image_file *file, struct boot_error *error);

/* Reads exactly len_bytes at offset of any descriptor. 0, -errno, or -ENODATA (end of file). */
int read_fully(int fd, uint64_t offset, void *dst, uint64_t len_bytes);

#endif

/* SPDX-License-Identifier: MIT
 *
 * Text that grows, and files whose content is made when they are read: procfs and sysfs.
 */
#ifndef GUEST_FS_TEXT_H
#define GUEST_FS_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "guest/fs/vfs.h"

#define TEXT_BYTES_MAX (1u << 20) /* of one file; the rest is cut */

struct text {
	char *at; /* kmalloc()ed, not terminated */
	size_t length, room;
	int error; /* -ENOMEM: a part is missing */
};

/* At most PRINT_MAX - 1 bytes a call. */
void text_print(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
void text_add(struct text *text, const void *bytes, size_t length);
/* Spaces until the line that begins at line_start has width bytes, at least one. */
void text_pad(struct text *text, size_t line_start, size_t width);

/* The operations of a file whose inode says how to make its text. It is made by the read at position 0
 * and kept for the reads that follow, so that a reader of small pieces sees one moment. */
struct text_source {
	/* Appends all of it: 0 or -errno. */
	int (*show)(struct inode *inode, struct text *text);
	/* What was written, NUL-terminated, without a newline at the end: 0 or -errno. NULL: read-only. */
	int (*store)(struct inode *inode, const char *word);
};

int text_open(struct file *file, const struct text_source *source);
void text_release(struct file *file);
int64_t text_read(struct file *file, struct iobuf *to, uint64_t *position);
int64_t text_write(struct file *file, struct iobuf *from, uint64_t *position);

#endif

/* SPDX-License-Identifier: MIT
 *
 * Files that are counted, and whose data is inode->size bytes at file->private.
 */
#include "guest/fs/vfs.h"

#include <string.h>

void file_put(struct file *file)
{
	__atomic_fetch_sub(&file->refs, 1, __ATOMIC_RELEASE);
}

/* Where inodes are made, by guest/fs/inode.c, they end there too: one that is only counted stays in its
 * super's list and is found again after that has gone. */
__attribute__((weak)) void inode_put(struct inode *inode)
{
	__atomic_fetch_sub(&inode->refs, 1, __ATOMIC_RELEASE);
}

int64_t file_read_at(struct file *file, void *to, size_t bytes, uint64_t position)
{
	if (position + bytes > file->inode->size)
		return -EIO;
	memcpy(to, (char *)file->private + position, bytes);
	return (int64_t)bytes;
}

int64_t file_write_at(struct file *file, const void *from, size_t bytes, uint64_t position)
{
	if (position + bytes > file->inode->size)
		return -EIO;
	memcpy((char *)file->private + position, from, bytes);
	return (int64_t)bytes;
}

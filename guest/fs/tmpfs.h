/* SPDX-License-Identifier: MIT
 *
 * Files in memory: names are dentries, data is in the page cache and nowhere else. The root file system
 * is one, with what the initramfs holds appearing in it as it is looked at.
 */
#ifndef GUEST_FS_TMPFS_H
#define GUEST_FS_TMPFS_H

#include <stdint.h>

#include "guest/fs/vfs.h"

struct tmpfs {
	uint64_t pages_max, pages_used; /* atomic */
	uint64_t inodes_max, inodes_used;
};

extern const struct inode_operations tmpfs_dir_operations;
extern const struct file_operations tmpfs_dir_file_operations;
/* tmpfs, ramfs and devtmpfs. */
void tmpfs_register(void);

/* Fills in an empty tmpfs. 0 or -errno. */
int tmpfs_mount(struct super *super, const char *source, const char *options);

/* An inode of that type, owned by root; number 0: the next. NULL: no memory or none left of the super's. */
struct inode *tmpfs_create_inode(struct super *super, uint32_t mode, uint64_t number,
				 uint64_t rdev);

/* A file without a name in a tmpfs that isn't mounted anywhere: memfd and shared memory. */
int tmpfs_open_nameless(const char *label, unsigned flags, struct file **file);

#endif

/* SPDX-License-Identifier: MIT
 *
 * The initramfs: cpio archives in the "newc" format, one behind the other, that a loader left in memory.
 * Nothing is unpacked: names are indexed once, inodes made when looked up, data copied a page at a time
 * when it is touched.
 */
#ifndef GUEST_FS_INITRAMFS_H
#define GUEST_FS_INITRAMFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "guest/fs/vfs.h"

/* Lets the archives at data appear in super, an empty tmpfs. Damaged ones end where the damage is.
 * Returns how many names there are. Once, at boot. */
unsigned initramfs_open(struct super *super, const void *data, size_t bytes);

/* For tmpfs: whether an inode's private part is ours, not to be freed. */
bool initramfs_owns(const void *private);
/* An inode lost a name, or what is behind size. */
void initramfs_unlinked(struct inode *inode);
void initramfs_truncated(struct inode *inode, uint64_t size);

/* The super goes, and nobody uses its inodes. */
void initramfs_unmounted(struct super *super);

#endif

/* SPDX-License-Identifier: MIT
 *
 * Steps of changing a directory that names.c and rename.c share.
 */
#ifndef GUEST_FS_CHANGE_H
#define GUEST_FS_CHANGE_H

#include "guest/fs/vfs.h"

/* Locks the directory, if the running process may change it: 0 or -errno, and then it isn't locked. */
int change_begin(const struct path *parent);
void change_end(const struct path *parent);

/* Whether child, which exists, may leave dir: not if sticky or a mount point. */
int change_may_remove(const struct inode *dir, const struct dentry *child);

/* Removes the directory child from dir, which is locked, but not its dentry. */
int change_remove_dir(struct inode *dir, struct dentry *child);

#endif

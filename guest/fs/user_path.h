/* SPDX-License-Identifier: MIT
 *
 * A path that a program passed, in kernel memory.
 */
#ifndef GUEST_FS_USER_PATH_H
#define GUEST_FS_USER_PATH_H

#include <stdint.h>

#include "guest/fs/vfs.h"

struct page;

#define USER_PATH_SHORT 120

struct user_path {
	const char *text;
	struct page *page; /* that text is in, if it isn't short */
	char room[USER_PATH_SHORT];
};

/* 0, -EFAULT, -ENAMETOOLONG, -ENOMEM. After 0: user_path_end(). */
int user_path_read(struct user_path *path, uint64_t gva);
void user_path_end(struct user_path *path);

/* Both at once with path_find() or path_find_parent(). */
int user_path_find(int fd, uint64_t gva, unsigned flags, struct path *found);
int user_path_find_parent(int fd, uint64_t gva, struct path *parent, struct path_last *last);

/* For the *at calls: AT_SYMLINK_NOFOLLOW and AT_EMPTY_PATH as flags of path_find(); found may come from a
 * descriptor without a path, and then it has only an inode. */
enum at_flag {
	AT_SYMLINK_NOFOLLOW = 0x100,
	AT_EACCESS = 0x200,
	AT_REMOVEDIR = 0x200,
	AT_SYMLINK_FOLLOW = 0x400,
	AT_NO_AUTOMOUNT = 0x800,
	AT_EMPTY_PATH = 0x1000
};
struct target {
	struct inode *inode;
	struct path path; /* dentry NULL: none */
};
int target_find(int fd, uint64_t path_gva, unsigned at_flags, struct target *target);
int target_of_fd(int fd, struct target *target);
void target_put(struct target *target);

#endif

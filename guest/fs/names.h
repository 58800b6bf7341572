/* SPDX-License-Identifier: MIT
 *
 * Changing directories, with all checks: permissions, read-only mounts, sticky bits, mount points.
 * parent is where path_find_parent() led; each returns 0 or -errno.
 */
#ifndef GUEST_FS_NAMES_H
#define GUEST_FS_NAMES_H

#include <stdint.h>

#include "guest/fs/vfs.h"

/* Any type but directory and link; mode is already masked. file, if not NULL: its path, referenced. */
int name_create(const struct path *parent, const struct path_last *last, uint32_t mode,
		uint64_t rdev, struct path *made);
int name_make_dir(const struct path *parent, const struct path_last *last, uint32_t mode);
int name_symlink(const struct path *parent, const struct path_last *last, const char *target);
int name_link(const struct path *parent, const struct path_last *last, const struct path *to);
int name_unlink(const struct path *parent, const struct path_last *last);
int name_remove_dir(const struct path *parent, const struct path_last *last);

enum rename_flag { RENAME_NOREPLACE = 1, RENAME_EXCHANGE = 2 };
int name_rename(const struct path *from, const struct path_last *old, const struct path *to,
		const struct path_last *new_last, unsigned flags);

#endif

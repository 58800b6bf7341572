/* SPDX-License-Identifier: MIT
 *
 * Making and moving mounts, for mount.c, its system calls, and the boot.
 */
#ifndef GUEST_FS_MOUNTS_H
#define GUEST_FS_MOUNTS_H

#include <stdint.h>

#include "guest/fs/vfs.h"

/* Linux's numbers. */
enum mount_flag {
	MS_RDONLY = 1,
	MS_NOSUID = 2,
	MS_NODEV = 4,
	MS_NOEXEC = 8,
	MS_SYNCHRONOUS = 16,
	MS_REMOUNT = 32,
	MS_NOATIME = 1024,
	MS_NODIRATIME = 2048,
	MS_BIND = 4096,
	MS_MOVE = 8192,
	MS_REC = 16384,
	MS_SILENT = 32768,
	MS_PRIVATE = 1 << 18,
	MS_SLAVE = 1 << 19,
	MS_SHARED = 1 << 20,
	MS_RELATIME = 1 << 21,
	/* Those that a mount keeps. */
	MS_KEPT = MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_SYNCHRONOUS | MS_NOATIME |
		  MS_NODIRATIME | MS_RELATIME
};

/* A file system of that type, with no mount yet; read_only: for good. 0, -ENODEV, or what the type says. */
int super_create(const char *type_name, const char *source, const char *options, bool read_only,
		 struct super **made);
struct mount *mount_of_new(struct super *super, const char *source, unsigned flags);

/* A mount with one reference, in no tree; NULL: no memory. */
struct mount *mount_create(struct super *super, struct dentry *root, const char *source,
			   unsigned flags);
/* Puts it there, where the reference that the caller has stays; on NULL: as the root. */
void mount_attach(struct mount *mount, const struct path *on);
/* Takes it out of the tree: 0; -EBUSY: there are mounts on it, or more references than that;
 * -EINVAL: it is the root. */
int mount_detach(struct mount *mount, uint32_t refs_max);

/* The next registered type; of NULL the first one. */
struct file_system *file_system_next(struct file_system *type);

#endif

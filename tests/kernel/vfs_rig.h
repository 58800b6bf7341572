/* SPDX-License-Identifier: MIT
 *
 * A tree to test with: a tmpfs as the root, and the calls on paths, from the kernel's side.
 */
#ifndef TESTS_KERNEL_VFS_RIG_H
#define TESTS_KERNEL_VFS_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "guest/fs/file.c" /* the real one in front of the fake */
#include "guest/fs/mounts.h"
#include "guest/fs/names.h"
#include "guest/fs/tmpfs.h"
#include "tests/kernel/host.h"

#define RIG_RAM_BYTES 0x4000000

uint64_t wall_ns(void);
uint64_t wall_ns(void)
{
	return 1700000000000000000 + host_clock_ns;
}

/* Nobody watches files here. */
void epoll_forget_file(struct file *file)
{
	(void)file;
}

/* A new root, empty; options as for mount(2). */
static inline struct super *rig_start(const char *options)
{
	static bool is_registered;
	struct super *super;

	host_ram_start(RIG_RAM_BYTES);
	if (!is_registered)
		tmpfs_register();
	is_registered = true;
	assert_int_equal(super_create("tmpfs", "none", options, false, &super), 0);
	vfs_root.mount = mount_of_new(super, "none", 0);
	vfs_root.dentry = dentry_get(super->root);
	return super;
}

static inline void rig_end(void)
{
	assert_int_equal(vfs_root.mount->refs, 1); /* nobody has kept a path */
	path_put(&vfs_root);
}

static inline int rig_make(const char *name, uint32_t mode)
{
	struct path_last last;
	struct path parent;
	int error = path_find_parent(AT_FDCWD, name, &parent, &last);

	if (error)
		return error;
	error = (mode & S_IFMT) == S_IFDIR ? name_make_dir(&parent, &last, mode & 07777)
					   : name_create(&parent, &last, mode, 0, NULL);
	path_put(&parent);
	return error;
}

static inline int rig_symlink(const char *target, const char *name)
{
	struct path_last last;
	struct path parent;
	int error = path_find_parent(AT_FDCWD, name, &parent, &last);

	if (error)
		return error;
	error = name_symlink(&parent, &last, target);
	path_put(&parent);
	return error;
}

static inline int rig_remove(const char *name, bool directory)
{
	struct path_last last;
	struct path parent;
	int error = path_find_parent(AT_FDCWD, name, &parent, &last);

	if (error)
		return error;
	error = directory ? name_remove_dir(&parent, &last) : name_unlink(&parent, &last);
	path_put(&parent);
	return error;
}

static inline int rig_rename(const char *from, const char *to, unsigned flags)
{
	struct path_last old, new_last;
	struct path a, b;
	int error = path_find_parent(AT_FDCWD, from, &a, &old);

	if (error)
		return error;
	error = path_find_parent(AT_FDCWD, to, &b, &new_last);
	if (!error) {
		error = name_rename(&a, &old, &b, &new_last, flags);
		path_put(&b);
	}
	path_put(&a);
	return error;
}

static inline int rig_link(const char *from, const char *to)
{
	struct path_last last;
	struct path a, b;
	int error = path_find(AT_FDCWD, from, 0, &a);

	if (error)
		return error;
	error = path_find_parent(AT_FDCWD, to, &b, &last);
	if (!error) {
		error = name_link(&b, &last, &a);
		path_put(&b);
	}
	path_put(&a);
	return error;
}

/* The mode of what is there; 0: nothing, and *error. */
static inline uint32_t rig_mode(const char *name, unsigned flags, int *error)
{
	struct path path;
	uint32_t mode;

	*error = path_find(AT_FDCWD, name, flags, &path);
	if (*error)
		return 0;
	mode = path.dentry->inode->mode;
	path_put(&path);
	return mode;
}

#endif

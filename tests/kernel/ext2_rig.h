/* SPDX-License-Identifier: MIT
 *
 * ext2 on a RAM disk, used through its operations as the kernel's path functions do.
 */
#ifndef TESTS_KERNEL_EXT2_RIG_H
#define TESTS_KERNEL_EXT2_RIG_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guest/fs/inode.c" /* in place of the fakes of fakes/file.c */

#include "guest/fs/ext2/ext2.h"
#include "guest/fs/iobuf.h"
#include "guest/fs/mounts.h"
#include "tests/kernel/host.h"
#include "tests/kernel/ram_disk.h"

static struct super *rig_super;

/* 0 or what mount() says. */
static inline int rig_mount(bool read_only)
{
	static bool started;
	struct file_system *type;
	int error;

	host_clock_ns = 1700000000000000000; /* a time that a disk may have */
	if (!started)
		ext2_init();
	started = true;
	type = file_system_next(NULL);
	rig_super = calloc(1, sizeof(*rig_super));
	rig_super->type = type;
	rig_super->read_only = read_only;
	list_init(&rig_super->inodes);
	error = type->mount(rig_super, "ram", "");
	if (error)
		free(rig_super);
	return error;
}

static inline void rig_unmount(void)
{
	struct dentry *root = rig_super->root;

	rig_super->operations->sync(rig_super);
	inode_put(root->inode);
	rig_super->operations->unmount(rig_super);
	free(rig_super);
	rig_super = NULL;
}

static inline struct inode *rig_root(void)
{
	return inode_get(rig_super->root->inode);
}

static inline bool rig_is_dir(const struct inode *inode)
{
	return (inode->mode & S_IFMT) == S_IFDIR;
}

/* The parent of a path "a/b/c" (referenced) and its last component; NULL and *error. */
static inline struct inode *rig_parent(const char *path, const char **last, int *error)
{
	struct inode *dir = rig_root();

	*error = 0;
	for (const char *slash; (slash = strchr(path, '/')); path = slash + 1) {
		struct inode *next = NULL;

		mutex_lock(&dir->lock);
		*error = rig_is_dir(dir) ? dir->operations->lookup(dir, path, slash - path, &next)
					 : -ENOTDIR;
		mutex_unlock(&dir->lock);
		inode_put(dir);
		if (*error)
			return NULL;
		dir = next;
	}
	*last = path;
	if (rig_is_dir(dir))
		return dir;
	inode_put(dir);
	*error = -ENOTDIR;
	return NULL;
}

static inline int rig_find(const char *path, struct inode **found)
{
	const char *last;
	int error;
	struct inode *dir = rig_parent(path, &last, &error);

	if (!dir)
		return error;
	mutex_lock(&dir->lock);
	error = dir->operations->lookup(dir, last, strlen(last), found);
	mutex_unlock(&dir->lock);
	inode_put(dir);
	return error;
}

enum rig_making { RIG_FILE, RIG_DIR, RIG_LINK, RIG_SPECIAL };

static inline int rig_make(const char *path, enum rig_making what, const char *target)
{
	const char *last;
	int error;
	struct inode *dir = rig_parent(path, &last, &error), *made = NULL, *there;

	if (!dir)
		return error;
	mutex_lock(&dir->lock);
	if (!dir->operations->lookup(dir, last, strlen(last), &there)) {
		inode_put(there);
		error = -EEXIST;
	} else if (what == RIG_DIR) {
		error = dir->operations->make_dir(dir, last, strlen(last), 0755, &made);
	} else if (what == RIG_LINK) {
		error = dir->operations->symlink(dir, last, strlen(last), target, &made);
	} else {
		error = dir->operations->create(dir, last, strlen(last),
						what == RIG_FILE ? S_IFREG | 0644 : S_IFCHR | 0600,
						what == RIG_FILE ? 0 : 0x0507, &made);
	}
	mutex_unlock(&dir->lock);
	if (made)
		inode_put(made);
	inode_put(dir);
	return error;
}

static inline int rig_link(const char *path, const char *new_path)
{
	const char *last;
	struct inode *inode, *dir, *there;
	int error = rig_find(path, &inode);

	if (error)
		return error;
	dir = rig_parent(new_path, &last, &error);
	if (dir && rig_is_dir(inode))
		error = -EPERM;
	if (dir && !error) {
		mutex_lock(&dir->lock);
		if (!dir->operations->lookup(dir, last, strlen(last), &there)) {
			inode_put(there);
			error = -EEXIST;
		} else {
			error = dir->operations->link(dir, last, strlen(last), inode);
		}
		mutex_unlock(&dir->lock);
	}
	if (dir)
		inode_put(dir);
	inode_put(inode);
	return error;
}

static inline int rig_remove(const char *path)
{
	const char *last;
	int error;
	struct inode *dir = rig_parent(path, &last, &error), *inode;

	if (!dir)
		return error;
	mutex_lock(&dir->lock);
	error = dir->operations->lookup(dir, last, strlen(last), &inode);
	if (!error) {
		error = rig_is_dir(inode)
				? dir->operations->remove_dir(dir, last, strlen(last), inode)
				: dir->operations->unlink(dir, last, strlen(last), inode);
		mutex_unlock(&dir->lock);
		inode_put(inode);
	} else {
		mutex_unlock(&dir->lock);
	}
	inode_put(dir);
	return error;
}

/* As rename.c checks before it asks the file system: types agree, no loops (left to the caller). */
static inline int rig_rename(const char *path, const char *new_path)
{
	const char *last, *new_last;
	struct inode *from, *to, *inode = NULL, *victim = NULL;
	int error, to_error;

	from = rig_parent(path, &last, &error);
	to = rig_parent(new_path, &new_last, &to_error);
	if (!from || !to) {
		error = error ? error : to_error;
		goto out;
	}
	error = from->operations->lookup(from, last, strlen(last), &inode);
	if (error)
		goto out;
	if (to->operations->lookup(to, new_last, strlen(new_last), &victim))
		victim = NULL;
	if (victim && rig_is_dir(inode) != rig_is_dir(victim))
		error = rig_is_dir(inode) ? -ENOTDIR : -EISDIR;
	else if (victim != inode)
		error = from->operations->rename(from, last, strlen(last), to, new_last,
						 strlen(new_last), inode, victim);
out:
	if (victim)
		inode_put(victim);
	if (inode)
		inode_put(inode);
	if (from)
		inode_put(from);
	if (to)
		inode_put(to);
	return error;
}

static inline int64_t rig_io(struct inode *inode, void *data, size_t bytes, uint64_t position,
			     bool write)
{
	struct file file = {.operations = inode->file_operations, .inode = inode};
	struct iobuf io;

	iobuf_init_kernel(&io, data, bytes);
	return write ? file.operations->write(&file, &io, &position)
		     : file.operations->read(&file, &io, &position);
}

static inline int rig_truncate(struct inode *inode, uint64_t size)
{
	return inode_truncate(inode, size);
}

struct rig_sink {
	struct dir_sink sink;
	void (*name)(void *context, const char *name, size_t length, uint64_t number);
	void *context;
	unsigned left;
};

static inline bool rig_add(struct dir_sink *sink, const char *name, size_t length,
			   uint64_t inode_number, uint32_t mode, uint64_t next_position)
{
	struct rig_sink *rig = container_of(sink, struct rig_sink, sink);

	(void)mode, (void)next_position;
	if (!rig->left)
		return false;
	rig->left--;
	rig->name(rig->context, name, length, inode_number);
	return true;
}

/* All names of a directory, in calls of a few each. */
static inline int rig_list(struct inode *dir,
			   void (*name)(void *context, const char *name, size_t length,
					uint64_t number),
			   void *context)
{
	struct file file = {.operations = dir->file_operations, .inode = dir};
	struct rig_sink sink = {{rig_add}, name, context, 0};
	int error = 0;

	do {
		sink.left = 7;
		error = file.operations->read_dir(&file, &sink.sink);
	} while (!error && sink.left < 7);
	return error;
}

#endif

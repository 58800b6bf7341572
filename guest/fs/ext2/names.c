/* SPDX-License-Identifier: MIT
 *
 * Making, finding and removing names. Of each step's changes, those that others depend on come first: an
 * inode is on its way to the disk before its name, a name is gone before its inode.
 */
#include "guest/fs/ext2/ext2.h"

#include "guest/lib/string.h"

static bool is_directory(const struct inode *inode)
{
	return (inode->mode & S_IFMT) == S_IFDIR;
}

static int lookup(struct inode *dir, const char *name, size_t length, struct inode **found)
{
	uint32_t number;
	int error;

	if (length > EXT2_NAME_MAX)
		return -ENAMETOOLONG;
	error = ext2_dir_find(dir, name, length, &number);
	return error ? error : ext2_inode_get(dir->super, number, found);
}

/* Gives a new inode its links and its name; it goes again if that fails. */
static int name_new(struct inode *dir, const char *name, size_t length, struct inode *inode,
		    uint32_t links, struct inode **made)
{
	int error;

	inode->nlink = links;
	error = ext2_inode_write(inode);
	if (!error)
		error = ext2_dir_add(dir, name, length, (uint32_t)inode->number, inode->mode);
	if (error) {
		inode->nlink = 0;
		inode_put(inode);
		return error;
	}
	*made = inode;
	return 0;
}

static int create(struct inode *dir, const char *name, size_t length, uint32_t mode, uint64_t rdev,
		  struct inode **made)
{
	struct inode *inode;
	const int error = ext2_inode_new(dir, mode, rdev, &inode);

	return error ? error : name_new(dir, name, length, inode, 1, made);
}

static int make_dir(struct inode *dir, const char *name, size_t length, uint32_t mode,
		    struct inode **made)
{
	struct inode *inode;
	int error;

	if (dir->nlink >= EXT2_LINK_MAX)
		return -EMLINK;
	error = ext2_inode_new(dir, S_IFDIR | mode, 0, &inode);
	if (error)
		return error;
	error = ext2_dir_create_dots(inode, (uint32_t)dir->number);
	if (error) {
		inode_put(inode);
		return error;
	}
	error = name_new(dir, name, length, inode, 2, made);
	if (error)
		return error;
	dir->nlink++;
	return ext2_inode_write(dir);
}

/* A target that doesn't fit into the inode gets a block. */
static int write_target(struct inode *inode, const char *target, size_t length)
{
	struct ext2_fs *fs = ext2_fs_of(inode);
	struct ext2_block block;
	uint32_t number;
	bool fresh;
	int error;

	inode->size = length;
	if (length <= EXT2_FAST_LINK_MAX) {
		memcpy(ext2_inode_of(inode)->block, target, length);
		return 0;
	}
	error = ext2_map_allocate(inode, 0, &number, &fresh);
	if (!error)
		error = ext2_block_new(fs, number, &block);
	if (error)
		return error;
	memcpy(block.data, target, length);
	ext2_block_put(&block);
	return 0;
}

static int symlink(struct inode *dir, const char *name, size_t length, const char *target,
		   struct inode **made)
{
	const size_t target_length = strlen(target);
	struct inode *inode;
	int error;

	if (target_length >= ext2_fs_of(dir)->block_bytes)
		return -ENAMETOOLONG;
	error = ext2_inode_new(dir, S_IFLNK | 0777, 0, &inode);
	if (error)
		return error;
	error = write_target(inode, target, target_length);
	if (!error)
		return name_new(dir, name, length, inode, 1, made);
	inode_put(inode);
	return error;
}

static int64_t read_link(struct inode *inode, char *to, size_t size)
{
	const size_t length = inode->size < size ? inode->size : size;
	struct ext2_block block;
	uint32_t number;
	int error;

	if (inode->size <= EXT2_FAST_LINK_MAX && !inode->blocks_512) {
		memcpy(to, ext2_inode_of(inode)->block, length);
		return (int64_t)length;
	}
	error = ext2_map(inode, 0, &number);
	if (!error && !number)
		error = ext2_fail(ext2_fs_of(inode), "link %lu has no target", inode->number);
	if (!error)
		error = ext2_block_read(ext2_fs_of(inode), number, &block);
	if (error)
		return error;
	memcpy(to, block.data, length);
	ext2_block_put(&block);
	return (int64_t)length;
}

static int link(struct inode *dir, const char *name, size_t length, struct inode *inode)
{
	int error;

	if (inode->nlink >= EXT2_LINK_MAX)
		return -EMLINK;
	inode->nlink++;
	error = ext2_inode_write(inode);
	if (!error)
		error = ext2_dir_add(dir, name, length, (uint32_t)inode->number, inode->mode);
	if (error)
		inode->nlink--;
	return error;
}

static int unlink(struct inode *dir, const char *name, size_t length, struct inode *inode)
{
	const int error = ext2_dir_remove(dir, name, length);

	if (error)
		return error;
	if (inode->nlink)
		inode->nlink--;
	return ext2_inode_write(inode);
}

/* Its name is gone, and with it the parent's ".." link. */
static int drop_dir(struct inode *dir, struct inode *inode)
{
	inode->nlink = 0;
	if (dir->nlink)
		dir->nlink--;
	return ext2_inode_write(inode);
}

static int remove_dir(struct inode *dir, const char *name, size_t length, struct inode *inode)
{
	int error = ext2_dir_is_empty(inode);

	if (!error)
		error = ext2_dir_remove(dir, name, length);
	if (!error)
		error = drop_dir(dir, inode);
	return error ? error : ext2_inode_write(dir);
}

/* The new name takes the place of victim's. */
static int replace(struct inode *to, const char *name, size_t length, struct inode *inode,
		   struct inode *victim)
{
	int error = is_directory(victim) ? ext2_dir_is_empty(victim) : 0;

	if (!error)
		error = ext2_dir_replace(to, name, length, (uint32_t)inode->number, inode->mode);
	if (error)
		return error;
	if (is_directory(victim))
		return drop_dir(to, victim);
	if (victim->nlink)
		victim->nlink--;
	return ext2_inode_write(victim);
}

/* A directory's ".." follows it. */
static int move_dir(struct inode *from, struct inode *to, struct inode *inode)
{
	const int error = ext2_dir_replace(inode, "..", 2, (uint32_t)to->number, S_IFDIR);

	if (error)
		return error;
	if (from->nlink)
		from->nlink--;
	to->nlink++;
	return 0;
}

static int rename(struct inode *from, const char *name, size_t length, struct inode *to,
		  const char *new_name, size_t new_length, struct inode *inode,
		  struct inode *victim)
{
	int error;

	if (is_directory(inode) && from != to && !victim && to->nlink >= EXT2_LINK_MAX)
		return -EMLINK;
	error = victim ? replace(to, new_name, new_length, inode, victim)
		       : ext2_dir_add(to, new_name, new_length, (uint32_t)inode->number,
				      inode->mode);
	if (!error)
		error = ext2_dir_remove(from, name, length);
	if (!error && is_directory(inode) && from != to)
		error = move_dir(from, to, inode);
	if (!error)
		error = ext2_inode_write(from);
	return error ? error : ext2_inode_write(to);
}

/* Without a name: it is freed with its last reference. */
static int temporary(struct inode *dir, uint32_t mode, struct inode **made)
{
	return ext2_inode_new(dir, mode, 0, made);
}

const struct inode_operations ext2_dir_inode_operations = {
	.lookup = lookup,
	.create = create,
	.make_dir = make_dir,
	.symlink = symlink,
	.link = link,
	.unlink = unlink,
	.remove_dir = remove_dir,
	.rename = rename,
	.temporary = temporary,
	.changed = ext2_inode_changed,
	.sync = ext2_inode_sync,
};
const struct inode_operations ext2_link_operations = {
	.read_link = read_link,
	.changed = ext2_inode_changed,
	.sync = ext2_inode_sync,
};
const struct inode_operations ext2_special_operations = {
	.changed = ext2_inode_changed,
	.sync = ext2_inode_sync,
};

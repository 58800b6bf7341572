/* SPDX-License-Identifier: MIT
 *
 * Making and removing names. Renaming is in rename.c.
 */
#include "guest/fs/names.h"

#include "guest/fs/change.h"
#include "guest/proc/process.h"

int change_begin(const struct path *parent)
{
	struct inode *dir = parent->dentry->inode;
	int error = mount_check_writable(parent->mount);

	if (error)
		return error;
	mutex_lock(&dir->lock);
	if (!dir->nlink)
		error = -ENOENT;
	if (!error)
		error = inode_permission(dir, PERMIT_WRITE | PERMIT_EXECUTE);
	if (!error && dir->operations->fill)
		error = dir->operations->fill(parent->dentry);
	if (error)
		mutex_unlock(&dir->lock);
	return error;
}

void change_end(const struct path *parent)
{
	mutex_unlock(&parent->dentry->inode->lock);
}

int change_may_remove(const struct inode *dir, const struct dentry *child)
{
	const uint32_t who = fs_identity().uid;

	if (child->mounted)
		return -EBUSY;
	if ((dir->mode & S_ISVTX) && who && who != dir->uid && who != child->inode->uid)
		return -EPERM;
	return 0;
}

/* Locks the directory and finds a name that must not exist yet. */
static int begin_new(const struct path *parent, const struct path_last *last, struct dentry **child)
{
	int error = last->is_dot ? -EEXIST : change_begin(parent);

	if (error)
		return error;
	error = dentry_lookup(parent->dentry, last->name, last->length, child);
	if (!error && (*child)->inode) {
		dentry_put(*child);
		error = -EEXIST;
	}
	if (error)
		change_end(parent);
	return error;
}

/* Ends what begin_new() began. inode's reference is taken. */
static int end_new(const struct path *parent, struct dentry *child, int error, struct inode *inode)
{
	if (!error) {
		dentry_attach(child, inode);
		inode_touch(parent->dentry->inode, true);
	}
	dentry_put(child);
	change_end(parent);
	return error;
}

/* Owner and group of what the running process makes in dir (a set-group-ID directory gives its own). */
static void own_new(struct inode *dir, struct inode *inode)
{
	inode->uid = process_this()->credentials.fsuid;
	inode->gid = process_this()->credentials.fsgid;
	if (dir->mode & S_ISGID) {
		inode->gid = dir->gid;
		if ((inode->mode & S_IFMT) == S_IFDIR)
			inode->mode |= S_ISGID;
		else if ((inode->mode & 010) && !fs_in_group(dir->gid))
			inode->mode &= ~(uint32_t)S_ISGID; /* nobody makes a program for others */
	}
	if (inode->operations && inode->operations->changed)
		inode->operations->changed(inode);
}

int name_create(const struct path *parent, const struct path_last *last, uint32_t mode,
		uint64_t rdev, struct path *made)
{
	struct inode *dir = parent->dentry->inode, *inode = NULL;
	struct dentry *child;
	int error = begin_new(parent, last, &child);

	if (error)
		return error;
	error = last->slash_after	  ? -EISDIR
		: dir->operations->create ? dir->operations->create(dir, child->name, child->length,
								    mode, rdev, &inode)
					  : -EPERM;
	if (!error)
		own_new(dir, inode);
	if (!error && made) {
		*made = (struct path){parent->mount, child};
		path_get(made);
	}
	return end_new(parent, child, error, inode);
}

int name_make_dir(const struct path *parent, const struct path_last *last, uint32_t mode)
{
	struct inode *dir = parent->dentry->inode, *inode = NULL;
	struct dentry *child;
	int error = begin_new(parent, last, &child);

	if (error)
		return error;
	error = dir->operations->make_dir
			? dir->operations->make_dir(dir, child->name, child->length, mode, &inode)
			: -EPERM;
	if (!error)
		own_new(dir, inode);
	return end_new(parent, child, error, inode);
}

int name_symlink(const struct path *parent, const struct path_last *last, const char *target)
{
	struct inode *dir = parent->dentry->inode, *inode = NULL;
	struct dentry *child;
	int error = begin_new(parent, last, &child);

	if (error)
		return error;
	error = last->slash_after ? -ENOENT
		: dir->operations->symlink
			? dir->operations->symlink(dir, child->name, child->length, target, &inode)
			: -EPERM;
	if (!error)
		own_new(dir, inode);
	return end_new(parent, child, error, inode);
}

int name_link(const struct path *parent, const struct path_last *last, const struct path *to)
{
	struct inode *dir = parent->dentry->inode, *inode = to->dentry->inode;
	struct dentry *child;
	int error;

	if (inode->super != dir->super || to->mount != parent->mount)
		return -EXDEV;
	if ((inode->mode & S_IFMT) == S_IFDIR || !dir->operations->link)
		return -EPERM;
	error = begin_new(parent, last, &child);
	if (error)
		return error;
	mutex_lock(&inode->lock);
	error = last->slash_after || !inode->nlink
			? -ENOENT
			: dir->operations->link(dir, child->name, child->length, inode);
	if (!error)
		inode_touch(inode, false);
	mutex_unlock(&inode->lock);
	return end_new(parent, child, error, error ? NULL : inode_get(inode));
}

/* Locks the directory and finds a name that exists and may go. */
static int begin_removal(const struct path *parent, const struct path_last *last,
			 struct dentry **child)
{
	int error = change_begin(parent);

	if (error)
		return error;
	error = dentry_lookup(parent->dentry, last->name, last->length, child);
	if (!error) {
		error = (*child)->inode ? change_may_remove(parent->dentry->inode, *child)
					: -ENOENT;
		if (error)
			dentry_put(*child);
	}
	if (error)
		change_end(parent);
	return error;
}

static int end_removal(const struct path *parent, struct dentry *child, int error)
{
	if (!error) {
		dentry_detach(child);
		inode_touch(parent->dentry->inode, true);
	}
	change_end(parent);
	dentry_put(child); /* may free the inode and its pages: not under the lock */
	return error;
}

static bool is_directory(const struct dentry *dentry)
{
	return (dentry->inode->mode & S_IFMT) == S_IFDIR;
}

int name_unlink(const struct path *parent, const struct path_last *last)
{
	struct inode *dir = parent->dentry->inode;
	struct dentry *child;
	int error = last->is_dot ? -EISDIR : begin_removal(parent, last, &child);

	if (error)
		return error;
	struct inode *inode = child->inode;

	mutex_lock(&inode->lock);
	if (is_directory(child))
		error = -EISDIR;
	else if (last->slash_after)
		error = -ENOTDIR;
	else
		error = dir->operations->unlink
				? dir->operations->unlink(dir, child->name, child->length, inode)
				: -EPERM;
	if (!error)
		inode_touch(inode, false);
	mutex_unlock(&inode->lock);
	return end_removal(parent, child, error);
}

int change_remove_dir(struct inode *dir, struct dentry *child)
{
	struct inode *inode = child->inode;
	int error = 0;

	mutex_lock(&inode->lock);
	if (inode->operations->fill)
		error = inode->operations->fill(child);
	if (!error && child->super->pinned && !list_is_empty(&child->children))
		error = -ENOTEMPTY;
	if (!error)
		error = dir->operations->remove_dir
				? dir->operations->remove_dir(dir, child->name, child->length,
							      inode)
				: -EPERM;
	mutex_unlock(&inode->lock);
	return error;
}

int name_remove_dir(const struct path *parent, const struct path_last *last)
{
	struct dentry *child;
	int error;

	if (last->is_dot)
		return !last->length ? -EBUSY : last->length == 1 ? -EINVAL : -ENOTEMPTY;
	error = begin_removal(parent, last, &child);
	if (error)
		return error;
	error = is_directory(child) ? change_remove_dir(parent->dentry->inode, child) : -ENOTDIR;
	return end_removal(parent, child, error);
}

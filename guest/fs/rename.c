/* SPDX-License-Identifier: MIT
 *
 * Renaming. One at a time, so that the tree's shape stands still while loops are looked for; then the
 * directories' locks, an ancestor first, and then that of what is replaced.
 */
#include "guest/fs/names.h"

#include "guest/fs/change.h"

static struct mutex renaming = MUTEX_FREE(renaming);

static bool is_directory(const struct dentry *dentry)
{
	return (dentry->inode->mode & S_IFMT) == S_IFDIR;
}

static int check_types(const struct dentry *child, const struct dentry *victim,
		       const struct path_last *old, const struct path_last *new_last)
{
	if (!is_directory(child) && (old->slash_after || new_last->slash_after))
		return -ENOTDIR;
	if (!victim->inode)
		return 0;
	if (is_directory(child) && !is_directory(victim))
		return -ENOTDIR;
	return !is_directory(child) && is_directory(victim) ? -EISDIR : 0;
}

/* A directory that is replaced must be empty; it is locked meanwhile. */
static int check_empty(struct dentry *victim)
{
	struct inode *inode = victim->inode;
	int error = 0;

	if (inode->operations->fill)
		error = inode->operations->fill(victim);
	if (!error && victim->super->pinned && !list_is_empty(&victim->children))
		error = -ENOTEMPTY;
	return error;
}

static int rename_over(struct dentry *child, struct dentry *victim, const struct path *from,
		       const struct path *to, const struct path_last *new_last)
{
	struct inode *dir = from->dentry->inode, *replaced = victim->inode;
	int error = 0;

	if (replaced)
		mutex_lock(&replaced->lock);
	if (replaced && is_directory(victim))
		error = check_empty(victim);
	if (!error)
		error = dir->operations->rename(dir, child->name, child->length, to->dentry->inode,
						new_last->name, new_last->length, child->inode,
						replaced);
	if (replaced)
		mutex_unlock(&replaced->lock);
	return error;
}

/* Both keep existing, each in the other's place; where names live in dentries that is all. */
static int exchange(struct dentry *a, struct dentry *b, const struct path *from,
		    const struct path *to, const struct path_last *old,
		    const struct path_last *new_last)
{
	int directories, error;

	if (!b->inode)
		return -ENOENT;
	if (!a->super->pinned)
		return -EINVAL;
	directories = is_directory(b) - is_directory(a);
	error = dentry_move(a, to->dentry, new_last->name, new_last->length);
	if (error)
		return error;
	error = dentry_move(b, from->dentry, old->name, old->length);
	if (error) {
		dentry_move(a, from->dentry, old->name, old->length);
		return error;
	}
	from->dentry->inode->nlink += (uint32_t)directories;
	to->dentry->inode->nlink -= (uint32_t)directories;
	return 0;
}

static void touch_all(const struct dentry *child, const struct path *from, const struct path *to)
{
	inode_touch(child->inode, false);
	inode_touch(from->dentry->inode, true);
	inode_touch(to->dentry->inode, true);
}

/* Both directories are locked, and child and victim looked up. */
static int rename_locked(struct dentry *child, struct dentry *victim, const struct path *from,
			 const struct path *to, const struct path_last *old,
			 const struct path_last *new_last, unsigned flags)
{
	int error;

	if (!child->inode)
		return -ENOENT;
	if (!from->dentry->inode->operations->rename)
		return -EPERM;
	if (victim->inode && (flags & RENAME_NOREPLACE))
		return -EEXIST;
	if (victim->inode == child->inode)
		return 0;
	if (dentry_is_below(to->dentry, child))
		return -EINVAL;
	if (victim->inode && dentry_is_below(from->dentry, victim))
		return -ENOTEMPTY;
	error = change_may_remove(from->dentry->inode, child);
	if (!error && victim->inode)
		error = change_may_remove(to->dentry->inode, victim);
	if (!error && from->dentry != to->dentry && is_directory(child)) /* its ".." changes */
		error = inode_permission(child->inode, PERMIT_WRITE);
	if (!error && (flags & RENAME_EXCHANGE)) {
		error = exchange(child, victim, from, to, old, new_last);
		if (!error)
			touch_all(child, from, to);
		return error;
	}
	if (!error)
		error = check_types(child, victim, old, new_last);
	if (!error)
		error = rename_over(child, victim, from, to, new_last);
	if (error)
		return error;
	dentry_detach(victim);
	error = dentry_move(child, to->dentry, new_last->name, new_last->length);
	if (error) /* its new place is only on disk: forget it, the next look finds it */
		dentry_detach(child);
	touch_all(child, from, to);
	return 0;
}

static int lock_both(const struct path *from, const struct path *to)
{
	const struct path *first = from, *second = to;
	int error;

	if (from->dentry->inode == to->dentry->inode)
		return change_begin(from);
	if (dentry_is_below(from->dentry, to->dentry))
		first = to, second = from;
	error = change_begin(first);
	if (error)
		return error;
	error = change_begin(second);
	if (error)
		change_end(first);
	return error;
}

static void unlock_both(const struct path *from, const struct path *to)
{
	change_end(from);
	if (from->dentry->inode != to->dentry->inode)
		change_end(to);
}

int name_rename(const struct path *from, const struct path_last *old, const struct path *to,
		const struct path_last *new_last, unsigned flags)
{
	struct dentry *child = NULL, *victim = NULL;
	int error;

	if (from->mount != to->mount)
		return -EXDEV;
	if (old->is_dot || new_last->is_dot)
		return flags & RENAME_NOREPLACE && new_last->is_dot ? -EEXIST : -EBUSY;
	mutex_lock(&renaming);
	error = lock_both(from, to);
	if (error)
		goto out;
	error = dentry_lookup(from->dentry, old->name, old->length, &child);
	if (!error)
		error = dentry_lookup(to->dentry, new_last->name, new_last->length, &victim);
	if (!error)
		error = rename_locked(child, victim, from, to, old, new_last, flags);
	unlock_both(from, to);
	if (child)
		dentry_put(child);
	if (victim)
		dentry_put(victim);
out:
	mutex_unlock(&renaming);
	return error;
}

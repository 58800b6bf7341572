/* SPDX-License-Identifier: MIT
 *
 * mount(2), umount2(2), pivot_root(2).
 */
#include "guest/fs/device.h"
#include "guest/fs/files.h"
#include "guest/fs/mounts.h"
#include "guest/fs/user_path.h"
#include "guest/lib/string.h"
#include "guest/mm/slab.h"
#include "guest/mm/user.h"
#include "guest/proc/process.h"

/* Called by the dispatcher. */
int64_t sys_mount(uint64_t source_gva, uint64_t target_gva, uint64_t type_gva, uint64_t flags,
		  uint64_t options_gva);
int64_t sys_umount2(uint64_t target_gva, uint32_t flags);
int64_t sys_pivot_root(uint64_t new_root_gva, uint64_t put_old_gva);

#define TYPE_MAX 32
#define OPTIONS_MAX 1024

enum unmount_flag { MNT_FORCE = 1, MNT_DETACH = 2, MNT_EXPIRE = 4, UMOUNT_NOFOLLOW = 8 };

/* A mount's flags, or those of its super as well: of what path is the root of. */
static int remount(const struct path *at, unsigned flags)
{
	struct super *super = at->mount->super;

	if (at->dentry != at->mount->root)
		return -EINVAL;
	if (!(flags & MS_BIND) && (flags & MS_RDONLY) && super->operations &&
	    super->operations->sync)
		super->operations->sync(super);
	at->mount->flags = flags & MS_KEPT;
	return 0;
}

/* Shows what is at source at another place too. Mounts below it are not taken along. */
static int bind(const char *source, const struct path *at, unsigned flags)
{
	struct mount *mount;
	struct path from;
	int error = path_find(AT_FDCWD, source, PATH_FOLLOW, &from);

	if (error)
		return error;
	if (((from.dentry->inode->mode ^ at->dentry->inode->mode) & S_IFMT) &&
	    ((from.dentry->inode->mode & S_IFMT) == S_IFDIR ||
	     (at->dentry->inode->mode & S_IFMT) == S_IFDIR))
		error = -ENOTDIR;
	mount = error ? NULL
		      : mount_create(from.mount->super, from.dentry, source,
				     (flags & MS_KEPT) | from.mount->flags);
	if (mount)
		mount_attach(mount, at);
	else if (!error)
		error = -ENOMEM;
	path_put(&from);
	return error;
}

static int move(const char *source, const struct path *at)
{
	struct path from;
	int error = path_find(AT_FDCWD, source, PATH_FOLLOW, &from);

	if (error)
		return error;
	if (from.dentry != from.mount->root)
		error = -EINVAL;
	for (const struct mount *up = at->mount; up && !error; up = up->parent)
		if (up == from.mount)
			error = -ELOOP;
	if (!error)
		error = mount_detach(from.mount, UINT32_MAX);
	if (!error)
		mount_attach(from.mount, at);
	path_put(&from);
	return error;
}

static int mount_new(const char *type, const char *source, const struct path *at, unsigned flags,
		     const char *options)
{
	struct super *super = NULL;
	struct mount *mount;
	int error = 0;

	if ((at->dentry->inode->mode & S_IFMT) != S_IFDIR)
		return -ENOTDIR;
	if (!strcmp(type, "devtmpfs"))
		mount = mount_create(device_super(), device_super()->root, source, flags);
	else {
		error = super_create(type, source, options, flags & MS_RDONLY, &super);
		mount = error ? NULL : mount_of_new(super, source, flags);
	}
	if (!mount)
		return error ? error : -ENOMEM;
	mount_attach(mount, at);
	return 0;
}

static int mount_at(const char *source, const struct path *at, const char *type, unsigned flags,
		    const char *options)
{
	if (flags & MS_REMOUNT)
		return remount(at, flags);
	if (flags &
	    (MS_PRIVATE | MS_SLAVE | MS_SHARED)) /* nothing is passed on, so nothing changes */
		return flags & MS_SHARED ? -EINVAL : 0;
	if (flags & MS_MOVE)
		return move(source, at);
	if (flags & MS_BIND)
		return bind(source, at, flags);
	return mount_new(type, source, at, flags, options);
}

int vfs_mount(const char *source, const char *target, const char *type, unsigned flags,
	      const char *options)
{
	struct path at;
	int error = path_find(AT_FDCWD, target, PATH_FOLLOW, &at);

	if (error)
		return error;
	error = mount_at(source, &at, type, flags, options);
	path_put(&at);
	return error;
}

int vfs_unmount(const char *target, unsigned flags)
{
	struct path at;
	int error = path_find(AT_FDCWD, target, flags & UMOUNT_NOFOLLOW ? 0 : PATH_FOLLOW, &at);

	if (error)
		return error;
	struct mount *mount = at.mount;

	/* The tree's reference, and the one here. */
	error = at.dentry == mount->root ? mount_detach(mount, flags & MNT_DETACH ? UINT32_MAX : 2)
					 : -EINVAL;
	path_put(&at);
	if (!error)
		mount_put(mount); /* the tree's; the last one, or users come later */
	return error;
}

int64_t sys_mount(uint64_t source_gva, uint64_t target_gva, uint64_t type_gva, uint64_t flags,
		  uint64_t options_gva)
{
	struct user_path source = {.text = ""}, target;
	char type[TYPE_MAX] = "";
	char *options;
	int64_t error;

	if (!process_is_root())
		return -EPERM;
	if (type_gva && (error = user_read_string(type, type_gva, sizeof(type))) < 0)
		return error == -EFAULT ? error : -ENODEV;
	error = user_path_read(&target, target_gva);
	if (error)
		return error;
	options = kmalloc(OPTIONS_MAX);
	error = options ? 0 : -ENOMEM;
	if (!error && options_gva)
		error = user_read_string(options, options_gva, OPTIONS_MAX);
	if (error >= 0 && source_gva)
		error = user_path_read(&source, source_gva);
	if (error >= 0) {
		error = vfs_mount(source.text, target.text, type, (unsigned)flags, options);
		user_path_end(&source);
	}
	kfree(options);
	user_path_end(&target);
	return error;
}

int64_t sys_umount2(uint64_t target_gva, uint32_t flags)
{
	struct user_path target;
	int error = process_is_root() ? 0 : -EPERM;

	if (!error && (flags & ~(uint32_t)(MNT_FORCE | MNT_DETACH | UMOUNT_NOFOLLOW)))
		error = -EINVAL;
	if (!error)
		error = user_path_read(&target, target_gva);
	if (error)
		return error;
	error = vfs_unmount(target.text, flags);
	user_path_end(&target);
	return error;
}

/* Processes whose root or directory was the old root go to the new one. */
static void move_places(const struct path *from, const struct path *to)
{
	struct place *place = process_this()->place;
	const bool root = place->root.dentry == from->dentry && place->root.mount == from->mount;
	const bool here = place->here.dentry == from->dentry && place->here.mount == from->mount;

	if (root)
		place_set(place, &place->root, to);
	if (here)
		place_set(place, &place->here, to);
}

static int pivot(const struct path *new_root, const struct path *put_old)
{
	struct path old = vfs_root;
	int error = 0;

	if (new_root->dentry != new_root->mount->root || new_root->mount == old.mount)
		return -EINVAL;
	if (put_old->mount != new_root->mount)
		return -EINVAL;
	error = mount_detach(new_root->mount, UINT32_MAX);
	if (error)
		return error;
	vfs_root = (struct path){new_root->mount, dentry_get(new_root->dentry)};
	mount_attach(new_root->mount, NULL);
	mount_attach(old.mount, put_old);
	move_places(&old, new_root);
	dentry_put(old.dentry);
	return 0;
}

int64_t sys_pivot_root(uint64_t new_root_gva, uint64_t put_old_gva)
{
	struct path new_root, put_old;
	int error = process_is_root() ? 0 : -EPERM;

	if (!error)
		error = user_path_find(AT_FDCWD, new_root_gva, PATH_FOLLOW | PATH_DIRECTORY,
				       &new_root);
	if (error)
		return error;
	error = user_path_find(AT_FDCWD, put_old_gva, PATH_FOLLOW | PATH_DIRECTORY, &put_old);
	if (!error) {
		error = pivot(&new_root, &put_old);
		path_put(&put_old);
	}
	path_put(&new_root);
	return error;
}

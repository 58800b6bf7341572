/* SPDX-License-Identifier: MIT
 *
 * System calls that make, move and remove names.
 */
#include "guest/fs/files.h"
#include "guest/fs/names.h"
#include "guest/fs/user_path.h"
#include "guest/proc/process.h"

/* Called by the dispatcher. */
int64_t sys_mkdirat(int fd, uint64_t path_gva, uint32_t mode);
int64_t sys_mkdir(uint64_t path_gva, uint32_t mode);
int64_t sys_mknodat(int fd, uint64_t path_gva, uint32_t mode, uint64_t device);
int64_t sys_mknod(uint64_t path_gva, uint32_t mode, uint64_t device);
int64_t sys_unlinkat(int fd, uint64_t path_gva, uint32_t flags);
int64_t sys_unlink(uint64_t path_gva);
int64_t sys_rmdir(uint64_t path_gva);
int64_t sys_symlinkat(uint64_t target_gva, int fd, uint64_t path_gva);
int64_t sys_symlink(uint64_t target_gva, uint64_t path_gva);
int64_t sys_linkat(int fd, uint64_t path_gva, int new_fd, uint64_t new_path_gva, uint32_t flags);
int64_t sys_link(uint64_t path_gva, uint64_t new_path_gva);
int64_t sys_renameat2(int fd, uint64_t path_gva, int new_fd, uint64_t new_path_gva, uint32_t flags);
int64_t sys_renameat(int fd, uint64_t path_gva, int new_fd, uint64_t new_path_gva);
int64_t sys_rename(uint64_t path_gva, uint64_t new_path_gva);

static uint32_t masked(uint32_t mode)
{
	return mode & 07777 & ~process_this()->place->umask;
}

int64_t sys_mkdirat(int fd, uint64_t path_gva, uint32_t mode)
{
	struct path_last last;
	struct path parent;
	int error = user_path_find_parent(fd, path_gva, &parent, &last);

	if (error)
		return error;
	error = name_make_dir(&parent, &last, masked(mode));
	path_put(&parent);
	return error;
}

int64_t sys_mkdir(uint64_t path_gva, uint32_t mode)
{
	return sys_mkdirat(AT_FDCWD, path_gva, mode);
}

int64_t sys_mknodat(int fd, uint64_t path_gva, uint32_t mode, uint64_t device)
{
	const uint32_t type = mode & S_IFMT ? mode & S_IFMT : S_IFREG;
	struct path_last last;
	struct path parent;
	int error;

	if (type == S_IFDIR)
		return -EPERM;
	if (type == S_IFLNK || (type != S_IFREG && type != S_IFIFO && type != S_IFSOCK &&
				type != S_IFCHR && type != S_IFBLK))
		return -EINVAL;
	if ((type == S_IFCHR || type == S_IFBLK) && !process_is_root())
		return -EPERM;
	error = user_path_find_parent(fd, path_gva, &parent, &last);
	if (error)
		return error;
	error = name_create(&parent, &last, type | masked(mode), (uint32_t)device, NULL);
	path_put(&parent);
	return error;
}

int64_t sys_mknod(uint64_t path_gva, uint32_t mode, uint64_t device)
{
	return sys_mknodat(AT_FDCWD, path_gva, mode, device);
}

int64_t sys_unlinkat(int fd, uint64_t path_gva, uint32_t flags)
{
	struct path_last last;
	struct path parent;
	int error;

	if (flags & ~(uint32_t)AT_REMOVEDIR)
		return -EINVAL;
	error = user_path_find_parent(fd, path_gva, &parent, &last);
	if (error)
		return error;
	error = flags ? name_remove_dir(&parent, &last) : name_unlink(&parent, &last);
	path_put(&parent);
	return error;
}

int64_t sys_unlink(uint64_t path_gva)
{
	return sys_unlinkat(AT_FDCWD, path_gva, 0);
}

int64_t sys_rmdir(uint64_t path_gva)
{
	return sys_unlinkat(AT_FDCWD, path_gva, AT_REMOVEDIR);
}

int64_t sys_symlinkat(uint64_t target_gva, int fd, uint64_t path_gva)
{
	struct user_path target;
	struct path_last last;
	struct path parent;
	int error = user_path_read(&target, target_gva);

	if (error)
		return error;
	error = *target.text ? user_path_find_parent(fd, path_gva, &parent, &last) : -ENOENT;
	if (!error) {
		error = name_symlink(&parent, &last, target.text);
		path_put(&parent);
	}
	user_path_end(&target);
	return error;
}

int64_t sys_symlink(uint64_t target_gva, uint64_t path_gva)
{
	return sys_symlinkat(target_gva, AT_FDCWD, path_gva);
}

int64_t sys_linkat(int fd, uint64_t path_gva, int new_fd, uint64_t new_path_gva, uint32_t flags)
{
	struct target target;
	struct path_last last;
	struct path parent;
	int error;

	if (flags & ~(uint32_t)(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	error = target_find(fd, path_gva,
			    (flags & AT_EMPTY_PATH) |
				    (flags & AT_SYMLINK_FOLLOW ? 0 : AT_SYMLINK_NOFOLLOW),
			    &target);
	if (error)
		return error;
	error = target.path.dentry ? user_path_find_parent(new_fd, new_path_gva, &parent, &last)
				   : -EXDEV;
	if (!error) {
		error = name_link(&parent, &last, &target.path);
		path_put(&parent);
	}
	target_put(&target);
	return error;
}

int64_t sys_link(uint64_t path_gva, uint64_t new_path_gva)
{
	return sys_linkat(AT_FDCWD, path_gva, AT_FDCWD, new_path_gva, 0);
}

int64_t sys_renameat2(int fd, uint64_t path_gva, int new_fd, uint64_t new_path_gva, uint32_t flags)
{
	struct path_last last, new_last;
	struct path from, to;
	int error;

	if (flags & ~(uint32_t)(RENAME_NOREPLACE | RENAME_EXCHANGE) ||
	    flags == (RENAME_NOREPLACE | RENAME_EXCHANGE))
		return -EINVAL;
	error = user_path_find_parent(fd, path_gva, &from, &last);
	if (error)
		return error;
	error = user_path_find_parent(new_fd, new_path_gva, &to, &new_last);
	if (!error) {
		error = name_rename(&from, &last, &to, &new_last, flags);
		path_put(&to);
	}
	path_put(&from);
	return error;
}

int64_t sys_renameat(int fd, uint64_t path_gva, int new_fd, uint64_t new_path_gva)
{
	return sys_renameat2(fd, path_gva, new_fd, new_path_gva, 0);
}

int64_t sys_rename(uint64_t path_gva, uint64_t new_path_gva)
{
	return sys_renameat2(AT_FDCWD, path_gva, AT_FDCWD, new_path_gva, 0);
}

/* SPDX-License-Identifier: MIT
 *
 * See user_path.h.
 */
#include "guest/fs/user_path.h"

#include "guest/fs/files.h"
#include "guest/mm/user.h"

int user_path_read(struct user_path *path, uint64_t gva)
{
	int64_t length = user_read_string(path->room, gva, sizeof(path->room));

	path->text = path->room;
	path->page = NULL;
	if (length != -ENAMETOOLONG)
		return length < 0 ? (int)length : 0;
	path->page = page_alloc(0, 0);
	if (!path->page)
		return -ENOMEM;
	path->text = page_data(path->page);
	length = user_read_string(page_data(path->page), gva, PATH_MAX);
	if (length < 0)
		user_path_end(path);
	return length < 0 ? (int)length : 0;
}

void user_path_end(struct user_path *path)
{
	if (path->page)
		page_put(path->page);
}

int user_path_find(int fd, uint64_t gva, unsigned flags, struct path *found)
{
	struct user_path name;
	int error = user_path_read(&name, gva);

	if (error)
		return error;
	error = path_find(fd, name.text, flags, found);
	user_path_end(&name);
	return error;
}

int user_path_find_parent(int fd, uint64_t gva, struct path *parent, struct path_last *last)
{
	struct user_path name;
	int error = user_path_read(&name, gva);

	if (error)
		return error;
	error = path_find_parent(fd, name.text, parent, last);
	user_path_end(&name);
	return error;
}

int target_of_fd(int fd, struct target *target)
{
	struct file *file = fd_get(fd);

	if (!file)
		return -EBADF;
	target->inode = inode_get(file->inode);
	target->path = file->path;
	if (target->path.dentry)
		path_get(&target->path);
	file_put(file);
	return 0;
}

int target_find(int fd, uint64_t path_gva, unsigned at_flags, struct target *target)
{
	struct user_path name;
	int error = user_path_read(&name, path_gva);

	if (error)
		return error;
	if (!*name.text && (at_flags & AT_EMPTY_PATH) && fd != AT_FDCWD) {
		error = target_of_fd(fd, target);
	} else {
		error = path_find(fd, name.text,
				  (at_flags & AT_SYMLINK_NOFOLLOW ? 0 : PATH_FOLLOW) |
					  (at_flags & AT_EMPTY_PATH ? PATH_EMPTY_OK : 0),
				  &target->path);
		if (!error)
			target->inode = inode_get(target->path.dentry->inode);
	}
	user_path_end(&name);
	return error;
}

void target_put(struct target *target)
{
	inode_put(target->inode);
	path_put(&target->path);
}

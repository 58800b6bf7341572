/* SPDX-License-Identifier: MIT
 *
 * System calls on directories: listing, and where a process stands.
 */
#include "guest/fs/files.h"
#include "guest/fs/user_path.h"
#include "guest/lib/string.h"
#include "guest/mm/user.h"
#include "guest/proc/process.h"

/* Called by the dispatcher. */
int64_t sys_getdents64(int fd, uint64_t to_gva, uint32_t bytes);
int64_t sys_getcwd(uint64_t to_gva, uint64_t size);
int64_t sys_chdir(uint64_t path_gva);
int64_t sys_chroot(uint64_t path_gva);
int64_t sys_fchdir(int fd);

struct entry64 { /* struct linux_dirent64, in front of the name */
	uint64_t number, next;
	uint16_t bytes;
	uint8_t type;
} __attribute__((packed));
_Static_assert(sizeof(struct entry64) == 19, "struct linux_dirent64");

struct user_sink {
	struct dir_sink sink;
	uint64_t at_gva, left;
	bool any, too_small;
	int error;
};

static bool add_entry(struct dir_sink *sink, const char *name, size_t length, uint64_t inode_number,
		      uint32_t mode, uint64_t next_position)
{
	struct user_sink *to = container_of(sink, struct user_sink, sink);
	const size_t bytes = (sizeof(struct entry64) + length + 1 + 7) & ~(size_t)7;
	char text[sizeof(struct entry64) + NAME_MAX + 9];
	const struct entry64 head = {inode_number, next_position, (uint16_t)bytes,
				     (uint8_t)((mode & S_IFMT) >> 12)};

	to->too_small = bytes > to->left || length > NAME_MAX;
	if (to->too_small)
		return false;
	memcpy(text, &head, sizeof(head));
	memcpy(text + sizeof(head), name, length);
	memset(text + sizeof(head) + length, 0, bytes - sizeof(head) - length);
	to->error = user_write(to->at_gva, text, bytes);
	if (to->error)
		return false;
	to->at_gva += bytes;
	to->left -= bytes;
	to->any = true;
	return true;
}

static int64_t list_into(struct file *file, struct user_sink *sink, uint64_t bytes)
{
	int error;

	mutex_lock(&file->position_lock);
	mutex_lock(&file->inode->lock);
	error = file->inode->nlink ? file->operations->read_dir(file, &sink->sink) : -ENOENT;
	mutex_unlock(&file->inode->lock);
	mutex_unlock(&file->position_lock);
	if (sink->any)
		return (int64_t)(bytes - sink->left);
	if (sink->error)
		return sink->error;
	return sink->too_small ? -EINVAL : error;
}

int64_t sys_getdents64(int fd, uint64_t to_gva, uint32_t bytes)
{
	struct user_sink sink = {.sink = {add_entry}, .at_gva = to_gva, .left = bytes};
	struct file *file = fd_get(fd);
	int64_t result;

	if (!file)
		return -EBADF;
	if (file->flags & O_PATH)
		result = -EBADF;
	else if (!file->operations || !file->operations->read_dir)
		result = -ENOTDIR;
	else
		result = list_into(file, &sink, bytes);
	file_put(file);
	return result;
}

int64_t sys_getcwd(uint64_t to_gva, uint64_t size)
{
	struct page *page = page_alloc(0, 0);
	struct place *place = process_this()->place;
	int64_t length;
	struct path here;
	const char *text;

	if (!page)
		return -ENOMEM;
	const uint64_t flags = spin_lock(&place->lock);

	here = place->here;
	path_get(&here);
	spin_unlock(&place->lock, flags);
	text = here.dentry->linked || here.dentry == here.dentry->parent
		       ? path_text(&here, page_data(page), PAGE_BYTES)
		       : NULL;
	length = text ? (int64_t)strlen(text) + 1 : -ENOENT;
	if (length > 0 && (uint64_t)length > size)
		length = -ERANGE;
	if (length > 0 && user_write(to_gva, text, (size_t)length))
		length = -EFAULT;
	path_put(&here);
	page_put(page);
	return length;
}

static int go_to(const struct path *path, bool root)
{
	struct place *place = process_this()->place;
	int error = inode_permission(path->dentry->inode, PERMIT_EXECUTE);

	if ((path->dentry->inode->mode & S_IFMT) != S_IFDIR)
		return -ENOTDIR;
	if (root && !process_is_root())
		return -EPERM;
	if (!error)
		place_set(place, root ? &place->root : &place->here, path);
	return error;
}

static int64_t go_to_path(uint64_t path_gva, bool root)
{
	struct path path;
	int error = user_path_find(AT_FDCWD, path_gva, PATH_FOLLOW | PATH_DIRECTORY, &path);

	if (error)
		return error;
	error = go_to(&path, root);
	path_put(&path);
	return error;
}

int64_t sys_chdir(uint64_t path_gva)
{
	return go_to_path(path_gva, false);
}

int64_t sys_chroot(uint64_t path_gva)
{
	return go_to_path(path_gva, true);
}

int64_t sys_fchdir(int fd)
{
	struct file *file = fd_get(fd);
	int error;

	if (!file)
		return -EBADF;
	error = file->path.dentry ? go_to(&file->path, false) : -ENOTDIR;
	file_put(file);
	return error;
}

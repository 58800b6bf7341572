/* SPDX-License-Identifier: MIT
 *
 * Open files.
 */
#include "guest/fs/vfs.h"

#include "guest/fs/change.h"
#include "guest/fs/epoll.h"
#include "guest/fs/files.h"
#include "guest/fs/iobuf.h"
#include "guest/fs/locks.h"
#include "guest/fs/mounts.h"
#include "guest/fs/names.h"
#include "guest/fs/pipe.h"
#include "guest/fs/walk.h"
#include "guest/mm/slab.h"
#include "guest/proc/process.h"

#define FLAGS_OF_OPEN                                                                   \
	(O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | \
	 (O_TMPFILE & ~O_DIRECTORY))
#define FLAGS_WITH_PATH (O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

static struct slab_cache *files;

static bool writes(unsigned flags)
{
	return (flags & O_ACCMODE) != O_RDONLY;
}

int file_create(const struct file_operations *operations, struct inode *inode, unsigned flags,
		struct file **made)
{
	struct file *file;

	if (!files)
		files = slab_cache_create("file", sizeof(*file), 0);
	file = slab_alloc(files);
	if (!file)
		return -ENFILE;
	file->operations = operations;
	file->inode = inode;
	file->flags = flags & ~(unsigned)FLAGS_OF_OPEN;
	file->refs = 1;
	mutex_init(&file->position_lock);
	list_init(&file->watches);
	*made = file;
	return 0;
}

int file_open_nameless(const struct file_operations *operations, void *private, unsigned flags,
		       const char *label, struct file **file)
{
	static struct inode *shared; /* nobody tells one of these from another by its inode */
	int error;

	if (!shared)
		shared = inode_nameless(0600);
	if (!shared)
		return -ENOMEM;
	error = file_create(operations, shared, flags, file);
	if (error)
		return error;
	inode_get(shared);
	(*file)->private = private;
	(*file)->label = label;
	return 0;
}

static void destroy(struct file *file)
{
	epoll_forget_file(file);
	lock_forget_file(file);
	if (file->operations && file->operations->release)
		file->operations->release(file);
	if (file->inode) {
		if (file->denies_write)
			__atomic_fetch_sub(&file->inode->deny_write, 1, __ATOMIC_RELAXED);
		if (writes(file->flags) && !(file->flags & O_PATH) && file->path.dentry)
			__atomic_fetch_sub(&file->inode->writers, 1, __ATOMIC_RELAXED);
		inode_put(file->inode);
	}
	path_put(&file->path);
	slab_free(files, file);
}

void file_put(struct file *file)
{
	if (!__atomic_sub_fetch(&file->refs, 1, __ATOMIC_ACQ_REL))
		destroy(file);
}

/* Whom file's operations are: the inode's, or its device's, or a FIFO's. */
static int choose_operations(struct inode *inode, struct mount *mount,
			     const struct file_operations **operations, void **private)
{
	const uint32_t type = inode->mode & S_IFMT;

	*operations = inode->file_operations;
	*private = NULL;
	if (*operations)
		return 0;
	if (type == S_IFCHR || type == S_IFBLK)
		return mount->flags & MS_NODEV
			       ? -EACCES
			       : device_find(type, inode->rdev, operations, private);
	if (type == S_IFIFO)
		*operations = &fifo_operations;
	return type == S_IFSOCK ? -ENXIO : 0;
}

static int check_open(const struct path *path, unsigned flags)
{
	static const unsigned wanted[] = {PERMIT_READ, PERMIT_WRITE, PERMIT_READ | PERMIT_WRITE,
					  PERMIT_READ | PERMIT_WRITE};
	struct inode *inode = path->dentry->inode;
	const uint32_t type = inode->mode & S_IFMT;
	const bool changes = writes(flags) || (flags & O_TRUNC);
	int error;

	if (type == S_IFLNK)
		return -ELOOP;
	if (type == S_IFDIR && changes)
		return -EISDIR;
	error = inode_permission(inode,
				 wanted[flags & O_ACCMODE] | (flags & O_TRUNC ? PERMIT_WRITE : 0));
	if (!error && changes && (type == S_IFREG || type == S_IFDIR))
		error = mount_check_writable(path->mount);
	if (!error && (flags & O_NOATIME) && !inode_is_owner(inode))
		error = -EPERM;
	if (!error && (flags & O_TRUNC) && inode->deny_write)
		error = -ETXTBSY;
	return error;
}

/* Counts a writer, unless the file is being executed. */
static int count_writer(struct inode *inode)
{
	__atomic_fetch_add(&inode->writers, 1, __ATOMIC_SEQ_CST);
	if (!__atomic_load_n(&inode->deny_write, __ATOMIC_SEQ_CST))
		return 0;
	__atomic_fetch_sub(&inode->writers, 1, __ATOMIC_SEQ_CST);
	return -ETXTBSY;
}

static int open_checked(struct file *file, unsigned flags)
{
	struct inode *inode = file->inode;
	int error = choose_operations(inode, file->path.mount, &file->operations, &file->private);

	if (!error && (flags & O_TRUNC) && (inode->mode & S_IFMT) == S_IFREG)
		error = inode_truncate(inode, 0);
	file->flags |= flags & O_NOCTTY; /* for a terminal's open() only */
	if (!error && file->operations && file->operations->open)
		error = file->operations->open(inode, file);
	file->flags &= ~(uint32_t)O_NOCTTY;
	if (error)
		file->operations = NULL; /* nothing to release */
	return error;
}

static int open_path(const struct path *path, unsigned flags, bool checks, struct file **made)
{
	struct inode *inode = path->dentry->inode;
	struct file *file;
	int error;

	if (flags & O_PATH)
		flags &= FLAGS_WITH_PATH;
	if ((flags & O_DIRECTORY) && (inode->mode & S_IFMT) != S_IFDIR)
		return -ENOTDIR;
	error = flags & O_PATH || !checks ? 0 : check_open(path, flags);
	if (!error && writes(flags))
		error = count_writer(inode);
	if (error)
		return error;
	error = file_create(NULL, inode_get(inode), flags, &file);
	if (error) {
		if (writes(flags))
			__atomic_fetch_sub(&inode->writers, 1, __ATOMIC_RELAXED);
		inode_put(inode);
		return error;
	}
	file->path = *path;
	path_get(path);
	if (!(flags & O_PATH))
		error = open_checked(file, flags);
	if (error)
		file_put(file);
	else
		*made = file;
	return error;
}

int file_open_path(const struct path *path, unsigned flags, struct file **file)
{
	return open_path(path, flags, true, file);
}

int file_open_program(const struct path *path, struct file **file)
{
	struct inode *inode = path->dentry->inode;
	int error = (inode->mode & S_IFMT) != S_IFREG ||
				    (path->mount && (path->mount->flags & MS_NOEXEC))
			    ? -EACCES
			    : inode_permission(inode, PERMIT_EXECUTE);

	if (error)
		return error;
	__atomic_fetch_add(&inode->deny_write, 1, __ATOMIC_SEQ_CST);
	error = __atomic_load_n(&inode->writers, __ATOMIC_SEQ_CST)
			? -ETXTBSY
			: open_path(path, O_RDONLY, false, file);
	if (error)
		__atomic_fetch_sub(&inode->deny_write, 1, __ATOMIC_RELAXED);
	else
		(*file)->denies_write = true;
	return error;
}

int file_open_unchecked(struct dentry *dentry, unsigned flags, struct file **made)
{
	struct file *file;
	int error = file_create(dentry->inode->file_operations, inode_get(dentry->inode), flags,
				&file);

	if (error) {
		inode_put(dentry->inode);
		return error;
	}
	file->path.dentry = dentry_get(dentry);
	if (writes(flags))
		__atomic_fetch_add(&dentry->inode->writers, 1, __ATOMIC_RELAXED);
	*made = file;
	return 0;
}

/* The last component of an open with O_CREAT exists: opens it, or goes on behind a link (1). */
static int open_existing(struct walk *walk, struct dentry *child, unsigned flags,
			 const struct path_last *last, struct file **file)
{
	const bool is_link = (child->inode->mode & S_IFMT) == S_IFLNK;
	int error = 0;

	if (flags & O_EXCL)
		error = -EEXIST;
	else if (is_link && !(flags & O_NOFOLLOW)) {
		error = walk_follow(walk, child);
		return error ? error : 1;
	} else if (last->slash_after)
		error = -EISDIR;
	if (error) {
		dentry_put(child);
		return error;
	}
	walk_enter(walk, child);
	return (walk->at.dentry->inode->mode & S_IFMT) == S_IFDIR
		       ? -EISDIR
		       : open_path(&walk->at, flags, true, file);
}

static int create_and_open(const struct path *parent, const struct path_last *last, unsigned flags,
			   uint32_t mode, struct file **file)
{
	struct path made;
	int error = name_create(parent, last, S_IFREG | mode, 0, &made);

	if (error)
		return error;
	error = open_path(&made, flags & ~(unsigned)O_TRUNC, false, file);
	path_put(&made);
	return error;
}

static int open_or_create(struct walk *walk, unsigned flags, uint32_t mode, struct file **file)
{
	struct path_last last;
	struct dentry *child;
	int error;

	do {
		error = walk_on(walk, PATH_PARENT | PATH_DIRECTORY, &last);
		if (error)
			return error;
		if (last.is_dot)
			return flags & O_EXCL ? -EEXIST : -EISDIR;
		error = walk_lookup(walk, last.name, last.length, &child);
		if (!error && !child->inode) {
			dentry_put(child);
			error = -ENOENT;
		}
		if (error == -ENOENT) {
			error = create_and_open(&walk->at, &last, flags, mode, file);
			/* Somebody else was faster: it exists now. */
			if (error == -EEXIST && !(flags & O_EXCL) &&
			    !walk_lookup(walk, last.name, last.length, &child)) {
				if (!child->inode) {
					dentry_put(child);
					return -ENOENT;
				}
				error = open_existing(walk, child, flags, &last, file);
			}
		} else if (!error) {
			error = open_existing(walk, child, flags, &last, file);
		}
	} while (error == 1);
	return error;
}

/* A file without a name in the directory where walk is. */
static int open_temporary(struct walk *walk, unsigned flags, uint32_t mode, struct file **file)
{
	struct inode *dir = walk->at.dentry->inode, *inode = NULL;
	struct dentry *dentry;
	int error = change_begin(&walk->at);

	if (error)
		return error;
	error = !writes(flags) ? -EINVAL
		: !dir->operations->temporary
			? -EOPNOTSUPP
			: dir->operations->temporary(dir, S_IFREG | mode, &inode);
	change_end(&walk->at);
	if (error)
		return error;
	inode->uid = process_this()->credentials.fsuid;
	inode->gid = process_this()->credentials.fsgid;
	dentry = dentry_create(walk->at.dentry, "#tmpfile", 8);
	if (!dentry) {
		inode_put(inode);
		return -ENOMEM;
	}
	dentry->inode = inode;
	const struct path path = {walk->at.mount, dentry};

	error = open_path(&path, flags & ~(unsigned)O_TMPFILE, false, file);
	dentry_put(dentry);
	return error;
}

int file_open(int fd, const char *name, unsigned flags, uint32_t mode, struct file **file)
{
	const bool temporary = (flags & O_TMPFILE) == O_TMPFILE;
	const struct place *place = process_this()->place;
	struct walk walk;
	int error = walk_begin(&walk, fd, name, 0);

	if (place)
		mode &= ~place->umask;
	mode &= 07777;
	if (!error && (flags & O_CREAT) && !temporary && !(flags & O_PATH)) {
		error = open_or_create(&walk, flags, mode, file);
	} else if (!error) {
		error = walk_on(&walk, flags & O_NOFOLLOW ? 0 : PATH_FOLLOW, NULL);
		if (!error)
			error = temporary ? open_temporary(&walk, flags, mode, file)
					  : open_path(&walk.at, flags, true, file);
	}
	walk_end(&walk);
	return error;
}

int64_t file_read_at(struct file *file, void *to, size_t bytes, uint64_t position)
{
	struct iobuf io;

	if (!file->operations || !file->operations->read)
		return -EINVAL;
	iobuf_init_kernel(&io, to, bytes);
	return file->operations->read(file, &io, &position);
}

int64_t file_write_at(struct file *file, const void *from, size_t bytes, uint64_t position)
{
	struct iobuf io;

	if (!file->operations || !file->operations->write)
		return -EINVAL;
	iobuf_init_kernel(&io, (void *)(uintptr_t)from, bytes);
	return file->operations->write(file, &io, &position);
}

/* SPDX-License-Identifier: MIT
 *
 * Moving data between files, to disk, and into being: sendfile, copy_file_range, sync, fallocate,
 * memfd_create, getrandom.
 */
#include "guest/fs/files.h"
#include "guest/fs/iobuf.h"
#include "guest/fs/mounts.h"
#include "guest/fs/random.h"
#include "guest/fs/tmpfs.h"
#include "guest/lib/print.h"
#include "guest/mm/user.h"
#include "guest/proc/process.h"

/* Called by the dispatcher. */
int64_t sys_sendfile(int to_fd, int from_fd, uint64_t position_gva, uint64_t bytes);
int64_t sys_copy_file_range(int from_fd, uint64_t from_gva, int to_fd, uint64_t to_gva,
			    uint64_t bytes, uint32_t flags);
int64_t sys_splice(int from_fd, uint64_t from_gva, int to_fd, uint64_t to_gva, uint64_t bytes,
		   uint32_t flags);
int64_t sys_sync(void);
int64_t sys_syncfs(int fd);
int64_t sys_fsync(int fd);
int64_t sys_fdatasync(int fd);
int64_t sys_fallocate(int fd, uint32_t mode, int64_t start, int64_t bytes);
int64_t sys_memfd_create(uint64_t name_gva, uint32_t flags);
int64_t sys_getrandom(uint64_t to_gva, uint64_t bytes, uint32_t flags);

#define COPY_BYTES_MAX 0x7ffff000
#define MFD_CLOEXEC 1u
#define MFD_ALLOW_SEALING 2u
#define MEMFD_NAME_MAX 249

/* One side of a copy: at the file's own position, or at one of the caller's. */
struct end {
	struct file *file;
	uint64_t *position;
};

static int64_t move_bytes(const struct end *end, void *data, size_t bytes, bool is_write)
{
	const struct file_operations *operations = end->file->operations;
	struct iobuf io;

	iobuf_init_kernel(&io, data, bytes);
	return is_write ? operations->write(end->file, &io, end->position)
			: operations->read(end->file, &io, end->position);
}

/* What was read but not taken is not lost: the source's position says so. */
static int64_t copy_some(const struct end *from, const struct end *to, char *buffer, size_t bytes)
{
	const int64_t got = move_bytes(from, buffer, bytes, false);
	int64_t put;

	if (got <= 0)
		return got;
	put = move_bytes(to, buffer, (size_t)got, true);
	*from->position -= (uint64_t)(got - (put > 0 ? put : 0));
	return put;
}

static int64_t copy_loop(const struct end *from, const struct end *to, uint64_t bytes)
{
	struct page *page = page_alloc(0, 0);
	int64_t done = 0;
	uint64_t total = 0;

	if (!page)
		return -ENOMEM;
	if (bytes > COPY_BYTES_MAX)
		bytes = COPY_BYTES_MAX;
	while (total < bytes && !(total && signal_is_pending())) {
		const size_t now = bytes - total < PAGE_BYTES ? bytes - total : PAGE_BYTES;

		done = copy_some(from, to, page_data(page), now);
		if (done <= 0)
			break;
		total += (uint64_t)done;
	}
	page_put(page);
	return total ? (int64_t)total : done;
}

/* Each file's position is locked while it is used; of two, the lower address first. */
static void lock_positions(struct end *from, struct end *to, bool lock)
{
	struct file *first = from->position == &from->file->position ? from->file : NULL;
	struct file *second = to->position == &to->file->position ? to->file : NULL;
	void (*change)(struct mutex *) = lock ? mutex_lock : mutex_unlock;

	if (first == second)
		second = NULL;
	if (first && second && first > second) {
		first = to->file;
		second = from->file;
	}
	if (first)
		change(&first->position_lock);
	if (second)
		change(&second->position_lock);
}

static int check_ends(const struct file *from, const struct file *to)
{
	if (!from || !to || (from->flags & O_PATH) || (to->flags & O_PATH) ||
	    (from->flags & O_ACCMODE) == O_WRONLY || (to->flags & O_ACCMODE) == O_RDONLY)
		return -EBADF;
	if (!from->operations || !from->operations->read || !to->operations ||
	    !to->operations->write)
		return -EINVAL;
	/* The source must be able to go back. */
	return (from->inode->mode & S_IFMT) == S_IFREG || (from->inode->mode & S_IFMT) == S_IFBLK
		       ? 0
		       : -EINVAL;
}

/* gva of a position, or 0: the file's own. */
static int64_t copy_files(struct file *from, uint64_t from_gva, struct file *to, uint64_t to_gva,
			  uint64_t bytes)
{
	uint64_t from_at = 0, to_at = 0;
	struct end source = {from, from_gva ? &from_at : &from->position};
	struct end target = {to, to_gva ? &to_at : &to->position};
	int64_t done;

	if ((from_gva && user_read(&from_at, from_gva, sizeof(from_at))) ||
	    (to_gva && user_read(&to_at, to_gva, sizeof(to_at))))
		return -EFAULT;
	if ((int64_t)from_at < 0 || (int64_t)to_at < 0)
		return -EINVAL;
	lock_positions(&source, &target, true);
	done = copy_loop(&source, &target, bytes);
	lock_positions(&source, &target, false);
	if (done >= 0 && ((from_gva && user_write(from_gva, &from_at, sizeof(from_at))) ||
			  (to_gva && user_write(to_gva, &to_at, sizeof(to_at)))))
		return -EFAULT;
	return done;
}

static int64_t copy_fds(int from_fd, uint64_t from_gva, int to_fd, uint64_t to_gva, uint64_t bytes,
			bool both_regular)
{
	struct file *from = fd_get(from_fd), *to = fd_get(to_fd);
	int64_t result = check_ends(from, to);

	if (!result && both_regular &&
	    ((from->inode->mode & S_IFMT) != S_IFREG || (to->inode->mode & S_IFMT) != S_IFREG))
		result = -EINVAL;
	if (!result && (to->flags & O_APPEND) && both_regular)
		result = -EBADF;
	if (!result)
		result = copy_files(from, from_gva, to, to_gva, bytes);
	if (from)
		file_put(from);
	if (to)
		file_put(to);
	return result;
}

int64_t sys_sendfile(int to_fd, int from_fd, uint64_t position_gva, uint64_t bytes)
{
	return copy_fds(from_fd, position_gva, to_fd, 0, bytes, false);
}

/* Nothing here can be spliced, which is what EINVAL says: programs then read and write. ENOSYS would be new to
 * some of them, for Linux always has the call. */
int64_t sys_splice(int from_fd, uint64_t from_gva, int to_fd, uint64_t to_gva, uint64_t bytes,
		   uint32_t flags)
{
	struct file *from = fd_get(from_fd), *to = fd_get(to_fd);
	const int64_t result = from && to ? -EINVAL : -EBADF;

	(void)from_gva, (void)to_gva, (void)bytes, (void)flags;
	if (from)
		file_put(from);
	if (to)
		file_put(to);
	return result;
}

int64_t sys_copy_file_range(int from_fd, uint64_t from_gva, int to_fd, uint64_t to_gva,
			    uint64_t bytes, uint32_t flags)
{
	return flags ? -EINVAL : copy_fds(from_fd, from_gva, to_fd, to_gva, bytes, true);
}

/* The mount behind previous (whose reference is put), referenced; of NULL the first one. */
static struct mount *next_mount(struct mount *previous)
{
	const uint64_t flags = spin_lock(&mount_lock);
	struct list *next = previous ? previous->in_all.next : mount_all.next;
	struct mount *mount = NULL;

	/* One that was unmounted meanwhile is a ring of its own. */
	if (next != &mount_all && !(previous && next == &previous->in_all)) {
		mount = container_of(next, struct mount, in_all);
		mount_get(mount);
	}
	spin_unlock(&mount_lock, flags);
	if (previous)
		mount_put(previous);
	return mount;
}

int64_t sys_sync(void)
{
	cache_sync_all();
	for (struct mount *mount = next_mount(NULL); mount; mount = next_mount(mount))
		if (mount->super->operations && mount->super->operations->sync)
			mount->super->operations->sync(mount->super);
	return 0;
}

int64_t sys_syncfs(int fd)
{
	struct file *file = fd_get(fd);
	struct super *super;
	int error = 0;

	if (!file)
		return -EBADF;
	super = file->inode->super;
	cache_sync_all();
	if (super->operations && super->operations->sync)
		error = super->operations->sync(super);
	file_put(file);
	return error;
}

int64_t sys_fsync(int fd)
{
	struct file *file = fd_get(fd);
	const struct inode *inode = file ? file->inode : NULL;
	int error = 0;

	if (!file)
		return -EBADF;
	if (file->flags & O_PATH)
		error = -EBADF;
	else if (!file->operations || (inode->mode & S_IFMT) == S_IFIFO ||
		 (inode->mode & S_IFMT) == S_IFSOCK)
		error = -EINVAL;
	else if (file->operations->sync)
		error = file->operations->sync(file);
	else if (inode->cache.operations && inode->cache.operations->write_page)
		error = cache_write_back(&file->inode->cache, 0, UINT64_MAX);
	if (!error && !file->operations->sync && inode->operations && inode->operations->sync)
		error = inode->operations->sync(file->inode);
	file_put(file);
	return error;
}

int64_t sys_fdatasync(int fd)
{
	return sys_fsync(fd);
}

static int allocate(struct file *file, uint32_t mode, uint64_t start, uint64_t end)
{
	struct inode *inode = file->inode;
	int error;

	if ((file->flags & O_ACCMODE) == O_RDONLY || (file->flags & O_PATH))
		return -EBADF;
	if ((inode->mode & S_IFMT) != S_IFREG)
		return -ENODEV;
	if (!inode->operations->allocate || (mode & ~(FALLOC_KEEP_SIZE | FALLOC_PUNCH_HOLE)))
		return -EOPNOTSUPP;
	if ((mode & FALLOC_PUNCH_HOLE) && !(mode & FALLOC_KEEP_SIZE))
		return -EOPNOTSUPP;
	if (end > process_this()->limits[RLIMIT_FSIZE].soft)
		return -EFBIG;
	mutex_lock(&inode->lock);
	error = inode->operations->allocate(inode, mode, start, end);
	if (!error)
		inode_touch(inode, true);
	mutex_unlock(&inode->lock);
	return error;
}

int64_t sys_fallocate(int fd, uint32_t mode, int64_t start, int64_t bytes)
{
	struct file *file;
	int64_t end;
	int error;

	if (start < 0 || bytes <= 0)
		return -EINVAL;
	if (__builtin_add_overflow(start, bytes, &end))
		return -EFBIG;
	file = fd_get(fd);
	if (!file)
		return -EBADF;
	error = allocate(file, mode, (uint64_t)start, (uint64_t)end);
	file_put(file);
	return error;
}

int64_t sys_memfd_create(uint64_t name_gva, uint32_t flags)
{
	char name[MEMFD_NAME_MAX + 1], label[NAME_MAX + 1];
	int64_t length = user_read_string(name, name_gva, sizeof(name));
	struct file *file;
	int error;

	if (length < 0)
		return length == -EFAULT ? length : -EINVAL;
	if (flags & ~(MFD_CLOEXEC | MFD_ALLOW_SEALING))
		return -EINVAL;
	print_to(label, sizeof(label), "memfd:%s", name);
	error = tmpfs_open_nameless(label, O_RDWR, &file);
	return error ? error : fd_install(file, 0, flags & MFD_CLOEXEC);
}

int64_t sys_getrandom(uint64_t to_gva, uint64_t bytes, uint32_t flags)
{
	uint8_t block[256];
	uint64_t done = 0;

	if (flags & ~7u)
		return -EINVAL;
	if (bytes > COPY_BYTES_MAX)
		bytes = COPY_BYTES_MAX;
	while (done < bytes && !(done && signal_is_pending())) {
		const size_t now = bytes - done < sizeof(block) ? bytes - done : sizeof(block);

		random_bytes(block, now);
		if (user_write(to_gva + done, block, now))
			return done ? (int64_t)done : -EFAULT;
		done += now;
	}
	return (int64_t)done;
}

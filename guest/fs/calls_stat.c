/* SPDX-License-Identifier: MIT
 *
 * What is known of files and file systems: stat, statx, statfs, access, readlink.
 */
#include "guest/fs/files.h"
#include "guest/fs/mounts.h"
#include "guest/fs/user_path.h"
#include "guest/lib/string.h"
#include "guest/mm/user.h"
#include "guest/proc/process.h"

/* Called by the dispatcher. */
int64_t sys_newfstatat(int fd, uint64_t path_gva, uint64_t stat_gva, uint32_t flags);
int64_t sys_stat(uint64_t path_gva, uint64_t stat_gva);
int64_t sys_lstat(uint64_t path_gva, uint64_t stat_gva);
int64_t sys_fstat(int fd, uint64_t stat_gva);
int64_t sys_statx(int fd, uint64_t path_gva, uint32_t flags, uint32_t mask, uint64_t to_gva);
int64_t sys_statfs(uint64_t path_gva, uint64_t to_gva);
int64_t sys_fstatfs(int fd, uint64_t to_gva);
int64_t sys_faccessat2(int fd, uint64_t path_gva, uint32_t wanted, uint32_t flags);
int64_t sys_faccessat(int fd, uint64_t path_gva, uint32_t wanted);
int64_t sys_access(uint64_t path_gva, uint32_t wanted);
int64_t sys_readlinkat(int fd, uint64_t path_gva, uint64_t to_gva, int size);
int64_t sys_readlink(uint64_t path_gva, uint64_t to_gva, int size);

struct stat { /* Linux's, on x86-64 */
	uint64_t dev, ino, nlink;
	uint32_t mode, uid, gid, pad;
	uint64_t rdev;
	int64_t size, blksize, blocks;
	struct time_spec atime, mtime, ctime;
	int64_t reserved[3];
};
_Static_assert(sizeof(struct stat) == 144, "struct stat");

struct statx_time {
	int64_t seconds;
	uint32_t nanoseconds;
	int32_t reserved;
};
struct statx {
	uint32_t mask, blksize;
	uint64_t attributes;
	uint32_t nlink, uid, gid;
	uint16_t mode, pad;
	uint64_t ino, size, blocks, attributes_mask;
	struct statx_time atime, btime, ctime, mtime;
	uint32_t rdev_major, rdev_minor, dev_major, dev_minor;
	uint64_t mount_id, reserved[13];
};
_Static_assert(sizeof(struct statx) == 256, "struct statx");
#define STATX_BASIC 0x7ff

struct statfs {
	int64_t type, bsize;
	uint64_t blocks, bfree, bavail, files, ffree, fsid;
	int64_t namelen, frsize, flags, spare[4];
};
_Static_assert(sizeof(struct statfs) == 120, "struct statfs");

static void fill_stat(const struct inode *inode, struct stat *to)
{
	*to = (struct stat){.dev = inode->super->device,
			    .ino = inode->number,
			    .nlink = inode->nlink,
			    .mode = inode->mode,
			    .uid = inode->uid,
			    .gid = inode->gid,
			    .rdev = inode->rdev,
			    .size = (int64_t)inode->size,
			    .blksize = PAGE_BYTES,
			    .blocks = (int64_t)inode->blocks_512,
			    .atime = inode->atime,
			    .mtime = inode->mtime,
			    .ctime = inode->ctime};
}

static int64_t give_stat(struct target *target, uint64_t stat_gva)
{
	struct stat stat;

	fill_stat(target->inode, &stat);
	target_put(target);
	return user_write(stat_gva, &stat, sizeof(stat));
}

int64_t sys_newfstatat(int fd, uint64_t path_gva, uint64_t stat_gva, uint32_t flags)
{
	struct target target;
	int error = target_find(fd, path_gva, flags, &target);

	return error ? error : give_stat(&target, stat_gva);
}

int64_t sys_stat(uint64_t path_gva, uint64_t stat_gva)
{
	return sys_newfstatat(AT_FDCWD, path_gva, stat_gva, 0);
}

int64_t sys_lstat(uint64_t path_gva, uint64_t stat_gva)
{
	return sys_newfstatat(AT_FDCWD, path_gva, stat_gva, AT_SYMLINK_NOFOLLOW);
}

int64_t sys_fstat(int fd, uint64_t stat_gva)
{
	struct target target;
	int error = target_of_fd(fd, &target);

	return error ? error : give_stat(&target, stat_gva);
}

static struct statx_time statx_time(struct time_spec from)
{
	return (struct statx_time){from.seconds, (uint32_t)from.nanoseconds, 0};
}

static uint32_t major_of(uint64_t device)
{
	return device >> 8 & 0xfff;
}

static uint32_t minor_of(uint64_t device)
{
	return (device & 0xff) | (device >> 12 & 0xfff00);
}

int64_t sys_statx(int fd, uint64_t path_gva, uint32_t flags, uint32_t mask, uint64_t to_gva)
{
	struct target target;
	int error = target_find(fd, path_gva, flags, &target);
	const struct inode *inode = target.inode;

	(void)mask;
	if (error)
		return error;
	const struct statx statx = {.mask = STATX_BASIC,
				    .blksize = PAGE_BYTES,
				    .nlink = inode->nlink,
				    .uid = inode->uid,
				    .gid = inode->gid,
				    .mode = (uint16_t)inode->mode,
				    .ino = inode->number,
				    .size = inode->size,
				    .blocks = inode->blocks_512,
				    .atime = statx_time(inode->atime),
				    .ctime = statx_time(inode->ctime),
				    .mtime = statx_time(inode->mtime),
				    .rdev_major = major_of(inode->rdev),
				    .rdev_minor = minor_of(inode->rdev),
				    .dev_major = major_of(inode->super->device),
				    .dev_minor = minor_of(inode->super->device)};

	target_put(&target);
	return user_write(to_gva, &statx, sizeof(statx));
}

static int64_t give_statfs(struct target *target, uint64_t to_gva)
{
	struct super *super = target->inode->super;
	struct fs_statistics s = {.block_bytes = PAGE_BYTES, .name_max = NAME_MAX};

	if (super->operations && super->operations->statistics)
		super->operations->statistics(super, &s);
	const struct statfs statfs = {.type = (int64_t)s.type,
				      .bsize = (int64_t)s.block_bytes,
				      .blocks = s.blocks,
				      .bfree = s.blocks_free,
				      .bavail = s.blocks_free,
				      .files = s.files,
				      .ffree = s.files_free,
				      .fsid = super->device,
				      .namelen = (int64_t)s.name_max,
				      .frsize = (int64_t)s.block_bytes,
				      .flags = target->path.mount ? target->path.mount->flags : 0};

	target_put(target);
	return user_write(to_gva, &statfs, sizeof(statfs));
}

int64_t sys_statfs(uint64_t path_gva, uint64_t to_gva)
{
	struct target target;
	int error = target_find(AT_FDCWD, path_gva, 0, &target);

	return error ? error : give_statfs(&target, to_gva);
}

int64_t sys_fstatfs(int fd, uint64_t to_gva)
{
	struct target target;
	int error = target_of_fd(fd, &target);

	return error ? error : give_statfs(&target, to_gva);
}

static int check_access(const struct target *target, uint32_t wanted)
{
	const uint32_t type = target->inode->mode & S_IFMT;
	int error = inode_permission(target->inode, wanted);

	if (!error && (wanted & PERMIT_WRITE) && target->path.mount &&
	    (type == S_IFREG || type == S_IFDIR || type == S_IFLNK))
		error = mount_check_writable(target->path.mount);
	return error;
}

/* access() asks for the real user, so he walks the path as well. */
int64_t sys_faccessat2(int fd, uint64_t path_gva, uint32_t wanted, uint32_t flags)
{
	struct target target;
	int error;

	if ((wanted & ~7u) ||
	    (flags & ~(uint32_t)(AT_EACCESS | AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)))
		return -EINVAL;
	if (!(flags & AT_EACCESS))
		task_this()->fs_role = FS_ROLE_REAL;
	error = target_find(fd, path_gva, flags, &target);
	if (!error) {
		error = check_access(&target, wanted);
		target_put(&target);
	}
	task_this()->fs_role = FS_ROLE_OWN;
	return error;
}

int64_t sys_faccessat(int fd, uint64_t path_gva, uint32_t wanted)
{
	return sys_faccessat2(fd, path_gva, wanted, 0);
}

int64_t sys_access(uint64_t path_gva, uint32_t wanted)
{
	return sys_faccessat2(AT_FDCWD, path_gva, wanted, 0);
}

/* The text of a link, or where a link without text leads. */
static int64_t link_text(const struct target *target, char *text, size_t size)
{
	struct inode *inode = target->inode;
	struct path to;
	char *at;
	int error;

	if ((inode->mode & S_IFMT) != S_IFLNK)
		return -EINVAL;
	if (inode->operations->read_link)
		return inode->operations->read_link(inode, text, size);
	if (!inode->operations->follow)
		return -EINVAL;
	error = inode->operations->follow(inode, &to.mount, &to.dentry);
	if (error)
		return error;
	at = path_text(&to, text, size);
	path_put(&to);
	if (!at)
		return -ENAMETOOLONG;
	memmove(text, at, strlen(at) + 1);
	return (int64_t)strlen(text);
}

int64_t sys_readlinkat(int fd, uint64_t path_gva, uint64_t to_gva, int size)
{
	struct target target;
	struct page *page;
	int64_t length;

	if (size <= 0)
		return -EINVAL;
	length = target_find(fd, path_gva, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH, &target);
	if (length)
		return length;
	page = page_alloc(0, 0);
	length = page ? link_text(&target, page_data(page), PAGE_BYTES) : -ENOMEM;
	if (length > size)
		length = size;
	if (length > 0 && user_write(to_gva, page_data(page), (size_t)length))
		length = -EFAULT;
	if (page)
		page_put(page);
	target_put(&target);
	return length;
}

int64_t sys_readlink(uint64_t path_gva, uint64_t to_gva, int size)
{
	return sys_readlinkat(AT_FDCWD, path_gva, to_gva, size);
}

/* SPDX-License-Identifier: MIT
 *
 * Changing modes, owners and times.
 */
#include "guest/fs/files.h"
#include "guest/fs/user_path.h"
#include "guest/mm/user.h"
#include "guest/proc/process.h"

/* Called by the dispatcher. */
int64_t sys_fchmodat2(int fd, uint64_t path_gva, uint32_t mode, uint32_t flags);
int64_t sys_fchmodat(int fd, uint64_t path_gva, uint32_t mode);
int64_t sys_chmod(uint64_t path_gva, uint32_t mode);
int64_t sys_fchmod(int fd, uint32_t mode);
int64_t sys_fchownat(int fd, uint64_t path_gva, uint32_t uid, uint32_t gid, uint32_t flags);
int64_t sys_chown(uint64_t path_gva, uint32_t uid, uint32_t gid);
int64_t sys_lchown(uint64_t path_gva, uint32_t uid, uint32_t gid);
int64_t sys_fchown(int fd, uint32_t uid, uint32_t gid);
int64_t sys_utimensat(int fd, uint64_t path_gva, uint64_t times_gva, uint32_t flags);
int64_t sys_futimesat(int fd, uint64_t path_gva, uint64_t times_gva);
int64_t sys_utimes(uint64_t path_gva, uint64_t times_gva);
int64_t sys_utime(uint64_t path_gva, uint64_t times_gva);

#define UTIME_NOW 0x3fffffff
#define UTIME_OMIT 0x3ffffffe
#define NS_PER_SECOND 1000000000

/* May the running process change what belongs to the owner? */
static int check_owner(const struct target *target)
{
	int error = mount_check_writable(target->path.mount);

	return error ? error : inode_is_owner(target->inode) ? 0 : -EPERM;
}

static int64_t change_mode(struct target *target, uint32_t mode)
{
	int error = check_owner(target);

	if (!error && (target->inode->mode & S_IFMT) == S_IFLNK)
		error = -EOPNOTSUPP;
	if (!error)
		error = inode_set_mode(target->inode, mode);
	target_put(target);
	return error;
}

int64_t sys_fchmodat2(int fd, uint64_t path_gva, uint32_t mode, uint32_t flags)
{
	struct target target;
	int error = flags & ~(uint32_t)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) ? -EINVAL : 0;

	if (!error)
		error = target_find(fd, path_gva, flags, &target);
	return error ? error : change_mode(&target, mode);
}

int64_t sys_fchmodat(int fd, uint64_t path_gva, uint32_t mode)
{
	return sys_fchmodat2(fd, path_gva, mode, 0);
}

int64_t sys_chmod(uint64_t path_gva, uint32_t mode)
{
	return sys_fchmodat2(AT_FDCWD, path_gva, mode, 0);
}

/* A target by descriptor, which must be open for more than its path. */
static int find_open(int fd, struct target *target)
{
	struct file *file = fd_get(fd);
	const bool is_path = file && (file->flags & O_PATH);

	if (file)
		file_put(file);
	return is_path ? -EBADF : target_of_fd(fd, target);
}

int64_t sys_fchmod(int fd, uint32_t mode)
{
	struct target target;
	int error = find_open(fd, &target);

	return error ? error : change_mode(&target, mode);
}

/* Only root gives files away; an owner may choose among his groups. */
static int check_new_owner(const struct inode *inode, uint32_t uid, uint32_t gid)
{
	const struct credentials *who = &process_this()->credentials;
	const bool in_group = gid == UINT32_MAX || gid == inode->gid || fs_in_group(gid);

	if (!who->fsuid)
		return 0;
	return who->fsuid == inode->uid && in_group && (uid == UINT32_MAX || uid == inode->uid)
		       ? 0
		       : -EPERM;
}

static int64_t change_owner(struct target *target, uint32_t uid, uint32_t gid)
{
	struct inode *inode = target->inode;
	int error = mount_check_writable(target->path.mount);

	mutex_lock(&inode->lock);
	if (!error)
		error = check_new_owner(inode, uid, gid);
	if (!error) {
		if (uid != UINT32_MAX)
			inode->uid = uid;
		if (gid != UINT32_MAX)
			inode->gid = gid;
		if ((inode->mode & S_IFMT) == S_IFREG && (inode->mode & 0111))
			inode->mode &= ~(uint32_t)(S_ISUID | (inode->mode & 010 ? S_ISGID : 0));
		inode_touch(inode, false);
	}
	mutex_unlock(&inode->lock);
	target_put(target);
	return error;
}

int64_t sys_fchownat(int fd, uint64_t path_gva, uint32_t uid, uint32_t gid, uint32_t flags)
{
	struct target target;
	int error = flags & ~(uint32_t)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) ? -EINVAL : 0;

	if (!error)
		error = target_find(fd, path_gva, flags, &target);
	return error ? error : change_owner(&target, uid, gid);
}

int64_t sys_chown(uint64_t path_gva, uint32_t uid, uint32_t gid)
{
	return sys_fchownat(AT_FDCWD, path_gva, uid, gid, 0);
}

int64_t sys_lchown(uint64_t path_gva, uint32_t uid, uint32_t gid)
{
	return sys_fchownat(AT_FDCWD, path_gva, uid, gid, AT_SYMLINK_NOFOLLOW);
}

int64_t sys_fchown(int fd, uint32_t uid, uint32_t gid)
{
	struct target target;
	int error = find_open(fd, &target);

	return error ? error : change_owner(&target, uid, gid);
}

static bool is_time(const struct time_spec *time)
{
	return time->nanoseconds == UTIME_NOW || time->nanoseconds == UTIME_OMIT ||
	       (time->nanoseconds >= 0 && time->nanoseconds < NS_PER_SECOND);
}

static void set_time(struct time_spec *to, const struct time_spec *from)
{
	if (from->nanoseconds == UTIME_NOW)
		*to = time_now();
	else if (from->nanoseconds != UTIME_OMIT)
		*to = *from;
}

/* Who may write may set both times to now, but to nothing else. */
static int check_times(const struct target *target, const struct time_spec times[2])
{
	const bool now = times[0].nanoseconds == UTIME_NOW && times[1].nanoseconds == UTIME_NOW;
	int error = mount_check_writable(target->path.mount);

	if (error)
		return error;
	if (!is_time(&times[0]) || !is_time(&times[1]))
		return -EINVAL;
	if (inode_is_owner(target->inode))
		return 0;
	return now ? inode_permission(target->inode, PERMIT_WRITE) : -EPERM;
}

static int64_t change_times(struct target *target, const struct time_spec times[2])
{
	struct inode *inode = target->inode;
	int error = check_times(target, times);

	if (!error) {
		mutex_lock(&inode->lock);
		set_time(&inode->atime, &times[0]);
		set_time(&inode->mtime, &times[1]);
		inode_touch(inode, false);
		mutex_unlock(&inode->lock);
	}
	target_put(target);
	return error;
}

static int64_t change_times_at(int fd, uint64_t path_gva, const struct time_spec times[2],
			       uint32_t flags)
{
	struct target target;
	int error = flags & ~(uint32_t)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) ? -EINVAL : 0;

	if (!error)
		error = path_gva ? target_find(fd, path_gva, flags, &target)
				 : find_open(fd, &target);
	return error ? error : change_times(&target, times);
}

int64_t sys_utimensat(int fd, uint64_t path_gva, uint64_t times_gva, uint32_t flags)
{
	struct time_spec times[2] = {{0, UTIME_NOW}, {0, UTIME_NOW}};

	if (times_gva && user_read(times, times_gva, sizeof(times)))
		return -EFAULT;
	return change_times_at(fd, path_gva, times, flags);
}

/* In microseconds. */
int64_t sys_futimesat(int fd, uint64_t path_gva, uint64_t times_gva)
{
	struct time_spec times[2] = {{0, UTIME_NOW}, {0, UTIME_NOW}};

	if (times_gva) {
		if (user_read(times, times_gva, sizeof(times)))
			return -EFAULT;
		for (int i = 0; i < 2; i++) {
			if (times[i].nanoseconds < 0 || times[i].nanoseconds >= 1000000)
				return -EINVAL;
			times[i].nanoseconds *= 1000;
		}
	}
	return change_times_at(fd, path_gva, times, 0);
}

int64_t sys_utimes(uint64_t path_gva, uint64_t times_gva)
{
	return sys_futimesat(AT_FDCWD, path_gva, times_gva);
}

/* In seconds. */
int64_t sys_utime(uint64_t path_gva, uint64_t times_gva)
{
	struct time_spec times[2] = {{0, UTIME_NOW}, {0, UTIME_NOW}};
	int64_t seconds[2];

	if (times_gva) {
		if (user_read(seconds, times_gva, sizeof(seconds)))
			return -EFAULT;
		times[0] = (struct time_spec){seconds[0], 0};
		times[1] = (struct time_spec){seconds[1], 0};
	}
	return change_times_at(AT_FDCWD, path_gva, times, 0);
}

/* SPDX-License-Identifier: MIT
 *
 * System calls that make, copy and close descriptors.
 */
#include "guest/fs/files.h"
#include "guest/fs/locks.h"
#include "guest/fs/pipe.h"
#include "guest/fs/user_path.h"
#include "guest/mm/user.h"
#include "guest/proc/process.h"

/* Called by the dispatcher. */
int64_t sys_openat(int fd, uint64_t path_gva, uint32_t flags, uint32_t mode);
int64_t sys_open(uint64_t path_gva, uint32_t flags, uint32_t mode);
int64_t sys_creat(uint64_t path_gva, uint32_t mode);
int64_t sys_close(int fd);
int64_t sys_close_range(uint32_t first, uint32_t last, uint32_t flags);
int64_t sys_dup(int fd);
int64_t sys_dup3(int fd, int to, uint32_t flags);
int64_t sys_dup2(int fd, int to);
int64_t sys_fcntl(int fd, uint32_t command, uint64_t argument);
int64_t sys_flock(int fd, uint32_t operation);
int64_t sys_pipe2(uint64_t fds_gva, uint32_t flags);
int64_t sys_pipe(uint64_t fds_gva);
int64_t sys_umask(uint32_t mask);

/* Linux's numbers. */
enum fcntl_command {
	F_DUPFD = 0,
	F_GETFD = 1,
	F_SETFD = 2,
	F_GETFL = 3,
	F_SETFL = 4,
	F_SETOWN = 8,
	F_GETOWN = 9,
	F_DUPFD_CLOEXEC = 1030,
	F_SETPIPE_SZ = 1031,
	F_GETPIPE_SZ = 1032
};
#define FD_CLOEXEC 1
#define CLOSE_RANGE_CLOEXEC 4
#define FLAGS_SETTABLE (O_APPEND | O_NONBLOCK | O_DIRECT | O_NOATIME)

int64_t sys_openat(int fd, uint64_t path_gva, uint32_t flags, uint32_t mode)
{
	struct user_path name;
	struct file *file;
	int error = user_path_read(&name, path_gva);

	if (error)
		return error;
	error = file_open(fd, name.text, flags, mode, &file);
	user_path_end(&name);
	return error ? error : fd_install(file, 0, flags & O_CLOEXEC);
}

int64_t sys_open(uint64_t path_gva, uint32_t flags, uint32_t mode)
{
	return sys_openat(AT_FDCWD, path_gva, flags, mode);
}

int64_t sys_creat(uint64_t path_gva, uint32_t mode)
{
	return sys_openat(AT_FDCWD, path_gva, O_CREAT | O_WRONLY | O_TRUNC, mode);
}

int64_t sys_close(int fd)
{
	return fd_close(fd);
}

int64_t sys_close_range(uint32_t first, uint32_t last, uint32_t flags)
{
	if (first > last || (flags & ~(uint32_t)CLOSE_RANGE_CLOEXEC))
		return -EINVAL;
	for (uint32_t fd = first; fd <= last && fd < FILES_MAX; fd++) {
		if (flags)
			fd_set_close_on_exec((int)fd, true);
		else
			fd_close((int)fd);
	}
	return 0;
}

int64_t sys_dup(int fd)
{
	struct file *file = fd_get(fd);

	return file ? fd_install(file, 0, false) : -EBADF;
}

int64_t sys_dup3(int fd, int to, uint32_t flags)
{
	struct file *file;

	if (fd == to || (flags & ~(uint32_t)O_CLOEXEC))
		return -EINVAL;
	file = fd_get(fd);
	return file ? fd_replace(file, to, flags) : -EBADF;
}

int64_t sys_dup2(int fd, int to)
{
	struct file *file;

	if (fd != to)
		return sys_dup3(fd, to, 0);
	file = fd_get(fd);
	if (!file)
		return -EBADF;
	file_put(file);
	return fd;
}

static int64_t duplicate(struct file *file, uint64_t lowest, bool close_on_exec)
{
	if (lowest >= FILES_MAX)
		return -EINVAL;
	return fd_install(file_get(file), (int)lowest, close_on_exec);
}

static int64_t get_close_on_exec(int fd)
{
	bool set = false;
	struct file *file = files_at(process_this()->files, fd, &set);

	if (!file)
		return -EBADF;
	file_put(file);
	return set ? FD_CLOEXEC : 0;
}

/* Who closed the descriptor meanwhile took locks away that weren't there yet. */
static void forget_if_closed(struct file *file, int fd)
{
	struct file *now = fd_get(fd);

	if (now != file)
		lock_forget_owner(file, process_this()->files);
	if (now)
		file_put(now);
}

static int64_t lock_by_fcntl(struct file *file, int fd, unsigned command, uint64_t request_gva)
{
	struct lock_request request;
	int error = user_read(&request, request_gva, sizeof(request));

	if (!error)
		error = lock_fcntl(file, command, &request);
	if (!error && (command == F_SETLK || command == F_SETLKW))
		forget_if_closed(file, fd);
	if (!error && (command == F_GETLK || command == F_OFD_GETLK))
		error = user_write(request_gva, &request, sizeof(request));
	return error;
}

static int64_t control(struct file *file, int fd, unsigned command, uint64_t argument)
{
	switch (command) {
	case F_DUPFD: return duplicate(file, argument, false);
	case F_DUPFD_CLOEXEC: return duplicate(file, argument, true);
	case F_GETFD: return get_close_on_exec(fd);
	case F_SETFD: return fd_set_close_on_exec(fd, argument & FD_CLOEXEC);
	case F_GETFL: return file->flags | O_LARGEFILE;
	case F_SETFL:
		file->flags = (file->flags & ~(uint32_t)FLAGS_SETTABLE) |
			      ((uint32_t)argument & FLAGS_SETTABLE);
		return 0;
	case F_GETOWN: return file->owner;
	case F_SETOWN: file->owner = (int32_t)argument; return 0;
	case F_GETPIPE_SZ: return pipe_is(file) ? PIPE_BYTES : -EBADF;
	case F_SETPIPE_SZ:
		if (!pipe_is(file))
			return -EBADF;
		return argument <= PIPE_BYTES ? PIPE_BYTES : -EPERM;
	case F_GETLK:
	case F_SETLK:
	case F_SETLKW:
	case F_OFD_GETLK:
	case F_OFD_SETLK:
	case F_OFD_SETLKW: return lock_by_fcntl(file, fd, command, argument);
	default: return -EINVAL;
	}
}

int64_t sys_fcntl(int fd, uint32_t command, uint64_t argument)
{
	struct file *file = fd_get(fd);
	int64_t result;

	if (!file)
		return -EBADF;
	result = (file->flags & O_PATH) && command > F_GETFL && command != F_DUPFD_CLOEXEC
			 ? -EBADF
			 : control(file, fd, command, argument);
	file_put(file);
	return result;
}

int64_t sys_flock(int fd, uint32_t operation)
{
	struct file *file = fd_get(fd);
	int64_t result;

	if (!file)
		return -EBADF;
	result = lock_flock(file, operation);
	file_put(file);
	return result;
}

int64_t sys_pipe2(uint64_t fds_gva, uint32_t flags)
{
	struct file *reader, *writer;
	int32_t fds[2];
	int error;

	if (flags & ~(uint32_t)(O_CLOEXEC | O_NONBLOCK | O_DIRECT))
		return -EINVAL;
	error = pipe_create(flags & O_NONBLOCK, &reader, &writer);
	if (error)
		return error;
	fds[0] = fd_install(reader, 0, flags & O_CLOEXEC);
	if (fds[0] < 0) {
		file_put(writer);
		return fds[0];
	}
	fds[1] = fd_install(writer, 0, flags & O_CLOEXEC);
	if (fds[1] < 0) {
		fd_close(fds[0]);
		return fds[1];
	}
	error = user_write(fds_gva, fds, sizeof(fds));
	if (error) {
		fd_close(fds[0]);
		fd_close(fds[1]);
	}
	return error;
}

int64_t sys_pipe(uint64_t fds_gva)
{
	return sys_pipe2(fds_gva, 0);
}

int64_t sys_umask(uint32_t mask)
{
	struct place *place = process_this()->place;

	return __atomic_exchange_n(&place->umask, mask & 0777, __ATOMIC_RELAXED);
}

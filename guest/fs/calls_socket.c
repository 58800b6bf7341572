/* SPDX-License-Identifier: MIT
 *
 * System calls that make sockets and connect them, whatever their family.
 */
#include "guest/fs/calls_socket.h"

#include "guest/fs/files.h"
#include "guest/fs/socket.h"
#include "guest/mm/user.h"
#include "guest/net/inet.h"

/* Called by the dispatcher. */
int64_t sys_socket(int family, uint32_t type, int protocol);
int64_t sys_socketpair(int family, uint32_t type, int protocol, uint64_t fds_gva);
int64_t sys_bind(int fd, uint64_t name_gva, uint32_t length);
int64_t sys_listen(int fd, int backlog);
int64_t sys_connect(int fd, uint64_t name_gva, uint32_t length);
int64_t sys_accept4(int fd, uint64_t name_gva, uint64_t length_gva, uint32_t flags);
int64_t sys_accept(int fd, uint64_t name_gva, uint64_t length_gva);
int64_t sys_shutdown(int fd, int how);
int64_t sys_getsockname(int fd, uint64_t name_gva, uint64_t length_gva);
int64_t sys_getpeername(int fd, uint64_t name_gva, uint64_t length_gva);
int64_t sys_setsockopt(int fd, int level, int option, uint64_t value_gva, uint32_t length);
int64_t sys_getsockopt(int fd, int level, int option, uint64_t value_gva, uint64_t length_gva);

#define FAMILY_BYTES 2
#define BACKLOG_MAX 4096
#define SOCK_FLAGS ((uint32_t)(SOCK_NONBLOCK | SOCK_CLOEXEC))
#define SOCK_TYPE_MAX 10 /* that any family has */

struct file *socket_file(int fd, int *error)
{
	struct file *file = fd_get(fd);

	*error = file ? 0 : -EBADF;
	if (file && !file->operations->socket) {
		*error = -ENOTSOCK;
		file_put(file);
		file = NULL;
	}
	return file;
}

int socket_name_read(struct socket_name *name, uint64_t gva, uint32_t length)
{
	*name = (struct socket_name){.length = length};
	if (length < FAMILY_BYTES || length > FAMILY_BYTES + SOCKET_PATH_MAX)
		return -EINVAL;
	return user_read(&name->address, gva, length);
}

int socket_name_write(const struct socket_name *name, enum socket_family family, uint64_t gva,
		      uint64_t length_gva)
{
	const struct socket_name none = {.address.family = family, .length = FAMILY_BYTES};
	int32_t room, length;

	if (!name->length)
		name = &none;
	if (user_read(&room, length_gva, sizeof(room)))
		return -EFAULT;
	if (room < 0)
		return -EINVAL;
	length = (int32_t)name->length;
	if (user_write(gva, &name->address, (size_t)(room < length ? room : length)))
		return -EFAULT;
	return user_write(length_gva, &length, sizeof(length));
}

int socket_give_option(uint64_t value_gva, uint64_t length_gva, const void *value, uint32_t bytes)
{
	uint32_t room;

	if (user_read(&room, length_gva, sizeof(room)))
		return -EFAULT;
	if (room > INT32_MAX)
		return -EINVAL;
	if (room > bytes)
		room = bytes;
	if (user_write(value_gva, value, room))
		return -EFAULT;
	return user_write(length_gva, &room, sizeof(room));
}

static int create(int family, uint32_t type, int protocol, struct file **file)
{
	const uint32_t kind = type & ~SOCK_FLAGS;

	if (family != AF_UNIX && family != AF_INET)
		return -EAFNOSUPPORT;
	if (kind > SOCK_TYPE_MAX)
		return -EINVAL;
	return family == AF_UNIX ? socket_unix_create(kind, protocol, type, file)
				 : inet_create(kind, protocol, type, file);
}

int64_t sys_socket(int family, uint32_t type, int protocol)
{
	struct file *file;
	const int error = create(family, type, protocol, &file);

	return error ? error : fd_install(file, 0, type & SOCK_CLOEXEC);
}

/* Two files of a pair get descriptors, or none. */
static int64_t install_pair(struct file *files[2], uint32_t type, uint64_t fds_gva)
{
	int32_t fds[2];
	int error;

	fds[0] = fd_install(files[0], 0, type & SOCK_CLOEXEC);
	if (fds[0] < 0) {
		file_put(files[1]);
		return fds[0];
	}
	fds[1] = fd_install(files[1], 0, type & SOCK_CLOEXEC);
	error = fds[1] < 0 ? fds[1] : user_write(fds_gva, fds, sizeof(fds));
	if (error) {
		fd_close(fds[0]);
		if (fds[1] >= 0)
			fd_close(fds[1]);
	}
	return error;
}

int64_t sys_socketpair(int family, uint32_t type, int protocol, uint64_t fds_gva)
{
	struct file *files[2];

	if (family == AF_INET)
		return -EOPNOTSUPP;
	for (int i = 0; i < 2; i++) {
		const int error = create(family, type, protocol, &files[i]);

		if (error) {
			if (i)
				file_put(files[0]);
			return error;
		}
	}
	socket_join(files[0]->private, files[1]->private);
	return install_pair(files, type, fds_gva);
}

/* bind() and connect(). */
static int64_t with_name(int fd, uint64_t name_gva, uint32_t length, bool connects)
{
	struct socket_name name;
	int error;
	struct file *file = socket_file(fd, &error);

	if (!file)
		return error;
	error = socket_name_read(&name, name_gva, length);
	if (!error)
		error = connects ? file->operations->socket->connect(file, &name)
				 : file->operations->socket->bind(file, &name);
	file_put(file);
	return error;
}

int64_t sys_bind(int fd, uint64_t name_gva, uint32_t length)
{
	return with_name(fd, name_gva, length, false);
}

int64_t sys_connect(int fd, uint64_t name_gva, uint32_t length)
{
	return with_name(fd, name_gva, length, true);
}

int64_t sys_listen(int fd, int backlog)
{
	const unsigned count = backlog < 0 || backlog > BACKLOG_MAX ? BACKLOG_MAX
								    : (unsigned)backlog;
	int error;
	struct file *file = socket_file(fd, &error);

	if (!file)
		return error;
	error = file->operations->socket->listen(file, count);
	file_put(file);
	return error;
}

int64_t sys_accept4(int fd, uint64_t name_gva, uint64_t length_gva, uint32_t flags)
{
	struct socket_name name;
	struct file *accepted;
	int error;
	struct file *file = socket_file(fd, &error);

	if (!file)
		return error;
	if (flags & ~SOCK_FLAGS)
		error = -EINVAL;
	if (!error)
		error = file->operations->socket->accept(file, flags, &accepted, &name);
	if (!error && name_gva) {
		error = socket_name_write(&name, file->operations->socket->family, name_gva,
					  length_gva);
		if (error)
			file_put(accepted);
	}
	file_put(file);
	return error ? error : fd_install(accepted, 0, flags & SOCK_CLOEXEC);
}

int64_t sys_accept(int fd, uint64_t name_gva, uint64_t length_gva)
{
	return sys_accept4(fd, name_gva, length_gva, 0);
}

int64_t sys_shutdown(int fd, int how)
{
	int error;
	struct file *file = socket_file(fd, &error);

	if (!file)
		return error;
	error = how < 0 || how > 2 ? -EINVAL
				   : file->operations->socket->shutdown(file, how != 1, how != 0);
	file_put(file);
	return error;
}

static int64_t give_name(int fd, uint64_t name_gva, uint64_t length_gva, bool of_peer)
{
	struct socket_name name;
	int error;
	struct file *file = socket_file(fd, &error);

	if (!file)
		return error;
	error = file->operations->socket->name(file, of_peer, &name);
	if (!error)
		error = socket_name_write(&name, file->operations->socket->family, name_gva,
					  length_gva);
	file_put(file);
	return error;
}

int64_t sys_getsockname(int fd, uint64_t name_gva, uint64_t length_gva)
{
	return give_name(fd, name_gva, length_gva, false);
}

int64_t sys_getpeername(int fd, uint64_t name_gva, uint64_t length_gva)
{
	return give_name(fd, name_gva, length_gva, true);
}

int64_t sys_setsockopt(int fd, int level, int option, uint64_t value_gva, uint32_t length)
{
	int error;
	struct file *file = socket_file(fd, &error);

	if (!file)
		return error;
	error = file->operations->socket->set_option(file, level, option, value_gva, length);
	file_put(file);
	return error;
}

int64_t sys_getsockopt(int fd, int level, int option, uint64_t value_gva, uint64_t length_gva)
{
	int error;
	struct file *file = socket_file(fd, &error);

	if (!file)
		return error;
	error = file->operations->socket->get_option(file, level, option, value_gva, length_gva);
	file_put(file);
	return error;
}

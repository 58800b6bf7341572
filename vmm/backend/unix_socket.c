/* SPDX-License-Identifier: MIT
 *
 * Unix stream sockets by path. See unix_socket.h.
 */
#include "backend/unix_socket.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

_Static_assert(sizeof(((struct sockaddr_un *)0)->sun_path) == UNIX_SOCKET_PATH_BYTES, "unix(7)");

static int make_address(const char *path, struct sockaddr_un *addr)
{
	*addr = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (!path[0] || strlen(path) >= sizeof(addr->sun_path))
		return -ENAMETOOLONG;
	memcpy(addr->sun_path, path, strlen(path) + 1);
	return 0;
}

static int make_socket(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	return fd < 0 ? -errno : fd;
}

/* Binds, taking over a socket that nobody listens on any more; a live one is an error. */
static int bind_socket(int fd, const struct sockaddr_un *addr)
{
	const struct sockaddr *generic = (const struct sockaddr *)addr;
	struct stat st;
	int probe;

	if (bind(fd, generic, sizeof(*addr)) == 0)
		return 0;
	if (errno != EADDRINUSE)
		return -errno;
	if (stat(addr->sun_path, &st) < 0 || !S_ISSOCK(st.st_mode))
		return -EEXIST;
	probe = unix_socket_connect(addr->sun_path);
	if (probe >= 0)
		close(probe);
	if (probe != -ECONNREFUSED)
		return -EADDRINUSE;
	unlink(addr->sun_path);
	return bind(fd, generic, sizeof(*addr)) == 0 ? 0 : -errno;
}

int unix_socket_listen(const char *path, int backlog)
{
	struct sockaddr_un addr;
	int err = make_address(path, &addr);
	int fd = err ? err : make_socket();

	if (fd < 0)
		return fd;
	err = bind_socket(fd, &addr);
	if (!err && listen(fd, backlog) < 0)
		err = -errno;
	if (!err)
		return fd;
	close(fd);
	return err;
}

int unix_socket_accept(int listen_fd)
{
	int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	return fd < 0 ? -errno : fd;
}

int unix_socket_connect(const char *path)
{
	struct sockaddr_un addr;
	int err = make_address(path, &addr);
	int fd = err ? err : make_socket();

	if (fd < 0)
		return fd;
	if (connect(fd, (const struct sockaddr *)&addr, sizeof(addr)) == 0)
		return fd;
	err = -errno;
	close(fd);
	return err;
}

/* SPDX-License-Identifier: MIT
 *
 * unix:PATH and tcp:PORT. A debugger can do anything to the guest: TCP is bound to 127.0.0.1, and the
 * Unix socket belongs to the user alone.
 */
#include "gdb/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define WAIT_WORD ",wait"

static int complain(const char *spec, int error, const char *why, char *err, size_t err_size)
{
	snprintf(err, err_size, "--gdb %s: %s", spec, why);
	return error;
}

static int open_socket(int family, const struct sockaddr *address, socklen_t size)
{
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int yes = 1;
	int error;

	if (fd < 0)
		return -errno;
	if (family == AF_INET)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	else
		fchmod(fd, S_IRUSR | S_IWUSR); /* the socket file gets this mode at bind() */
	if (bind(fd, address, size) == 0 && listen(fd, 1) == 0)
		return fd;
	error = -errno;
	close(fd);
	return error;
}

/* A socket file that nobody listens on is left over from a VMM that was killed. */
static bool is_abandoned(const struct sockaddr_un *address)
{
	struct stat st;
	bool refused;
	int fd;

	if (stat(address->sun_path, &st) < 0 || !S_ISSOCK(st.st_mode))
		return false;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	refused = fd >= 0 && connect(fd, (const struct sockaddr *)address, sizeof(*address)) < 0 &&
		  errno == ECONNREFUSED;
	if (fd >= 0)
		close(fd);
	return refused;
}

static int listen_unix(const char *path, struct gdb_listener *listener)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	memcpy(address.sun_path, path, strlen(path) + 1);
	listener->fd = open_socket(AF_UNIX, (struct sockaddr *)&address, sizeof(address));
	if (listener->fd == -EADDRINUSE && is_abandoned(&address)) {
		unlink(path);
		listener->fd = open_socket(AF_UNIX, (struct sockaddr *)&address, sizeof(address));
	}
	if (listener->fd < 0)
		return listener->fd;
	memcpy(listener->path, address.sun_path, sizeof(listener->path));
	memcpy(listener->remote, address.sun_path, sizeof(listener->remote));
	return 0;
}

static int listen_tcp(uint16_t port, struct gdb_listener *listener)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_port = htons(port),
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(address);

	listener->fd = open_socket(AF_INET, (struct sockaddr *)&address, sizeof(address));
	if (listener->fd < 0)
		return listener->fd;
	/* Port 0 means any: say which it has become. */
	getsockname(listener->fd, (struct sockaddr *)&address, &size);
	snprintf(listener->remote, sizeof(listener->remote), "127.0.0.1:%u",
		 ntohs(address.sin_port));
	return 0;
}

static bool parse_port(const char *text, uint16_t *port)
{
	char *end;
	unsigned long value;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	value = strtoul(text, &end, 10);
	*port = (uint16_t)value;
	return !errno && !*end && value <= UINT16_MAX;
}

static int open_place(const char *spec, const char *place, struct gdb_listener *listener, char *err,
		      size_t err_size)
{
	bool is_unix = strncmp(place, "unix:", 5) == 0;
	uint16_t port;
	int error;

	if (is_unix && (!place[5] || strlen(place + 5) >= sizeof(listener->path)))
		return complain(spec, -EINVAL, "the path must have 1 to 107 characters", err,
				err_size);
	if (is_unix)
		error = listen_unix(place + 5, listener);
	else if (strncmp(place, "tcp:", 4) != 0)
		return complain(spec, -EINVAL, "must be unix:PATH or tcp:PORT, then ,wait or not",
				err, err_size);
	else if (!parse_port(place + 4, &port))
		return complain(spec, -EINVAL, "the port must be a number up to 65535", err,
				err_size);
	else
		error = listen_tcp(port, listener);
	if (error == -EADDRINUSE)
		return complain(spec, error,
				is_unix ? "the path exists already; remove it or take another one"
					: "the port is in use; take another one, or tcp:0 for any",
				err, err_size);
	return error ? complain(spec, error, strerror(-error), err, err_size) : 0;
}

int gdb_listen(const char *spec, struct gdb_listener *listener, char *err, size_t err_size)
{
	char place[256];
	size_t length = strlen(spec);
	const size_t wait_length = strlen(WAIT_WORD);

	*listener = (struct gdb_listener){.fd = -1};
	if (length >= wait_length && strcmp(spec + length - wait_length, WAIT_WORD) == 0) {
		listener->wait = true;
		length -= wait_length;
	}
	if (length >= sizeof(place))
		return complain("…", -EINVAL, "the text is too long", err, err_size);
	memcpy(place, spec, length);
	place[length] = '\0';
	return open_place(spec, place, listener, err, err_size);
}

void gdb_listener_close(struct gdb_listener *listener)
{
	if (listener->fd >= 0)
		close(listener->fd);
	if (listener->path[0])
		unlink(listener->path);
}

/* SPDX-License-Identifier: MIT
 *
 * virtio-vsock towards the host: who connects to PATH and says "CONNECT P\n", and PATH_P where the guest connects.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "loop/loop.h"
#include "virtio/vsock_internal.h"

#define FIRST_HOST_PORT (1u << 30) /* far from those that programs listen on */

int vsock_host_connect(const struct vsock *vsock, uint32_t port)
{
	char path[UNIX_SOCKET_PATH_BYTES];

	snprintf(path, sizeof(path), "%s_%u", vsock->options->path, port);
	return unix_socket_connect(path);
}

/* There are far more ports than connections. */
static uint32_t free_port(struct vsock *vsock, uint32_t guest_port)
{
	uint32_t port;

	do
		port = FIRST_HOST_PORT + (vsock->next_port++ & (FIRST_HOST_PORT - 1));
	while (vsock_conn_find(vsock, port, guest_port));
	return port;
}

/* "CONNECT 52": nothing before it, nothing behind the number. */
static bool parse_line(const char *line, uint32_t *port)
{
	static const char verb[] = "CONNECT ";
	char *end;
	unsigned long number;

	if (strncmp(line, verb, sizeof(verb) - 1) != 0 || line[sizeof(verb) - 1] < '0' ||
	    line[sizeof(verb) - 1] > '9')
		return false;
	errno = 0;
	number = strtoul(line + sizeof(verb) - 1, &end, 10);
	*port = (uint32_t)number;
	return !*end && !errno && number <= UINT32_MAX;
}

/* Takes the line and nothing behind it: what follows is for the guest. */
void vsock_host_handshake(struct vsock_conn *conn)
{
	char line[VSOCK_LINE_BYTES + 1];
	ssize_t got = recv(conn->fd, line, VSOCK_LINE_BYTES, MSG_PEEK | MSG_DONTWAIT);
	char *end;

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	line[got > 0 ? got : 0] = '\0';
	end = strchr(line, '\n');
	if (!end && got > 0 && got < VSOCK_LINE_BYTES && !conn->hung_up)
		return; /* the rest is still to come */
	if (end)
		*end = '\0';
	if (!end || !parse_line(line, &conn->guest_port) ||
	    recv(conn->fd, line, (size_t)(end + 1 - line), MSG_DONTWAIT) != end + 1 - line) {
		vsock_conn_kill(conn);
		return;
	}
	conn->host_port = free_port(conn->vsock, conn->guest_port);
	conn->state = VSOCK_REQUESTED;
	conn->pending = 1 << VSOCK_OP_REQUEST;
	conn->readable = true;
	vsock_kick_receive(conn->vsock);
}

static void client_waits(void *ctx, uint32_t events)
{
	struct vsock *vsock = ctx;
	int fd = unix_socket_accept(vsock->options->listen_fd);

	(void)events;
	if (fd >= 0)
		vsock_conn_add(vsock, fd, VSOCK_HANDSHAKE);
}

int vsock_host_listen(struct vsock *vsock)
{
	return loop_add_fd(vsock->loop, vsock->options->listen_fd, EPOLLIN, client_waits, vsock);
}

void vsock_host_close(struct vsock *vsock)
{
	loop_remove_fd(vsock->loop, vsock->options->listen_fd);
}

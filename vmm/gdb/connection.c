/* SPDX-License-Identifier: MIT
 *
 * Sockets and buffers. See connection.h.
 */
#include "gdb/connection.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define DRAIN_LIMIT_MS 500

static void send_bytes(void *ctx, const void *bytes, size_t length)
{
	struct gdb_connection *connection = ctx;

	if (length > sizeof(connection->output) - connection->output_end) {
		connection->broken = true; /* unreachable: input waits for output */
		return;
	}
	memcpy(connection->output + connection->output_end, bytes, length);
	connection->output_end += length;
}

static void flush(struct gdb_connection *connection)
{
	while (!connection->broken && connection->output_at < connection->output_end) {
		ssize_t sent = send(connection->fd, connection->output + connection->output_at,
				    connection->output_end - connection->output_at, MSG_NOSIGNAL);

		if (sent < 0 && errno == EAGAIN)
			return;
		if (sent < 0)
			connection->broken = errno != EINTR;
		else
			connection->output_at += (size_t)sent;
	}
	connection->output_at = connection->output_end = 0;
}

static void take_input(struct gdb_connection *connection)
{
	while (connection->input_at < connection->input_end && !connection->output_end) {
		gdb_session_push(&connection->session, connection->input[connection->input_at++]);
		flush(connection);
	}
}

static void receive(struct gdb_connection *connection)
{
	ssize_t length = recv(connection->fd, connection->input, sizeof(connection->input), 0);

	if (length == 0 || (length < 0 && errno != EAGAIN && errno != EINTR)) {
		connection->broken = true;
		return;
	}
	connection->input_at = 0;
	connection->input_end = length > 0 ? (size_t)length : 0;
}

static void disconnect(struct gdb_connection *connection)
{
	gdb_session_detach(&connection->session);
	loop_remove_fd(connection->loop, connection->fd);
	close(connection->fd);
	connection->fd = -1;
	connection->input_at = connection->input_end = 0;
	connection->output_at = connection->output_end = 0;
}

void gdb_connection_update(struct gdb_connection *connection)
{
	bool output_waits;

	if (connection->fd < 0)
		return;
	flush(connection);
	take_input(connection);
	output_waits = connection->output_end > 0;
	if (connection->broken || (connection->session.closing && !output_waits))
		disconnect(connection);
	else
		loop_modify_fd(connection->loop, connection->fd, output_waits ? EPOLLOUT : EPOLLIN);
}

static void client_ready(void *ctx, uint32_t events)
{
	struct gdb_connection *connection = ctx;

	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR) &&
	    connection->input_at == connection->input_end)
		receive(connection);
	else if (events & (EPOLLHUP | EPOLLERR))
		connection->broken = true;
	gdb_connection_update(connection);
}

/* A second gdb is turned away: there is one set of breakpoints. */
static void somebody_connects(void *ctx, uint32_t events)
{
	struct gdb_connection *connection = ctx;
	int fd = accept4(connection->listener.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	int yes = 1;

	(void)events;
	if (fd < 0)
		return;
	if (connection->fd >= 0 ||
	    loop_add_fd(connection->loop, fd, EPOLLIN, client_ready, connection) < 0) {
		close(fd);
		return;
	}
	if (!connection->listener.path[0])
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
	connection->fd = fd;
	connection->broken = false;
	connection->was_attached = true;
	gdb_session_attach(&connection->session);
}

int gdb_connection_open(struct gdb_connection *connection, const char *spec, struct loop *loop,
			char *err, size_t err_size)
{
	int error;

	connection->loop = loop;
	connection->fd = -1;
	gdb_session_init(&connection->session, send_bytes, connection);
	error = gdb_listen(spec, &connection->listener, err, err_size);
	if (!error) {
		error = loop_add_fd(loop, connection->listener.fd, EPOLLIN, somebody_connects,
				    connection);
		if (error)
			snprintf(err, err_size, "--gdb: %s", strerror(-error));
	}
	return error;
}

void gdb_connection_close(struct gdb_connection *connection)
{
	if (connection->fd >= 0)
		disconnect(connection);
	if (connection->listener.fd >= 0)
		loop_remove_fd(connection->loop, connection->listener.fd);
	gdb_listener_close(&connection->listener);
	gdb_session_destroy(&connection->session);
}

void gdb_connection_drain(struct gdb_connection *connection)
{
	struct pollfd waiting = {.fd = connection->fd, .events = POLLOUT};

	if (connection->fd < 0)
		return;
	flush(connection);
	while (!connection->broken && connection->output_end &&
	       poll(&waiting, 1, DRAIN_LIMIT_MS) > 0)
		flush(connection);
}

/* SPDX-License-Identifier: MIT
 *
 * System calls that make sockets and connect them.
 */
#include "guest/fs/calls_socket.h"

#include "guest/fs/files.h"
#include "guest/lib/string.h"
#include "guest/mm/user.h"
#include "guest/proc/process.h"

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
#define SOL_SOCKET 1
#define SOCK_TYPE_MAX 10 /* that any family has */

enum socket_option { /* Linux's numbers */
		     SO_REUSEADDR = 2,
		     SO_TYPE = 3,
		     SO_ERROR = 4,
		     SO_BROADCAST = 6,
		     SO_SNDBUF = 7,
		     SO_RCVBUF = 8,
		     SO_KEEPALIVE = 9,
		     SO_PASSCRED = 16,
		     SO_PEERCRED = 17,
		     SO_ACCEPTCONN = 30,
		     SO_PROTOCOL = 38,
		     SO_DOMAIN = 39
};

struct file *socket_file(int fd, struct socket **socket, int *error)
{
	struct file *file = fd_get(fd);

	*error = file ? 0 : -EBADF;
	*socket = file ? socket_of(file) : NULL;
	if (file && !*socket) {
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
	if (user_read(&name->address, gva, length))
		return -EFAULT;
	if (name->address.family != AF_UNIX)
		return -EAFNOSUPPORT;
	if (name->address.path[0]) /* up to its NUL, which counts */
		name->length = FAMILY_BYTES + (uint32_t)strlen(name->address.path) + 1;
	return 0;
}

int socket_name_write(const struct socket_name *name, uint64_t gva, uint64_t length_gva)
{
	static const struct socket_name none = {.address.family = AF_UNIX, .length = FAMILY_BYTES};
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

static int check_type(int family, uint32_t type, int protocol)
{
	const uint32_t kind = type & ~(uint32_t)(SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (family != AF_UNIX)
		return -EAFNOSUPPORT;
	if (kind != SOCK_STREAM && kind != SOCK_DGRAM && kind != SOCK_SEQPACKET)
		return kind > SOCK_TYPE_MAX ? -EINVAL : -ESOCKTNOSUPPORT;
	return protocol && protocol != AF_UNIX ? -EPROTONOSUPPORT : (int)kind;
}

int64_t sys_socket(int family, uint32_t type, int protocol)
{
	const int kind = check_type(family, type, protocol);
	struct socket *socket;
	struct file *file;
	int error;

	if (kind < 0)
		return kind;
	socket = socket_create((enum socket_type)kind);
	if (!socket)
		return -ENOMEM;
	error = socket_open(socket, type, &file);
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
	const int kind = check_type(family, type, protocol);
	struct file *files[2];
	int error;

	if (kind < 0)
		return kind;
	for (int i = 0; i < 2; i++) {
		struct socket *socket = socket_create((enum socket_type)kind);

		error = socket ? socket_open(socket, type, &files[i]) : -ENOMEM;
		if (error) {
			if (i)
				file_put(files[0]);
			return error;
		}
	}
	socket_join(files[0]->private, files[1]->private);
	return install_pair(files, type, fds_gva);
}

int64_t sys_bind(int fd, uint64_t name_gva, uint32_t length)
{
	struct socket *socket;
	struct socket_name name;
	int error;
	struct file *file = socket_file(fd, &socket, &error);

	if (!file)
		return error;
	error = socket_name_read(&name, name_gva, length);
	if (!error)
		error = socket_bind(socket, &name);
	file_put(file);
	return error;
}

int64_t sys_listen(int fd, int backlog)
{
	struct socket *socket;
	int error;
	struct file *file = socket_file(fd, &socket, &error);

	if (!file)
		return error;
	mutex_lock(&socket->lock);
	if (socket->type == SOCK_DGRAM)
		error = -EOPNOTSUPP;
	else if (!socket->name.length || socket->was_connected)
		error = -EINVAL;
	else {
		socket->is_listening = true;
		socket->backlog_max = backlog < 0 || backlog > BACKLOG_MAX ? BACKLOG_MAX
									   : (unsigned)backlog + 1;
	}
	mutex_unlock(&socket->lock);
	waitq_wake(&socket->room);
	file_put(file);
	return error;
}

/* Puts the server's end into the backlog: 0, -EAGAIN: full, -ECONNREFUSED. */
static int enter_backlog(struct socket *listener, struct socket *client, struct socket *server)
{
	int error = 0;

	mutex_lock(&listener->lock);
	if (!listener->is_listening || listener->dead || listener->no_more_in)
		error = -ECONNREFUSED;
	else if (listener->backlog_count >= listener->backlog_max)
		error = -EAGAIN;
	else if (!socket_join(client, server))
		error = -EISCONN;
	else {
		list_add_last(&listener->backlog, &server->in_backlog);
		listener->backlog_count++;
	}
	mutex_unlock(&listener->lock);
	if (!error)
		waitq_wake(&listener->changed);
	return error;
}

static int connect_stream(struct socket *client, struct socket *listener, bool waits)
{
	struct socket *server;
	int error;

	if (client->was_connected)
		return -EISCONN;
	if (client->is_listening)
		return -EINVAL;
	if (listener->type != client->type)
		return -EPROTOTYPE;
	server = socket_create(client->type);
	if (!server)
		return -ENOMEM;
	server->name = listener->name;
	server->owner = listener->owner;
	while ((error = enter_backlog(listener, client, server)) == -EAGAIN && waits) {
		error = wait_until(&listener->room,
				   listener->dead ||
					   listener->backlog_count < listener->backlog_max);
		if (error)
			break;
	}
	if (error)
		socket_put(server);
	return error;
}

/* A datagram socket's peer is only who it sends to. */
static int connect_datagrams(struct socket *socket, struct socket *to)
{
	struct socket *old;

	if (to && to->type != SOCK_DGRAM)
		return -EPROTOTYPE;
	const uint64_t flags = spin_lock(&socket_lock);

	old = socket->peer;
	socket->peer = to ? socket_get(to) : NULL;
	socket->was_connected = to;
	spin_unlock(&socket_lock, flags);
	if (old)
		socket_put(old);
	return 0;
}

static int connect_to(struct socket *socket, const struct socket_name *name, bool waits)
{
	struct socket *to;
	int error = socket_find(name, &to);

	if (error)
		return error;
	error = socket->type == SOCK_DGRAM ? connect_datagrams(socket, to)
					   : connect_stream(socket, to, waits);
	socket_put(to);
	return error;
}

int64_t sys_connect(int fd, uint64_t name_gva, uint32_t length)
{
	struct socket *socket;
	struct socket_name name;
	uint16_t family = AF_UNIX;
	int error;
	struct file *file = socket_file(fd, &socket, &error);

	if (!file)
		return error;
	if (length >= FAMILY_BYTES && user_read(&family, name_gva, sizeof(family)))
		error = -EFAULT;
	else if (!family && socket->type == SOCK_DGRAM) /* AF_UNSPEC: no peer any more */
		error = connect_datagrams(socket, NULL);
	else {
		error = socket_name_read(&name, name_gva, length);
		if (!error)
			error = connect_to(socket, &name, !(file->flags & O_NONBLOCK));
	}
	file_put(file);
	return error;
}

static struct socket *pop_backlog(struct socket *listener)
{
	struct list *link;

	mutex_lock(&listener->lock);
	link = list_pop(&listener->backlog);
	if (link)
		listener->backlog_count--;
	mutex_unlock(&listener->lock);
	if (link)
		waitq_wake(&listener->room);
	return link ? container_of(link, struct socket, in_backlog) : NULL;
}

static int accept_one(const struct file *file, struct socket *listener, struct socket **accepted)
{
	if (listener->type == SOCK_DGRAM)
		return -EOPNOTSUPP;
	if (!listener->is_listening)
		return -EINVAL;
	while (!(*accepted = pop_backlog(listener))) {
		if (file->flags & O_NONBLOCK)
			return -EAGAIN;
		const int error = wait_until(&listener->changed,
					     !list_is_empty(&listener->backlog) ||
						     listener->no_more_in);

		if (error)
			return error;
		if (listener->no_more_in)
			return -EINVAL;
	}
	return 0;
}

static void read_peer_name(struct socket *socket, struct socket_name *name)
{
	struct socket *peer = socket_peer(socket);

	*name = (struct socket_name){.length = 0};
	if (peer) {
		*name = peer->name;
		socket_put(peer);
	}
}

int64_t sys_accept4(int fd, uint64_t name_gva, uint64_t length_gva, uint32_t flags)
{
	struct socket *listener, *accepted;
	struct socket_name name;
	struct file *made;
	int error;
	struct file *file = socket_file(fd, &listener, &error);

	if (!file)
		return error;
	if (flags & ~(uint32_t)(SOCK_NONBLOCK | SOCK_CLOEXEC))
		error = -EINVAL;
	if (!error)
		error = accept_one(file, listener, &accepted);
	file_put(file);
	if (error)
		return error;
	read_peer_name(accepted, &name);
	error = socket_open(accepted, flags, &made);
	if (!error && name_gva) {
		error = socket_name_write(&name, name_gva, length_gva);
		if (error)
			file_put(made);
	}
	return error ? error : fd_install(made, 0, flags & SOCK_CLOEXEC);
}

int64_t sys_accept(int fd, uint64_t name_gva, uint64_t length_gva)
{
	return sys_accept4(fd, name_gva, length_gva, 0);
}

int64_t sys_shutdown(int fd, int how)
{
	struct socket *socket, *peer;
	int error;
	struct file *file = socket_file(fd, &socket, &error);

	if (!file)
		return error;
	if (how < 0 || how > 2) {
		file_put(file);
		return -EINVAL;
	}
	peer = socket_peer(socket);
	if (!peer && !socket->is_listening) {
		error = socket->was_connected ? 0 : -ENOTCONN;
	} else {
		socket->no_more_in |= how != 1;
		socket->no_more_out |= how != 0;
		if (peer && socket->type != SOCK_DGRAM) {
			peer->no_more_out |= how != 1;
			peer->no_more_in |= how != 0;
		}
		waitq_wake(&socket->changed);
		waitq_wake(&socket->room);
	}
	if (peer) {
		waitq_wake(&peer->changed);
		waitq_wake(&peer->room);
		socket_put(peer);
	}
	file_put(file);
	return error;
}

static int64_t give_name(int fd, uint64_t name_gva, uint64_t length_gva, bool of_peer)
{
	struct socket *socket;
	struct socket_name name;
	int error;
	struct file *file = socket_file(fd, &socket, &error);

	if (!file)
		return error;
	if (of_peer && !socket->was_connected)
		error = -ENOTCONN;
	else if (of_peer)
		read_peer_name(socket, &name);
	else
		name = socket->name;
	file_put(file);
	return error ? error : socket_name_write(&name, name_gva, length_gva);
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
	struct socket *socket;
	int32_t value;
	int error;
	struct file *file = socket_file(fd, &socket, &error);

	if (!file)
		return error;
	if (level != SOL_SOCKET)
		error = -ENOPROTOOPT;
	else if (length < sizeof(value))
		error = -EINVAL;
	else if (user_read(&value, value_gva, sizeof(value)))
		error = -EFAULT;
	else if (option == SO_PASSCRED)
		socket->wants_credentials = value;
	else if (option != SO_REUSEADDR && option != SO_BROADCAST && option != SO_KEEPALIVE &&
		 option != SO_SNDBUF && option != SO_RCVBUF) /* these change nothing here */
		error = -ENOPROTOOPT;
	file_put(file);
	return error;
}

static bool integer_option(const struct socket *socket, int option, int32_t *value)
{
	switch (option) {
	case SO_TYPE: *value = (int32_t)socket->type; return true;
	case SO_DOMAIN: *value = AF_UNIX; return true;
	case SO_ACCEPTCONN: *value = socket->is_listening; return true;
	case SO_PASSCRED: *value = socket->wants_credentials; return true;
	case SO_SNDBUF:
	case SO_RCVBUF: *value = SOCKET_QUEUE_MAX; return true;
	case SO_PROTOCOL:
	case SO_ERROR: /* connecting fails at once, so none is ever left */
	case SO_REUSEADDR:
	case SO_BROADCAST:
	case SO_KEEPALIVE: *value = 0; return true;
	default: return false;
	}
}

static int give_option(uint64_t value_gva, uint64_t length_gva, const void *value, uint32_t bytes)
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

int64_t sys_getsockopt(int fd, int level, int option, uint64_t value_gva, uint64_t length_gva)
{
	struct socket_credentials nobody = {0, UINT32_MAX, UINT32_MAX};
	struct socket *socket;
	int32_t value;
	int error;
	struct file *file = socket_file(fd, &socket, &error);

	if (!file)
		return error;
	if (level != SOL_SOCKET)
		error = -ENOPROTOOPT;
	else if (option == SO_PEERCRED)
		error = give_option(value_gva, length_gva,
				    socket->was_connected ? &socket->peer_owner : &nobody,
				    sizeof(nobody));
	else if (integer_option(socket, option, &value))
		error = give_option(value_gva, length_gva, &value, sizeof(value));
	else
		error = -ENOPROTOOPT;
	file_put(file);
	return error;
}

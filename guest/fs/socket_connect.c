/* SPDX-License-Identifier: MIT
 *
 * Unix sockets find each other: listening, connecting, accepting, shutting down, names and options.
 */
#include "guest/fs/files.h"
#include "guest/fs/socket.h"
#include "guest/lib/string.h"
#include "guest/mm/user.h"
#include "guest/proc/process.h"

#define FAMILY_BYTES 2

static int bind(struct file *file, const struct socket_name *given)
{
	struct socket_name name = *given;
	const int error = socket_name_check(&name);

	return error ? error : socket_bind(file->private, &name);
}

static int start_listening(struct file *file, unsigned backlog)
{
	struct socket *socket = file->private;
	int error = 0;

	mutex_lock(&socket->lock);
	if (socket->type == SOCK_DGRAM)
		error = -EOPNOTSUPP;
	else if (!socket->name.length || socket->was_connected)
		error = -EINVAL;
	else {
		socket->is_listening = true;
		socket->backlog_max = backlog + 1;
	}
	mutex_unlock(&socket->lock);
	waitq_wake(&socket->room);
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

static int connect(struct file *file, const struct socket_name *given)
{
	struct socket *socket = file->private;
	struct socket_name name = *given;
	int error;

	if (name.address.family == AF_UNSPEC && socket->type == SOCK_DGRAM)
		return connect_datagrams(socket, NULL);
	error = socket_name_check(&name);
	return error ? error : connect_to(socket, &name, !(file->flags & O_NONBLOCK));
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

static int accept(struct file *file, unsigned flags, struct file **made, struct socket_name *name)
{
	struct socket *accepted;
	const int error = accept_one(file, file->private, &accepted);

	if (error)
		return error;
	read_peer_name(accepted, name);
	return socket_open(accepted, flags, made);
}

static void shut_down_peer(struct socket *peer, bool in, bool out)
{
	if (peer->type != SOCK_DGRAM) {
		peer->no_more_out |= in;
		peer->no_more_in |= out;
	}
	waitq_wake(&peer->changed);
	waitq_wake(&peer->room);
	socket_put(peer);
}

static int shut_down(struct file *file, bool in, bool out)
{
	struct socket *socket = file->private, *peer = socket_peer(socket);

	if (!peer && !socket->is_listening)
		return socket->was_connected ? 0 : -ENOTCONN;
	socket->no_more_in |= in;
	socket->no_more_out |= out;
	waitq_wake(&socket->changed);
	waitq_wake(&socket->room);
	if (peer)
		shut_down_peer(peer, in, out);
	return 0;
}

static int give_name(struct file *file, bool of_peer, struct socket_name *name)
{
	struct socket *socket = file->private;

	if (of_peer && !socket->was_connected)
		return -ENOTCONN;
	if (of_peer)
		read_peer_name(socket, name);
	else
		*name = socket->name;
	return 0;
}

static int set_option(struct file *file, int level, int option, uint64_t value_gva, uint32_t length)
{
	struct socket *socket = file->private;
	int32_t value;

	if (level != SOL_SOCKET)
		return -ENOPROTOOPT;
	if (length < sizeof(value))
		return -EINVAL;
	if (user_read(&value, value_gva, sizeof(value)))
		return -EFAULT;
	if (option == SO_PASSCRED)
		socket->wants_credentials = value;
	else if (option != SO_REUSEADDR && option != SO_BROADCAST && option != SO_KEEPALIVE &&
		 option != SO_SNDBUF && option != SO_RCVBUF) /* these change nothing here */
		return -ENOPROTOOPT;
	return 0;
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

static int get_option(struct file *file, int level, int option, uint64_t value_gva,
		      uint64_t length_gva)
{
	const struct socket_credentials nobody = {0, UINT32_MAX, UINT32_MAX};
	const struct socket *socket = file->private;
	int32_t value;

	if (level != SOL_SOCKET)
		return -ENOPROTOOPT;
	if (option == SO_PEERCRED)
		return socket_give_option(value_gva, length_gva,
					  socket->was_connected ? &socket->peer_owner : &nobody,
					  sizeof(nobody));
	if (!integer_option(socket, option, &value))
		return -ENOPROTOOPT;
	return socket_give_option(value_gva, length_gva, &value, sizeof(value));
}

static int64_t send(struct file *file, struct iobuf *data, struct send *send, unsigned flags)
{
	struct socket_name name;
	int error;

	if (!send->to)
		return socket_send(file->private, data, send, flags);
	name = *send->to;
	error = socket_name_check(&name);
	send->to = &name;
	return error ? error : socket_send(file->private, data, send, flags);
}

static int64_t receive(struct file *file, struct iobuf *data, struct receive *receive,
		       unsigned flags)
{
	struct socket *socket = file->private;

	receive->has_credentials = socket->wants_credentials;
	return socket_receive(socket, data, receive, flags);
}

const struct socket_operations socket_unix_operations = {
	.family = AF_UNIX,
	.bind = bind,
	.listen = start_listening,
	.connect = connect,
	.accept = accept,
	.shutdown = shut_down,
	.name = give_name,
	.set_option = set_option,
	.get_option = get_option,
	.send = send,
	.receive = receive,
};

int socket_unix_create(unsigned type, int protocol, unsigned flags, struct file **file)
{
	struct socket *socket;

	if (type != SOCK_STREAM && type != SOCK_DGRAM && type != SOCK_SEQPACKET)
		return -ESOCKTNOSUPPORT;
	if (protocol && protocol != AF_UNIX)
		return -EPROTONOSUPPORT;
	socket = socket_create((enum socket_type)type);
	return socket ? socket_open(socket, flags, file) : -ENOMEM;
}

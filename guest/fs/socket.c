/* SPDX-License-Identifier: MIT
 *
 * Sockets as objects and as files; see socket.h.
 */
#include "guest/fs/socket.h"

#include "guest/fs/poll.h"
#include "guest/mm/slab.h"
#include "guest/mm/user.h"
#include "guest/proc/process.h"

#define FIONREAD 0x541b

struct spinlock socket_lock;

struct socket *socket_create(enum socket_type type)
{
	const struct process *process = process_this();
	struct socket *socket = kmalloc(sizeof(*socket));

	if (!socket)
		return NULL;
	socket->refs = 1;
	socket->type = type;
	socket->owner = (struct socket_credentials){process->pid, process->credentials.euid,
						    process->credentials.egid};
	mutex_init(&socket->lock);
	list_init(&socket->messages);
	list_init(&socket->backlog);
	list_init(&socket->in_backlog);
	waitq_init(&socket->changed);
	waitq_init(&socket->room);
	return socket;
}

void socket_put(struct socket *socket)
{
	if (!__atomic_sub_fetch(&socket->refs, 1, __ATOMIC_ACQ_REL))
		kfree(socket);
}

struct socket *socket_peer(struct socket *socket)
{
	const uint64_t flags = spin_lock(&socket_lock);
	struct socket *peer = socket->peer ? socket_get(socket->peer) : NULL;

	spin_unlock(&socket_lock, flags);
	return peer;
}

bool socket_join(struct socket *a, struct socket *b)
{
	const uint64_t flags = spin_lock(&socket_lock);
	const bool joins = !a->was_connected;

	if (joins) {
		a->peer = socket_get(b);
		b->peer = socket_get(a);
		a->peer_owner = b->owner;
		b->peer_owner = a->owner;
		a->was_connected = b->was_connected = true;
	}
	spin_unlock(&socket_lock, flags);
	return joins;
}

/* Who is connected to it sees the end. */
static void end_peer(struct socket *socket)
{
	const uint64_t flags = spin_lock(&socket_lock);
	struct socket *peer = socket->peer;

	socket->peer = NULL;
	spin_unlock(&socket_lock, flags);
	if (!peer)
		return;
	if (socket->type != SOCK_DGRAM)
		peer->no_more_in = peer->no_more_out = true;
	waitq_wake(&peer->changed);
	waitq_wake(&peer->room);
	socket_put(peer);
}

static void close_socket(struct socket *socket)
{
	struct list messages = LIST_EMPTY(messages), backlog = LIST_EMPTY(backlog), *link;

	mutex_lock(&socket->lock);
	socket->dead = true;
	while ((link = list_pop(&socket->messages)))
		list_add_last(&messages, link);
	while ((link = list_pop(&socket->backlog)))
		list_add_last(&backlog, link);
	mutex_unlock(&socket->lock);
	socket_unbind(socket);
	end_peer(socket);
	waitq_wake(&socket->room);
	while ((link = list_pop(&backlog)))
		close_socket(container_of(link, struct socket, in_backlog)); /* one level */
	message_free_all(&messages);
	socket_put(socket);
}

static void release_socket(struct file *file)
{
	close_socket(file->private);
}

static bool peer_has_room(struct socket *socket)
{
	struct socket *peer = socket_peer(socket);
	const bool room = !peer || socket->type == SOCK_DGRAM || peer->dead ||
			  peer->queued < SOCKET_QUEUE_MAX / 2;

	if (peer)
		socket_put(peer);
	return room;
}

static unsigned poll_socket(struct file *file, struct poll_table *table)
{
	struct socket *socket = file->private;
	const bool has_messages = !list_is_empty(&socket->messages);
	unsigned events = 0;

	poll_wait(table, &socket->changed);
	if (has_messages || !list_is_empty(&socket->backlog) || socket->no_more_in)
		events |= POLLIN | POLLRDNORM;
	if (socket->no_more_in)
		events |= POLLRDHUP;
	if ((socket->no_more_in && socket->no_more_out) ||
	    (socket->type != SOCK_DGRAM && !socket->is_listening && !socket->was_connected))
		events |= POLLHUP;
	if (!socket->is_listening && peer_has_room(socket))
		events |= POLLOUT | POLLWRNORM;
	return events;
}

static int64_t ioctl_socket(struct file *file, unsigned command, uint64_t argument)
{
	struct socket *socket = file->private;
	size_t bytes = 0;

	if (command != FIONREAD)
		return -ENOTTY;
	mutex_lock(&socket->lock);
	list_for_each(link, &socket->messages)
	{
		const struct message *message = container_of(link, struct message, link);

		bytes += message->bytes - message->taken;
		if (socket->type != SOCK_STREAM)
			break;
	}
	mutex_unlock(&socket->lock);
	const int32_t answer = (int32_t)bytes;

	return user_write(argument, &answer, sizeof(answer));
}

static const struct file_operations operations = {
	.read = socket_file_read,
	.write = socket_file_write,
	.poll = poll_socket,
	.ioctl = ioctl_socket,
	.release = release_socket,
	.socket = &socket_unix_operations,
};

int socket_open(struct socket *socket, unsigned flags, struct file **file)
{
	const int error = socket_file_create(&operations, socket, flags, file);

	if (error)
		close_socket(socket);
	return error;
}

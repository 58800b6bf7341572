/* SPDX-License-Identifier: MIT
 *
 * Messages of sockets. A stream is cut into messages too, of which a receiver takes parts; files come with
 * the first byte of theirs.
 */
#include "guest/fs/socket.h"

#include "guest/lib/string.h"
#include "guest/mm/slab.h"
#include "guest/proc/process.h"

#define STREAM_PART_MAX 16384
#define FILES_IN_FLIGHT_MAX \
	1024 /* in all messages: sockets that are only in each other's queues stay */

/* Messages whose files are to be put. Who puts the last reference of a socket may free messages in turn;
 * a list instead of recursion keeps the stack small. */
static struct list dropped = LIST_EMPTY(dropped);
static struct spinlock dropped_lock;
static bool is_dropping;
static unsigned files_in_flight;

void message_free(struct message *message)
{
	kfree(message->name);
	kfree(message->files);
	kfree(message);
}

static struct message *next_dropped(void)
{
	const uint64_t flags = spin_lock(&dropped_lock);
	struct list *link = list_pop(&dropped);

	if (!link)
		is_dropping = false;
	spin_unlock(&dropped_lock, flags);
	return link ? container_of(link, struct message, link) : NULL;
}

void message_free_all(struct list *messages)
{
	struct message *message;
	struct list *link;
	uint64_t flags;
	bool others;

	if (list_is_empty(messages))
		return;
	flags = spin_lock(&dropped_lock);
	while ((link = list_pop(messages)))
		list_add_last(&dropped, link);
	others = is_dropping;
	is_dropping = true;
	spin_unlock(&dropped_lock, flags);
	while (!others && (message = next_dropped())) {
		__atomic_fetch_sub(&files_in_flight, message->file_count, __ATOMIC_RELAXED);
		for (unsigned i = 0; i < message->file_count; i++)
			file_put(message->files[i]);
		message_free(message);
	}
}

static size_t cost_of(const struct message *message)
{
	return message->bytes + sizeof(*message);
}

/* bytes of data with what send says. Files stay the caller's unless it succeeds. */
static int make_message(const struct socket *socket, struct iobuf *data, size_t bytes,
			const struct send *send, struct message **made)
{
	struct message *message = kmalloc(sizeof(*message) + bytes);
	int error = message ? 0 : -ENOMEM;

	if (error)
		return error;
	message->bytes = bytes;
	message->from = send->from;
	if (socket->type == SOCK_DGRAM && socket->name.length) {
		message->name = kmalloc(sizeof(*message->name));
		if (message->name)
			*message->name = socket->name;
		else
			error = -ENOMEM;
	}
	if (!error && send->file_count) {
		message->files = kmalloc(send->file_count * sizeof(struct file *));
		error = message->files ? 0 : -ENOMEM;
	}
	if (!error && bytes && iobuf_take(data, message->data, bytes) != (int64_t)bytes)
		error = -EFAULT;
	if (!error && send->file_count &&
	    __atomic_add_fetch(&files_in_flight, send->file_count, __ATOMIC_RELAXED) >
		    FILES_IN_FLIGHT_MAX) {
		__atomic_fetch_sub(&files_in_flight, send->file_count, __ATOMIC_RELAXED);
		error = -EMFILE;
	}
	if (error) {
		message_free(message);
		return error;
	}
	if (send->file_count)
		memcpy(message->files, send->files, send->file_count * sizeof(struct file *));
	message->file_count = send->file_count;
	*made = message;
	return 0;
}

static bool has_room(const struct socket *to, size_t bytes)
{
	return to->dead || to->no_more_in || !to->queued || to->queued + bytes <= SOCKET_QUEUE_MAX;
}

/* Appends it if there is room: 0, -EAGAIN, -EPIPE, -ECONNREFUSED. */
static int deliver(struct socket *to, struct message *message)
{
	int error = 0;

	mutex_lock(&to->lock);
	if (to->dead)
		error = to->type == SOCK_DGRAM ? -ECONNREFUSED : -EPIPE;
	else if (to->no_more_in)
		error = -EPIPE;
	else if (!has_room(to, cost_of(message)))
		error = -EAGAIN;
	else {
		list_add_last(&to->messages, &message->link);
		to->queued += cost_of(message);
	}
	mutex_unlock(&to->lock);
	if (!error)
		waitq_wake(&to->changed);
	return error;
}

static int deliver_waiting(struct socket *to, struct message *message, bool waits)
{
	int error;

	while ((error = deliver(to, message)) == -EAGAIN && waits) {
		error = wait_until(&to->room, has_room(to, cost_of(message)));
		if (error)
			break;
	}
	return error;
}

/* One message of that many bytes. */
static int send_one(struct socket *socket, struct socket *to, struct iobuf *data, size_t bytes,
		    struct send *send, unsigned flags)
{
	struct message *message;
	int error = make_message(socket, data, bytes, send, &message);

	if (error)
		return error;
	error = deliver_waiting(to, message, !(flags & MSG_DONTWAIT));
	if (error) {
		__atomic_fetch_sub(&files_in_flight, message->file_count, __ATOMIC_RELAXED);
		message_free(message);
		return error;
	}
	send->file_count = 0; /* they are on their way */
	return 0;
}

static int64_t send_stream(struct socket *socket, struct socket *to, struct iobuf *data,
			   struct send *send, unsigned flags)
{
	int64_t total = 0;
	int error = 0;

	while (data->left && !error) {
		const size_t bytes = data->left < STREAM_PART_MAX ? data->left : STREAM_PART_MAX;

		error = socket->no_more_out ? -EPIPE
					    : send_one(socket, to, data, bytes, send, flags);
		if (!error)
			total += (int64_t)bytes;
	}
	return total ? total : error;
}

static int64_t send_packet(struct socket *socket, struct socket *to, struct iobuf *data,
			   struct send *send, unsigned flags)
{
	const size_t bytes = data->left;
	int error;

	if (bytes > SOCKET_QUEUE_MAX - sizeof(struct message))
		return -EMSGSIZE;
	error = socket->no_more_out ? -EPIPE : send_one(socket, to, data, bytes, send, flags);
	return error ? error : (int64_t)bytes;
}

static int find_receiver(struct socket *socket, const struct send *send, struct socket **to)
{
	if (send->to && socket->type != SOCK_DGRAM)
		return socket->was_connected ? -EISCONN : -EOPNOTSUPP;
	if (send->to) {
		int error = socket_find(send->to, to);

		if (!error && (*to)->type != SOCK_DGRAM) {
			socket_put(*to);
			error = -EPROTOTYPE;
		}
		return error;
	}
	*to = socket_peer(socket);
	if (*to)
		return 0;
	return socket->was_connected ? -EPIPE : -ENOTCONN;
}

int64_t socket_send(struct socket *socket, struct iobuf *data, struct send *send, unsigned flags)
{
	struct socket *to;
	int64_t result;

	if (flags & MSG_OOB)
		return -EOPNOTSUPP;
	result = find_receiver(socket, send, &to);
	if (!result) {
		result = socket->type == SOCK_STREAM ? send_stream(socket, to, data, send, flags)
						     : send_packet(socket, to, data, send, flags);
		socket_put(to);
	}
	if (result == -EPIPE && socket->type != SOCK_DGRAM && !(flags & MSG_NOSIGNAL))
		signal_send_number(process_this(), SIGPIPE);
	return result;
}

/* The files of a message go to the receiver; a look only leaves them there, and copies them. */
static int take_files(struct message *message, struct receive *receive, bool peek)
{
	const unsigned count = message->file_count;

	receive->file_count = 0;
	if (!count)
		return 0;
	receive->files = peek ? kmalloc(count * sizeof(struct file *)) : message->files;
	if (!receive->files)
		return -ENOMEM;
	receive->file_count = count;
	for (unsigned i = 0; peek && i < count; i++)
		receive->files[i] = file_get(message->files[i]);
	if (!peek) {
		message->files = NULL;
		message->file_count = 0;
		__atomic_fetch_sub(&files_in_flight, count, __ATOMIC_RELAXED);
	}
	return 0;
}

static int begin_message(struct message *message, struct receive *receive, bool peek)
{
	receive->credentials = message->from;
	if (message->name)
		receive->from = *message->name;
	return take_files(message, receive, peek);
}

static void remove_message(struct socket *socket, struct message *message)
{
	list_remove(&message->link);
	socket->queued -= cost_of(message);
	message_free(message);
}

static bool same_sender(const struct socket_credentials *a, const struct socket_credentials *b)
{
	return a->pid == b->pid && a->uid == b->uid && a->gid == b->gid;
}

/* As much as there is of one sender's, up to the next message with files. */
static int64_t take_stream(struct socket *socket, struct iobuf *data, struct receive *receive,
			   bool peek)
{
	int64_t total = 0;

	list_for_each_safe(link, &socket->messages)
	{
		struct message *message = container_of(link, struct message, link);
		int64_t done;

		if (!data->left ||
		    (total && (message->file_count ||
			       (socket->wants_credentials &&
				!same_sender(&message->from, &receive->credentials)))))
			break;
		if (!total && begin_message(message, receive, peek))
			return -ENOMEM;
		done = iobuf_put(data, message->data + message->taken,
				 message->bytes - message->taken);
		if (done < 0)
			return total ? total : done;
		total += done;
		if (peek)
			continue;
		message->taken += (size_t)done;
		if (message->taken < message->bytes)
			break;
		remove_message(socket, message);
	}
	return total;
}

static int64_t take_packet(struct socket *socket, struct iobuf *data, struct receive *receive,
			   unsigned flags)
{
	struct message *message = container_of(socket->messages.next, struct message, link);
	const bool peek = flags & MSG_PEEK;
	int64_t done = begin_message(message, receive, peek);

	if (!done)
		done = iobuf_put(data, message->data, message->bytes);
	if (done >= 0 && (size_t)done < message->bytes) {
		receive->flags |= MSG_TRUNC;
		if (flags & MSG_TRUNC)
			done = (int64_t)message->bytes;
	}
	if (!peek)
		remove_message(socket, message);
	return done;
}

static int64_t take_once(struct socket *socket, struct iobuf *data, struct receive *receive,
			 unsigned flags)
{
	int64_t result;

	mutex_lock(&socket->lock);
	if (list_is_empty(&socket->messages))
		result = socket->no_more_in ? 0 : -EAGAIN;
	else if (socket->type == SOCK_STREAM)
		result = take_stream(socket, data, receive, flags & MSG_PEEK);
	else
		result = take_packet(socket, data, receive, flags);
	mutex_unlock(&socket->lock);
	return result;
}

static void tell_senders(struct socket *socket)
{
	struct socket *peer = socket_peer(socket);

	waitq_wake(&socket->room);
	if (!peer)
		return;
	waitq_wake(&peer->changed);
	socket_put(peer);
}

int64_t socket_receive(struct socket *socket, struct iobuf *data, struct receive *receive,
		       unsigned flags)
{
	int64_t total = 0, result;

	if (flags & MSG_OOB)
		return -EOPNOTSUPP;
	if (socket->type != SOCK_DGRAM && !socket->was_connected)
		return socket->type == SOCK_STREAM ? -EINVAL : -ENOTCONN;
	do {
		while ((result = take_once(socket, data, receive, flags)) == -EAGAIN &&
		       !(flags & MSG_DONTWAIT)) {
			result = wait_until(&socket->changed, !list_is_empty(&socket->messages) ||
								      socket->no_more_in);
			if (result)
				break;
		}
		if (result < 0)
			break;
		total += result;
		tell_senders(socket);
	} while (result && (flags & MSG_WAITALL) && !(flags & MSG_PEEK) &&
		 socket->type == SOCK_STREAM && data->left && !receive->file_count);
	return total ? total : result;
}

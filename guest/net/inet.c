/* SPDX-License-Identifier: MIT
 *
 * What all sockets of the Internet share: files, names, errors, the queue of what came.
 */
#include "guest/net/inet.h"

#include <lwip/netif.h>

#include "guest/fs/poll.h"
#include "guest/lib/string.h"
#include "guest/mm/slab.h"
#include "guest/net/inet_socket.h"
#include "guest/net/stack.h"
#include "guest/proc/process.h"

#define ROOM_TO_WRITE 8192 /* from so much on it is worth telling a writer */

static const struct socket_operations socket_operations;

int inet_error(err_t error)
{
	switch (error) {
	case ERR_OK: return 0;
	case ERR_MEM: return -ENOMEM;
	case ERR_BUF: return -ENOBUFS;
	case ERR_TIMEOUT: return -ETIMEDOUT;
	case ERR_RTE: return -ENETUNREACH;
	case ERR_VAL: return -EINVAL;
	case ERR_USE: return -EADDRINUSE;
	case ERR_ALREADY: return -EALREADY;
	case ERR_ISCONN: return -EISCONN;
	case ERR_CONN:
	case ERR_CLSD: return -ENOTCONN;
	case ERR_ABRT: return -ETIMEDOUT;
	case ERR_RST: return -ECONNRESET;
	default: return -EINVAL;
	}
}

int inet_take_error(struct inet *inet)
{
	const int error = inet->error;

	inet->error = 0;
	return error;
}

int inet_read_name(const struct socket_name *name, struct end *end)
{
	struct sockaddr_in address;

	if (name->length < sizeof(address))
		return -EINVAL;
	memcpy(&address, &name->address, sizeof(address));
	if (address.family != AF_INET)
		return -EAFNOSUPPORT;
	end->ip.addr = address.address;
	end->port = lwip_ntohs(address.port);
	return 0;
}

void inet_write_name(const struct end *end, struct socket_name *name)
{
	const struct sockaddr_in address = {
		.family = AF_INET, .port = lwip_htons(end->port), .address = end->ip.addr};

	memcpy(&name->address, &address, sizeof(address));
	name->length = sizeof(address);
}

bool inet_is_own(const ip4_addr_t *ip)
{
	struct netif *netif;

	if (ip4_addr_isany(ip) || ip4_addr_isloopback(ip))
		return true;
	NETIF_FOREACH(netif)
	if (ip4_addr_cmp(ip, netif_ip4_addr(netif)))
		return true;
	return false;
}

bool inet_append(struct inet *inet, struct pbuf *data, const struct end *from)
{
	struct arrival *arrival = kmalloc(sizeof(*arrival));

	if (!arrival)
		return false;
	arrival->data = data;
	arrival->from = *from;
	list_add_last(&inet->arrivals, &arrival->link);
	inet->arrived_bytes += data->tot_len;
	waitq_wake(&inet->changed);
	return true;
}

int64_t inet_copy_out(const struct pbuf *data, struct iobuf *to)
{
	int64_t total = 0;

	for (; data && to->left; data = data->next) {
		const int64_t done = iobuf_put(to, data->payload, data->len);

		if (done < 0)
			return total ? total : done;
		total += done;
		if ((size_t)done < data->len)
			break;
	}
	return total;
}

struct inet *inet_allocate(unsigned type, int protocol)
{
	struct inet *inet = kmalloc(sizeof(*inet));

	if (!inet)
		return NULL;
	inet->type = (enum socket_type)type;
	inet->protocol = protocol;
	waitq_init(&inet->changed);
	mutex_init(&inet->reading);
	list_init(&inet->arrivals);
	list_init(&inet->backlog);
	list_init(&inet->in_backlog);
	list_init(&inet->groups);
	return inet;
}

static void release(struct file *file)
{
	struct inet *inet = file->private;
	struct list *link;

	net_lock();
	if (inet_is_stream(inet))
		inet_stream_close(inet);
	else
		inet_datagram_close(inet);
	while ((link = list_pop(&inet->arrivals))) {
		struct arrival *arrival = container_of(link, struct arrival, link);

		pbuf_free(arrival->data);
		kfree(arrival);
	}
	net_unlock();
	kfree(inet);
}

static unsigned poll(struct file *file, struct poll_table *table)
{
	struct inet *inet = file->private;
	unsigned events = 0;

	poll_wait(table, &inet->changed);
	if (!list_is_empty(&inet->arrivals) || !list_is_empty(&inet->backlog) || inet->no_more_in)
		events |= POLLIN | POLLRDNORM;
	if (inet->no_more_in)
		events |= POLLRDHUP;
	if (inet->error)
		events |= POLLERR;
	if (!inet_is_stream(inet))
		return events | POLLOUT | POLLWRNORM;
	if (inet->is_broken || (inet->no_more_in && inet->no_more_out) ||
	    (!inet->was_connected && !inet->is_listening && !inet->is_connecting))
		events |= POLLHUP;
	if (inet->is_broken || inet->no_more_out ||
	    (inet->was_connected && inet->room >= ROOM_TO_WRITE) ||
	    (!inet->was_connected && !inet->is_listening && !inet->is_connecting))
		events |= POLLOUT | POLLWRNORM;
	return events;
}

static const struct file_operations operations = {
	.read = socket_file_read,
	.write = socket_file_write,
	.poll = poll,
	.ioctl = inet_ioctl,
	.release = release,
	.socket = &socket_operations,
};

int inet_open(struct inet *inet, unsigned flags, struct file **file)
{
	return socket_file_create(&operations, inet, flags, file);
}

/* Which protocol a socket of this type has; -errno. */
static int choose_protocol(unsigned type, int protocol)
{
	if (type == SOCK_RAW && !process_is_root())
		return -EPERM;
	if (type == SOCK_RAW)
		return protocol > 0 && protocol <= IPPROTO_RAW ? protocol : -EPROTONOSUPPORT;
	if (type == SOCK_STREAM)
		return protocol && protocol != IPPROTO_TCP ? -EPROTONOSUPPORT : IPPROTO_TCP;
	if (type != SOCK_DGRAM)
		return -ESOCKTNOSUPPORT;
	if (protocol == IPPROTO_ICMP)
		return protocol;
	return protocol && protocol != IPPROTO_UDP ? -EPROTONOSUPPORT : IPPROTO_UDP;
}

int inet_create(unsigned type, int protocol, unsigned flags, struct file **file)
{
	struct inet *inet;
	int error = choose_protocol(type, protocol);

	if (error < 0)
		return error;
	inet = inet_allocate(type, error);
	if (!inet)
		return -ENOMEM;
	error = net_init();
	if (!error) {
		net_lock();
		error = inet_is_stream(inet) ? inet_stream_new(inet) : inet_datagram_new(inet);
		net_unlock();
	}
	if (!error) {
		error = inet_open(inet, flags, file);
		if (!error)
			return 0;
		net_lock();
		if (inet_is_stream(inet))
			inet_stream_close(inet);
		else
			inet_datagram_close(inet);
		net_unlock();
	}
	kfree(inet);
	return error;
}

/* --- operations of both kinds */
static int bind(struct file *file, const struct socket_name *name)
{
	struct inet *inet = file->private;
	struct end end;
	int error = inet_read_name(name, &end);

	if (error)
		return error;
	net_lock();
	if (!inet_is_stream(inet))
		error = inet_datagram_bind(inet, &end);
	else
		error = inet_is_own(&end.ip) ? inet_stream_bind(inet, &end) : -EADDRNOTAVAIL;
	net_unlock();
	return error;
}

static int start_listening(struct file *file, unsigned backlog)
{
	struct inet *inet = file->private;
	int error;

	if (!inet_is_stream(inet))
		return -EOPNOTSUPP;
	net_lock();
	error = inet_stream_listen(inet, backlog);
	net_unlock();
	return error;
}

static int connect(struct file *file, const struct socket_name *name)
{
	struct inet *inet = file->private;
	struct end end;
	int error = inet_read_name(name, &end);

	if (name->address.family == AF_UNSPEC && !inet_is_stream(inet)) {
		net_lock();
		error = inet_datagram_connect(inet, NULL);
		net_unlock();
		return error;
	}
	if (error)
		return error;
	if (ip4_addr_isany_val(end.ip)) /* as Linux has it: oneself */
		ip4_addr_set_loopback(&end.ip);
	if (inet_is_stream(inet))
		return inet_stream_connect(inet, &end, !(file->flags & O_NONBLOCK));
	net_lock();
	error = inet_datagram_connect(inet, &end);
	net_unlock();
	return error;
}

static int accept(struct file *file, unsigned flags, struct file **made, struct socket_name *name)
{
	struct inet *inet = file->private;
	const int error = inet_is_stream(inet)
				  ? inet_stream_accept(inet, !(file->flags & O_NONBLOCK), flags,
						       made)
				  : -EOPNOTSUPP;

	if (!error)
		inet_write_name(&((struct inet *)(*made)->private)->peer, name);
	return error;
}

static int shut_down(struct file *file, bool in, bool out)
{
	struct inet *inet = file->private;
	int error = 0;

	net_lock();
	if (inet_is_stream(inet)) {
		error = inet_stream_shutdown(inet, in, out);
	} else if (!inet->was_connected) {
		error = -ENOTCONN;
	} else {
		inet->no_more_in |= in;
		inet->no_more_out |= out;
	}
	net_unlock();
	waitq_wake(&inet->changed);
	return error;
}

static int give_name(struct file *file, bool of_peer, struct socket_name *name)
{
	const struct inet *inet = file->private;

	if (of_peer && !inet->was_connected)
		return -ENOTCONN;
	inet_write_name(of_peer ? &inet->peer : &inet->local, name);
	return 0;
}

static int64_t send(struct file *file, struct iobuf *data, struct send *send, unsigned flags)
{
	struct inet *inet = file->private;
	struct end end;
	int64_t result = send->to ? inet_read_name(send->to, &end) : 0;

	if (flags & MSG_OOB)
		return -EOPNOTSUPP;
	if (inet_is_stream(inet)) {
		result = inet_stream_send(inet, data, flags);
		if (result == -EPIPE && !(flags & MSG_NOSIGNAL))
			signal_send_number(process_this(), SIGPIPE);
		return result;
	}
	return result ? result : inet_datagram_send(inet, data, send->to ? &end : NULL, flags);
}

static int64_t receive(struct file *file, struct iobuf *data, struct receive *receive,
		       unsigned flags)
{
	struct inet *inet = file->private;

	if (flags & MSG_OOB)
		return -EINVAL;
	return inet_is_stream(inet) ? inet_stream_receive(inet, data, receive, flags)
				    : inet_datagram_receive(inet, data, receive, flags);
}

static const struct socket_operations socket_operations = {
	.family = AF_INET,
	.bind = bind,
	.listen = start_listening,
	.connect = connect,
	.accept = accept,
	.shutdown = shut_down,
	.name = give_name,
	.set_option = inet_set_option,
	.get_option = inet_get_option,
	.send = send,
	.receive = receive,
};

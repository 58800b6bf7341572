/* SPDX-License-Identifier: MIT
 *
 * TCP's data. On its way out it is copied once, from the program into lwIP's segments; on its way in once,
 * from what the card or loopback filled into the program.
 */
#include <lwip/tcp.h>

#include "guest/lib/string.h"
#include "guest/mm/layout.h"
#include "guest/mm/slab.h"
#include "guest/mm/user.h"
#include "guest/net/inet_socket.h"
#include "guest/net/memory.h"
#include "guest/net/offload.h"
#include "guest/net/stack.h"

#define QUEUE_MARGIN 8		/* pbufs that a write may take beyond its own */
#define ROOM_WORTH_FILLING 4096 /* smaller pieces of a larger write wait */
#define PAGE 4096

static bool could_not_fill; /* guarded by net_lock */

/* lwIP's memcpy() into segments (MEMCPY in tcp_out.c): from is the program's address. What goes away between
 * the look of is_readable() and here is sent as zeroes, which the connection doesn't survive. */
void *net_fill(void *to, const void *from, size_t bytes)
{
	if ((uint64_t)from >= USER_END)
		return memcpy(to, from, bytes);
	if (!user_read(to, (uint64_t)from, bytes))
		return to;
	could_not_fill = true;
	return memset(to, 0, bytes);
}

/* --- what lwIP calls, with net_lock */
static err_t received(void *context, struct tcp_pcb *pcb, struct pbuf *data, err_t error)
{
	struct inet *inet = context;

	(void)error; /* always ERR_OK */
	if (!inet) {
		if (data) {
			tcp_recved(pcb, data->tot_len);
			pbuf_free(data);
		}
		return ERR_OK;
	}
	if (!data) {
		inet->no_more_in = inet->peer_has_ended = true;
		inet_stream_let_go(inet);
		waitq_wake(&inet->changed);
		return ERR_OK;
	}
	return inet_append(inet, data, &inet->peer) ? ERR_OK : ERR_MEM;
}

static err_t sent(void *context, struct tcp_pcb *pcb, u16_t bytes)
{
	struct inet *inet = context;

	(void)bytes;
	inet->room = tcp_sndqueuelen(pcb) + QUEUE_MARGIN < TCP_SND_QUEUELEN ? tcp_sndbuf(pcb) : 0;
	if (inet->room >= TCP_SNDLOWAT || !tcp_sndqueuelen(pcb))
		waitq_wake(&inet->changed);
	return ERR_OK;
}

/* The PCB is gone already. */
static void failed(void *context, err_t error)
{
	struct inet *inet = context;

	if (!inet)
		return;
	inet->tcp = NULL;
	if (error == ERR_CLSD)
		return; /* both sides have ended it */
	inet->error = error == ERR_RST && inet->is_connecting ? -ECONNREFUSED : inet_error(error);
	if (inet->is_connecting)
		inet->local.port = 0;
	inet->is_connecting = false;
	inet->is_broken = inet->no_more_in = inet->no_more_out = inet->was_connected;
	waitq_wake(&inet->changed);
}

/* lwIP frees a PCB that both sides have ended without a word. */
void inet_stream_let_go(struct inet *inet)
{
	if (!inet->tcp || !inet->no_more_out || !inet->peer_has_ended)
		return;
	tcp_arg(inet->tcp, NULL);
	tcp_err(inet->tcp, NULL);
	tcp_sent(inet->tcp, NULL);
	tcp_recv(inet->tcp, NULL);
	inet->tcp = NULL;
}

void inet_stream_serve(struct inet *inet)
{
	tcp_arg(inet->tcp, inet);
	tcp_recv(inet->tcp, received);
	tcp_sent(inet->tcp, sent);
	tcp_err(inet->tcp, failed);
}

/* --- sending */
/* How many bytes at the front of data are in a row, at most TCP takes at once, and can be read. */
static int64_t front(const struct iobuf *data, uint64_t *at)
{
	size_t bytes = data->pieces->bytes - data->done_in_piece;
	uint8_t probe;

	*at = data->pieces->at + data->done_in_piece;
	if (bytes > UINT16_MAX)
		bytes = UINT16_MAX;
	for (uint64_t page = *at; !data->in_kernel && page < *at + bytes;
	     page = (page | (PAGE - 1)) + 1)
		if (user_read(&probe, page, 1))
			return page > *at ? (int64_t)(page - *at) : -EFAULT;
	return (int64_t)bytes;
}

/* With net_lock. */
static int64_t write_segments(struct inet *inet, uint64_t at, size_t bytes, bool more)
{
	struct tcp_pcb *pcb = inet->tcp;
	const size_t wanted = bytes;
	err_t error;

	if (bytes > tcp_sndbuf(pcb))
		bytes = tcp_sndbuf(pcb);
	if (bytes < wanted && bytes < ROOM_WORTH_FILLING)
		return -EAGAIN;
	if (!bytes || tcp_sndqueuelen(pcb) + QUEUE_MARGIN >= TCP_SND_QUEUELEN)
		return -EAGAIN;
	could_not_fill = false;
	error = tcp_write(pcb, (const void *)at, (u16_t)bytes,
			  TCP_WRITE_FLAG_COPY | (more ? TCP_WRITE_FLAG_MORE : 0));
	if (error == ERR_MEM && offload_reduce(pcb))
		error = tcp_write(pcb, (const void *)at, (u16_t)bytes, TCP_WRITE_FLAG_COPY);
	if (error == ERR_MEM)
		return tcp_sndqueuelen(pcb) ? -EAGAIN : -ENOBUFS;
	if (error)
		return inet_error(error);
	if (could_not_fill) {
		tcp_abort(pcb); /* calls failed() */
		return -EFAULT;
	}
	inet->room = tcp_sndbuf(pcb);
	return (int64_t)bytes;
}

static int64_t send_front(struct inet *inet, struct iobuf *data, unsigned flags)
{
	uint64_t at;
	int64_t result = front(data, &at);

	if (result < 0)
		return result;
	net_lock();
	if (inet->error)
		result = inet_take_error(inet);
	else if (inet->no_more_out || !inet->tcp)
		result = inet->is_connecting ? -EAGAIN : -EPIPE;
	else if (!inet->was_connected)
		result = inet->is_connecting ? -EAGAIN : -EPIPE;
	else
		result = write_segments(inet, at, (size_t)result,
					(size_t)result < data->left || flags & MSG_MORE);
	if (result == -EAGAIN)
		inet->room = 0; /* until something is acknowledged */
	if (inet->tcp && inet->was_connected && (result == -EAGAIN || !(flags & MSG_MORE)))
		tcp_output(inet->tcp);
	net_unlock();
	if (result > 0)
		iobuf_skip(data, (size_t)result);
	return result;
}

int64_t inet_stream_send(struct inet *inet, struct iobuf *data, unsigned flags)
{
	int64_t total = 0, result = 0;

	while (data->left) {
		result = send_front(inet, data, flags);
		if (result == -EAGAIN && !(flags & MSG_DONTWAIT))
			result = inet_wait(inet,
					   inet->room || inet->is_broken || inet->error ||
						   inet->no_more_out,
					   inet->send_wait_ns);
		if (result < 0)
			break;
		total += result;
	}
	return total ? total : result;
}

/* --- receiving */
/* Takes what was copied off the queue, and tells the peer that there is room. Both locks are held. */
static void consume(struct inet *inet, size_t bytes)
{
	for (size_t left = bytes; left;) {
		struct arrival *arrival = container_of(inet->arrivals.next, struct arrival, link);
		const u16_t part = left < arrival->data->tot_len ? (u16_t)left
								 : arrival->data->tot_len;

		arrival->data = pbuf_free_header(arrival->data, part);
		left -= part;
		if (!arrival->data) {
			list_remove(&arrival->link);
			kfree(arrival);
		}
	}
	inet->arrived_bytes -= bytes;
	while (bytes && inet->tcp) {
		const u16_t part = bytes < UINT16_MAX ? (u16_t)bytes : UINT16_MAX;

		tcp_recved(inet->tcp, part);
		bytes -= part;
	}
}

static int64_t state_when_empty(struct inet *inet)
{
	if (inet->error)
		return inet_take_error(inet);
	if (inet->no_more_in)
		return 0;
	return inet->was_connected || inet->is_connecting ? -EAGAIN : -ENOTCONN;
}

/* Whatever comes while this copies is behind last. */
static int64_t copy_arrivals(struct inet *inet, struct iobuf *to, const struct list *last)
{
	const struct list *link = inet->arrivals.next;
	int64_t total = 0;

	for (;; link = link->next) {
		const struct pbuf *data = container_of(link, struct arrival, link)->data;
		const int64_t done = inet_copy_out(data, to);

		if (done < 0)
			return total ? total : done;
		total += done;
		if (done < data->tot_len || link == last)
			return total;
	}
}

static int64_t receive_some(struct inet *inet, struct iobuf *to, unsigned flags)
{
	struct iobuf look = *to;
	const struct list *last = NULL;
	int64_t result = 0;

	net_lock();
	if (list_is_empty(&inet->arrivals))
		result = state_when_empty(inet);
	else
		last = inet->arrivals.previous;
	net_unlock();
	if (!last)
		return result;
	if (look.piece_count == 1 && look.pieces == &to->one)
		look.pieces = &look.one;
	result = copy_arrivals(inet, flags & MSG_PEEK ? &look : to, last);
	if (result > 0 && !(flags & MSG_PEEK)) {
		net_lock();
		consume(inet, (size_t)result);
		net_unlock();
	}
	return result;
}

int64_t inet_stream_receive(struct inet *inet, struct iobuf *to, struct receive *receive,
			    unsigned flags)
{
	int64_t total = 0, result = 0;

	(void)receive;
	while (to->left) {
		mutex_lock(&inet->reading);
		result = receive_some(inet, to, flags);
		mutex_unlock(&inet->reading);
		if (result > 0) {
			total += result;
			if (flags & MSG_PEEK || !(flags & MSG_WAITALL))
				break;
			continue;
		}
		if (result != -EAGAIN || flags & MSG_DONTWAIT)
			break;
		result = inet_wait(
			inet, !list_is_empty(&inet->arrivals) || inet->no_more_in || inet->error,
			inet->receive_wait_ns);
		if (result)
			break;
	}
	return total ? total : result;
}

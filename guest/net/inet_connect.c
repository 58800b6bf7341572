/* SPDX-License-Identifier: MIT
 *
 * TCP connections: how they begin and end. Data is inet_stream.c's.
 */
#include <lwip/tcp.h>

#include "guest/mm/slab.h"
#include "guest/net/configure.h"
#include "guest/net/inet_socket.h"
#include "guest/net/offload.h"
#include "guest/net/stack.h"

#define BACKLOG_MAX 255 /* lwIP counts in a byte */

int inet_stream_new(struct inet *inet)
{
	inet->tcp = tcp_new();
	if (!inet->tcp)
		return -ENOBUFS;
	inet->is_broken = false;
	inet_stream_serve(inet);
	inet_apply_options(inet);
	return 0;
}

/* After a failed connect(), which leaves no PCB, the socket may be used once more. */
static int ensure_pcb(struct inet *inet)
{
	return inet->tcp ? 0 : inet->was_connected ? -EINVAL : inet_stream_new(inet);
}

static void note_ends(struct inet *inet)
{
	inet->local = (struct end){inet->tcp->local_ip, inet->tcp->local_port};
	inet->peer = (struct end){inet->tcp->remote_ip, inet->tcp->remote_port};
}

int inet_stream_bind(struct inet *inet, const struct end *end)
{
	int error = ensure_pcb(inet);

	if (error)
		return error;
	if (inet->local.port || inet->tcp->state != CLOSED)
		return -EINVAL;
	error = inet_error(tcp_bind(inet->tcp, &end->ip, end->port));
	if (!error)
		inet->local = (struct end){inet->tcp->local_ip, inet->tcp->local_port};
	return error;
}

/* --- listening */
/* A connection that is complete waits for accept(). */
static err_t accepted(void *context, struct tcp_pcb *pcb, err_t error)
{
	struct inet *listener = context, *inet;

	if (error || !pcb)
		return ERR_VAL;
	inet = inet_allocate(SOCK_STREAM, IPPROTO_TCP);
	if (!inet)
		return ERR_MEM; /* lwIP resets the connection */
	inet->tcp = pcb;
	inet->was_connected = true;
	note_ends(inet);
	inet_stream_serve(inet);
	offload_connection(pcb);
	inet->room = tcp_sndbuf(pcb);
	tcp_backlog_delayed(pcb);
	list_add_last(&listener->backlog, &inet->in_backlog);
	listener->backlog_count++;
	waitq_wake(&listener->changed);
	return ERR_OK;
}

static void set_backlog(struct inet *inet, unsigned backlog)
{
	struct tcp_pcb_listen *pcb = (struct tcp_pcb_listen *)inet->tcp;

	pcb->backlog = backlog >= BACKLOG_MAX ? BACKLOG_MAX : (u8_t)(backlog + 1);
}

int inet_stream_listen(struct inet *inet, unsigned backlog)
{
	struct tcp_pcb *pcb;
	err_t problem;
	int error = ensure_pcb(inet);

	if (error)
		return error;
	if (inet->is_listening) {
		set_backlog(inet, backlog);
		return 0;
	}
	if (inet->tcp->state != CLOSED)
		return -EINVAL;
	if (!inet->local.port)
		error = inet_stream_bind(inet, &(struct end){.port = 0});
	if (error)
		return error;
	pcb = tcp_listen_with_backlog_and_err(inet->tcp, 1, &problem);
	if (!pcb)
		return inet_error(problem);
	inet->tcp = pcb;
	inet->is_listening = true;
	set_backlog(inet, backlog);
	tcp_arg(pcb, inet);
	tcp_accept(pcb, accepted);
	return 0;
}

static struct inet *pop_backlog(struct inet *listener)
{
	struct inet *inet = NULL;
	struct list *link;

	net_lock();
	link = list_pop(&listener->backlog);
	if (link) {
		listener->backlog_count--;
		inet = container_of(link, struct inet, in_backlog);
		if (inet->tcp)
			tcp_backlog_accepted(inet->tcp);
	}
	net_unlock();
	return inet;
}

int inet_stream_accept(struct inet *listener, bool waits, unsigned flags, struct file **file)
{
	struct inet *inet;
	int error;

	if (!listener->is_listening)
		return -EINVAL;
	while (!(inet = pop_backlog(listener))) {
		if (listener->no_more_in)
			return -EINVAL;
		if (!waits)
			return -EAGAIN;
		error = inet_wait(listener,
				  !list_is_empty(&listener->backlog) || listener->no_more_in,
				  listener->receive_wait_ns);
		if (error)
			return error;
	}
	error = inet_open(inet, flags, file);
	if (error) {
		net_lock();
		inet_stream_close(inet);
		net_unlock();
		kfree(inet);
	}
	return error;
}

/* --- connecting */
static err_t connected(void *context, struct tcp_pcb *pcb, err_t error)
{
	struct inet *inet = context;

	(void)error; /* lwIP calls this for success only */
	inet->is_connecting = false;
	inet->was_connected = true;
	note_ends(inet);
	offload_connection(pcb);
	inet->room = tcp_sndbuf(pcb);
	waitq_wake(&inet->changed);
	return ERR_OK;
}

static int start_connecting(struct inet *inet, const struct end *end)
{
	int error = ensure_pcb(inet);

	if (error)
		return error;
	error = inet_error(tcp_connect(inet->tcp, &end->ip, end->port, connected));
	if (error)
		return error == -ENOMEM ? -EADDRNOTAVAIL : error;
	inet->is_connecting = true;
	inet->error = 0;
	note_ends(inet);
	return 0;
}

/* What connect() says before it waits: 0: the connection is on its way since now. */
static int begin(struct inet *inet, const struct end *end)
{
	int error = 0;

	net_lock();
	if (inet->is_listening || inet->was_connected)
		error = -EISCONN;
	else if (inet->is_connecting)
		error = -EALREADY;
	else if (inet->error)
		error = inet_take_error(inet);
	else
		error = start_connecting(inet, end);
	net_unlock();
	return error;
}

int inet_stream_connect(struct inet *inet, const struct end *end, bool waits)
{
	int error = begin(inet, end);

	if (error == -ENETUNREACH) { /* perhaps only not yet */
		configure_await();
		error = begin(inet, end);
	}
	if (error && (error != -EALREADY || !waits))
		return error;
	if (!waits && inet->is_connecting)
		return -EINPROGRESS;
	error = inet_wait(inet, !inet->is_connecting, inet->send_wait_ns);
	if (error)
		return error == -EAGAIN ? -EINPROGRESS : error;
	return inet_take_error(inet);
}

/* --- ending */
int inet_stream_shutdown(struct inet *inet, bool in, bool out)
{
	if (inet->is_listening) {
		inet->no_more_in |= in;
		return 0;
	}
	if (!inet->was_connected || (!inet->tcp && inet->is_broken))
		return -ENOTCONN;
	inet->no_more_in |= in;
	if (out && !inet->no_more_out && inet->tcp)
		tcp_shutdown(inet->tcp, 0, 1);
	inet->no_more_out |= out;
	inet_stream_let_go(inet);
	return 0;
}

/* What is still to be sent finds no memory for its end: tried again by lwIP's clock. */
static err_t close_later(void *unused, struct tcp_pcb *pcb)
{
	(void)unused;
	if (tcp_close(pcb) == ERR_OK)
		tcp_poll(pcb, NULL, 0);
	return ERR_OK;
}

static void drop_backlog(struct inet *listener)
{
	struct list *link;

	while ((link = list_pop(&listener->backlog))) {
		struct inet *inet = container_of(link, struct inet, in_backlog);

		if (inet->tcp) {
			tcp_arg(inet->tcp, NULL);
			tcp_err(inet->tcp, NULL);
			tcp_abort(inet->tcp);
		}
		while ((link = list_pop(&inet->arrivals))) {
			pbuf_free(container_of(link, struct arrival, link)->data);
			kfree(container_of(link, struct arrival, link));
		}
		kfree(inet);
	}
}

void inet_stream_close(struct inet *inet)
{
	struct tcp_pcb *pcb = inet->tcp;

	drop_backlog(inet);
	inet->tcp = NULL;
	if (!pcb)
		return;
	tcp_arg(pcb, NULL);
	if (inet->is_listening) {
		tcp_accept(pcb, NULL);
		tcp_close(pcb);
		return;
	}
	tcp_recv(pcb, NULL);
	tcp_sent(pcb, NULL);
	tcp_err(pcb, NULL);
	if (inet->lingers && !inet->linger_s)
		tcp_abort(pcb);
	else if (tcp_close(pcb))
		tcp_poll(pcb, close_later, 1);
}

/* SPDX-License-Identifier: MIT
 *
 * Connections of virtio-vsock: credit both ways, half-closed and closed ends, and the bytes between (virtio 1.2 §5.10.6).
 *
 * Towards the guest nothing is stored: bytes go from the socket into the guest's buffer, as many as its credit
 * covers. Towards the host what the socket does not take waits in a buffer as large as the credit given.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "loop/loop.h"
#include "virtio/vsock_internal.h"

#define CREDIT_UPDATE_BYTES (VSOCK_BUFFER_BYTES / 2)

/* --- life */

static void close_socket(struct vsock_conn *conn)
{
	if (conn->fd >= 0) {
		loop_remove_fd(conn->vsock->loop, conn->fd);
		close(conn->fd);
	}
	conn->fd = -1;
	conn->readable = false;
	free(conn->buffer);
	conn->buffer = NULL;
	conn->buffer_bytes = 0;
}

void vsock_conn_remove(struct vsock_conn *conn)
{
	struct vsock *vsock = conn->vsock;
	unsigned i = 0;

	close_socket(conn);
	while (vsock->conn[i] != conn)
		i++;
	vsock->conn[i] = vsock->conn[--vsock->conn_count];
	free(conn);
}

void vsock_conn_kill(struct vsock_conn *conn)
{
	bool guest_knows = conn->state != VSOCK_HANDSHAKE &&
			   !(conn->pending & 1 << VSOCK_OP_REQUEST);

	if (!guest_knows) {
		vsock_conn_remove(conn);
		return;
	}
	close_socket(conn);
	conn->state = VSOCK_DEAD;
	conn->pending = 1 << VSOCK_OP_RST;
	vsock_kick_receive(conn->vsock);
}

/* A guest that never answers a shutdown keeps nobody else out. */
static void evict_closing(struct vsock *vsock)
{
	for (unsigned i = 0; i < vsock->conn_count; i++) {
		if (vsock->conn[i]->state == VSOCK_CLOSING && !vsock->conn[i]->pending) {
			vsock_conn_remove(vsock->conn[i]);
			return;
		}
	}
}

struct vsock_conn *vsock_conn_find(const struct vsock *vsock, uint32_t host_port,
				   uint32_t guest_port)
{
	for (unsigned i = 0; i < vsock->conn_count; i++) {
		struct vsock_conn *conn = vsock->conn[i];

		if (conn->host_port == host_port && conn->guest_port == guest_port &&
		    conn->state != VSOCK_HANDSHAKE)
			return conn;
	}
	return NULL;
}

/* --- guest to host */

static void want(struct vsock_conn *conn, unsigned op)
{
	conn->pending |= 1u << op;
	vsock_kick_receive(conn->vsock);
}

static void count_forwarded(struct vsock_conn *conn, uint32_t len_bytes)
{
	conn->fwd_cnt += len_bytes;
	if (conn->fwd_cnt - conn->told_fwd_cnt >= CREDIT_UPDATE_BYTES)
		want(conn, VSOCK_OP_CREDIT_UPDATE);
}

/* The host's program closed its end: bytes for it are dropped, those it left behind still go to the guest. False:
 * the guest takes none, so the connection was killed. */
static bool reader_is_gone(struct vsock_conn *conn)
{
	conn->hung_up = true;
	if (conn->guest_shut & VSOCK_SHUT_RECEIVE) {
		vsock_conn_kill(conn);
		return false;
	}
	conn->readable = !conn->host_shut;
	vsock_kick_receive(conn->vsock);
	return true;
}

/* How much the socket took; -1: the connection was killed. */
static ssize_t write_out(struct vsock_conn *conn, struct iovec *iov, unsigned count)
{
	struct msghdr message = {.msg_iov = iov, .msg_iovlen = count};
	ssize_t written = sendmsg(conn->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (written < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (written < 0) {
		if (!reader_is_gone(conn))
			return -1;
		written = 0;
		for (unsigned i = 0; i < count; i++)
			written += (ssize_t)iov[i].iov_len;
	}
	count_forwarded(conn, (uint32_t)written);
	return written;
}

/* The guest said that no more comes: the host's program is told when it has read all. */
static void finish_sending(struct vsock_conn *conn)
{
	if (conn->buffer_bytes || conn->fd < 0)
		return;
	if (conn->guest_shut == VSOCK_SHUT_BOTH)
		vsock_conn_kill(conn); /* §5.10.6.5: a RST confirms */
	else if (conn->guest_shut & VSOCK_SHUT_SEND)
		shutdown(conn->fd, SHUT_WR);
}

/* False: the connection was killed. */
static bool flush(struct vsock_conn *conn)
{
	while (conn->buffer_bytes) {
		uint32_t run = VSOCK_BUFFER_BYTES - conn->buffer_head;
		struct iovec iov = {conn->buffer + conn->buffer_head,
				    run < conn->buffer_bytes ? run : conn->buffer_bytes};
		ssize_t written = write_out(conn, &iov, 1);

		if (written < 0)
			return false;
		if (written == 0)
			return true;
		conn->buffer_head = (conn->buffer_head + (uint32_t)written) % VSOCK_BUFFER_BYTES;
		conn->buffer_bytes -= (uint32_t)written;
	}
	free(conn->buffer);
	conn->buffer = NULL;
	finish_sending(conn);
	return true;
}

/* Puts len_bytes of the chain, from offset on, behind what waits; there is room. */
static bool store(struct vsock_conn *conn, const struct virtq_chain *chain, uint32_t offset,
		  uint32_t len_bytes)
{
	if (!conn->buffer)
		conn->buffer = malloc(VSOCK_BUFFER_BYTES);
	if (!conn->buffer)
		return false;
	while (len_bytes) {
		uint32_t tail = (conn->buffer_head + conn->buffer_bytes) % VSOCK_BUFFER_BYTES;
		uint32_t run = VSOCK_BUFFER_BYTES - tail;

		run = virtq_chain_read(chain, offset, conn->buffer + tail,
				       run < len_bytes ? run : len_bytes);
		conn->buffer_bytes += run;
		offset += run;
		len_bytes -= run;
	}
	return true;
}

/* The part [skip, skip + len_bytes) of from[] as a list of its own. Returns how many entries. */
static unsigned cut(const struct iovec *from, unsigned count, size_t skip, size_t len_bytes,
		    struct iovec to[VSOCK_CHAIN_MAX])
{
	unsigned made = 0;

	for (unsigned i = 0; i < count && len_bytes; i++) {
		size_t length = from[i].iov_len;

		if (skip >= length) {
			skip -= length;
			continue;
		}
		length -= skip;
		if (length > len_bytes)
			length = len_bytes;
		to[made++] = (struct iovec){(uint8_t *)from[i].iov_base + skip, length};
		len_bytes -= length;
		skip = 0;
	}
	return made;
}

static void take_bytes(struct vsock_conn *conn, const struct virtq_chain *chain, uint32_t len_bytes)
{
	struct iovec iov[VSOCK_CHAIN_MAX];
	ssize_t written = 0;

	if (conn->state != VSOCK_OPEN)
		return; /* on its way while the other end went */
	if (len_bytes > VSOCK_BUFFER_BYTES - conn->buffer_bytes ||
	    conn->guest_shut & VSOCK_SHUT_SEND) {
		vsock_conn_kill(conn); /* more than it was given credit for */
		return;
	}
	if (!conn->buffer_bytes) {
		unsigned count = cut(chain->iov, chain->out_count, sizeof(struct vsock_header),
				     len_bytes, iov);

		written = write_out(conn, iov, count);
	}
	if (written < 0 || (uint32_t)written == len_bytes)
		return;
	if (!store(conn, chain, (uint32_t)sizeof(struct vsock_header) + (uint32_t)written,
		   len_bytes - (uint32_t)written))
		vsock_conn_kill(conn);
}

static void take_response(struct vsock_conn *conn)
{
	char line[VSOCK_LINE_BYTES];
	int length = snprintf(line, sizeof(line), "OK %u\n", conn->host_port);

	if (conn->state != VSOCK_REQUESTED || conn->pending & 1 << VSOCK_OP_REQUEST ||
	    send(conn->fd, line, (size_t)length, MSG_NOSIGNAL | MSG_DONTWAIT) != length) {
		vsock_conn_kill(conn);
		return;
	}
	conn->state = VSOCK_OPEN;
	vsock_kick_receive(conn->vsock);
}

static void take_shutdown(struct vsock_conn *conn, uint32_t flags)
{
	conn->guest_shut |= flags & VSOCK_SHUT_BOTH;
	if (conn->state == VSOCK_OPEN)
		finish_sending(conn);
	else
		vsock_conn_kill(conn);
}

static void take_credit(struct vsock_conn *conn, const struct vsock_header *header)
{
	if (header->buf_alloc != conn->peer_buf_alloc || header->fwd_cnt != conn->peer_fwd_cnt)
		conn->asked_for_credit = false;
	conn->peer_buf_alloc = header->buf_alloc;
	conn->peer_fwd_cnt = header->fwd_cnt;
	if (conn->readable)
		vsock_kick_receive(conn->vsock);
}

void vsock_conn_take(struct vsock_conn *conn, const struct vsock_header *header,
		     const struct virtq_chain *chain)
{
	if (conn->state == VSOCK_DEAD && header->op != VSOCK_OP_RST)
		return; /* a RST is on its way */
	take_credit(conn, header);
	switch (header->op) {
	case VSOCK_OP_RESPONSE: take_response(conn); break;
	case VSOCK_OP_RST: vsock_conn_remove(conn); break;
	case VSOCK_OP_SHUTDOWN: take_shutdown(conn, header->flags); break;
	case VSOCK_OP_RW: take_bytes(conn, chain, header->len_bytes); break;
	case VSOCK_OP_CREDIT_UPDATE: break;
	case VSOCK_OP_CREDIT_REQUEST: want(conn, VSOCK_OP_CREDIT_UPDATE); break;
	default: vsock_conn_kill(conn); break; /* among them a second REQUEST */
	}
}

/* --- host to guest */

static uint32_t credit(const struct vsock_conn *conn)
{
	uint32_t in_flight = conn->sent_bytes - conn->peer_fwd_cnt;

	return in_flight < conn->peer_buf_alloc ? conn->peer_buf_alloc - in_flight : 0;
}

static bool can_send_bytes(const struct vsock_conn *conn)
{
	return conn->state == VSOCK_OPEN && conn->readable &&
	       !(conn->guest_shut & VSOCK_SHUT_RECEIVE);
}

bool vsock_conn_has_packet(const struct vsock_conn *conn)
{
	return conn->pending || (can_send_bytes(conn) && (credit(conn) || !conn->asked_for_credit));
}

/* The host's program shut its end, or both. */
static void end_of_stream(struct vsock_conn *conn)
{
	struct pollfd state = {.fd = conn->fd};

	conn->readable = false;
	conn->hung_up |= poll(&state, 1, 0) > 0 && state.revents & POLLHUP;
	conn->host_shut = conn->hung_up ? VSOCK_SHUT_BOTH : VSOCK_SHUT_SEND;
	conn->pending |= 1 << VSOCK_OP_SHUTDOWN;
}

/* Bytes from the socket; 0: it has none, whatever else there is to send now. */
static uint32_t read_in(struct vsock_conn *conn, const struct iovec *to, unsigned to_count,
			uint32_t room)
{
	struct iovec iov[VSOCK_CHAIN_MAX];
	uint32_t most = credit(conn) < room ? credit(conn) : room;
	ssize_t got;

	if (!most) {
		if (!conn->asked_for_credit)
			conn->pending |= 1 << VSOCK_OP_CREDIT_REQUEST;
		conn->asked_for_credit = true;
		return 0;
	}
	got = readv(conn->fd, iov, (int)cut(to, to_count, 0, most, iov));
	if (got < 0 && errno == EAGAIN)
		conn->readable = false;
	else if (got <= 0 && errno != EINTR)
		end_of_stream(conn);
	conn->sent_bytes += got > 0 ? (uint32_t)got : 0;
	return got > 0 ? (uint32_t)got : 0;
}

static unsigned next_op(const struct vsock_conn *conn)
{
	static const uint8_t order[] = {VSOCK_OP_RST,		VSOCK_OP_REQUEST,
					VSOCK_OP_RESPONSE,	VSOCK_OP_SHUTDOWN,
					VSOCK_OP_CREDIT_UPDATE, VSOCK_OP_CREDIT_REQUEST};

	for (unsigned i = 0; i < sizeof(order); i++)
		if (conn->pending & 1u << order[i])
			return order[i];
	return VSOCK_OP_INVALID;
}

bool vsock_conn_give(struct vsock_conn *conn, struct vsock_header *header, const struct iovec *to,
		     unsigned to_count, uint32_t room, bool *ended)
{
	unsigned first = next_op(conn);
	uint32_t got = 0;

	*ended = false;
	if (first != VSOCK_OP_RST && first != VSOCK_OP_RESPONSE && can_send_bytes(conn))
		got = read_in(conn, to, to_count, room);
	header->op = (uint16_t)(got ? VSOCK_OP_RW : next_op(conn));
	if (header->op == VSOCK_OP_INVALID)
		return false;
	header->src_port = conn->host_port;
	header->dst_port = conn->guest_port;
	header->len_bytes = got;
	header->fwd_cnt = conn->told_fwd_cnt = conn->fwd_cnt;
	header->flags = header->op == VSOCK_OP_SHUTDOWN ? conn->host_shut : 0;
	conn->pending &= ~(1u << header->op | 1u << VSOCK_OP_CREDIT_UPDATE);
	*ended = header->op == VSOCK_OP_RST;
	if (header->op == VSOCK_OP_SHUTDOWN && conn->host_shut == VSOCK_SHUT_BOTH) {
		close_socket(conn);
		conn->state = VSOCK_CLOSING;
		conn->pending = 0;
	}
	return true;
}

/* --- the socket's events, edge-triggered: what is noted here stays true until read() or write() disagrees */

/* After the guest was told of one end, the other may go too. */
static void note_hang_up(struct vsock_conn *conn)
{
	conn->hung_up = true;
	if (conn->state == VSOCK_OPEN && conn->host_shut == VSOCK_SHUT_SEND) {
		conn->host_shut = VSOCK_SHUT_BOTH;
		want(conn, VSOCK_OP_SHUTDOWN);
	} else if (conn->state == VSOCK_OPEN && conn->guest_shut & VSOCK_SHUT_RECEIVE) {
		vsock_conn_kill(conn); /* nobody reads what was there to read */
	} else if (conn->state == VSOCK_REQUESTED) {
		vsock_conn_kill(conn);
	}
}

static void socket_ready(void *ctx, uint32_t events)
{
	struct vsock_conn *conn = ctx;
	struct vsock *vsock = conn->vsock;

	if (events & EPOLLOUT && conn->state == VSOCK_OPEN && conn->buffer_bytes && !flush(conn))
		return;
	if (conn->fd < 0)
		return;
	if (conn->state == VSOCK_HANDSHAKE) {
		conn->hung_up |= events & EPOLLHUP;
		vsock_host_handshake(conn);
		return;
	}
	if (events & (EPOLLIN | EPOLLHUP | EPOLLRDHUP | EPOLLERR) && !conn->host_shut) {
		conn->readable = true;
		vsock_kick_receive(vsock);
	}
	if (events & (EPOLLHUP | EPOLLERR))
		note_hang_up(conn);
}

struct vsock_conn *vsock_conn_add(struct vsock *vsock, int fd, enum vsock_state state)
{
	struct vsock_conn *conn = NULL;

	if (vsock->conn_count == VSOCK_CONN_MAX)
		evict_closing(vsock);
	if (vsock->conn_count < VSOCK_CONN_MAX)
		conn = calloc(1, sizeof(*conn));
	if (!conn ||
	    loop_add_fd(vsock->loop, fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP | (uint32_t)EPOLLET,
			socket_ready, conn) < 0) {
		free(conn);
		close(fd);
		return NULL;
	}
	conn->vsock = vsock;
	conn->fd = fd;
	conn->state = state;
	vsock->conn[vsock->conn_count++] = conn;
	return conn;
}

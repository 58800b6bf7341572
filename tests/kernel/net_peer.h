/* SPDX-License-Identifier: MIT
 *
 * The neighbour of net_wire.h as somebody to talk to: what the guest sent is kept until a test takes it, ARP is
 * answered, and TCP's numbers are kept. It never acknowledges or repeats anything by itself.
 */
#ifndef TESTS_KERNEL_NET_PEER_H
#define TESTS_KERNEL_NET_PEER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/kernel/net_wire.h"

#define WIRE_FRAMES 512
#define TICK_MS 250

struct peer { /* one end of a connection */
	uint16_t port, guest_port;
	uint32_t next;	   /* the number of its next byte */
	uint32_t expected; /* what it acknowledges */
	uint16_t window;
};

struct segment { /* of the guest's; data is valid until the next frame */
	uint16_t port, guest_port;
	uint32_t number, acknowledged;
	unsigned flags, window, bytes;
	const uint8_t *data;
};

/* --- what the guest has sent, apart from ARP */
static struct {
	struct {
		uint8_t bytes[NET_FRAME_MAX];
		unsigned length;
	} frame[WIRE_FRAMES];
	unsigned first, end;
	bool asked; /* for our address */
} wire;

static inline void wire_keep(const uint8_t *frame, unsigned bytes)
{
	if (be16_get(frame + 12) == 0x0806) {
		wire.asked |= frame[21] == 1 && !memcmp(frame + 38, our_ip, 4);
		return;
	}
	if (wire.first == wire.end)
		wire.first = wire.end = 0;
	assert_true(wire.end < WIRE_FRAMES);
	memcpy(wire.frame[wire.end].bytes, frame, bytes);
	wire.frame[wire.end++].length = bytes;
}

static inline void wire_forget(void)
{
	wire.first = wire.end = 0;
}

static inline void wire_answer_arp(void)
{
	uint8_t frame[64];

	if (!wire.asked)
		return;
	wire.asked = false;
	rig_deliver(frame, (unsigned)make_arp(frame, 2));
}

/* Time passes as fast as the stack's clocks tick. */
static inline void wire_pass(unsigned ms)
{
	for (; ms; ms -= ms < TICK_MS ? ms : TICK_MS) {
		rig_pass((ms < TICK_MS ? ms : TICK_MS) * RIG_MS);
		wire_answer_arp();
	}
}

/* The guest's next packet of that protocol; others before it are lost. NULL: there is none. */
static inline const uint8_t *wire_take(uint8_t protocol)
{
	wire_answer_arp();
	while (wire.first < wire.end) {
		const uint8_t *frame = wire.frame[wire.first++].bytes;

		if (frame[23] == protocol)
			return frame;
	}
	return NULL;
}

/* For cmocka's group setup. */
static inline int wire_start(void **state)
{
	uint8_t frame[64];

	(void)state;
	rig_start();
	rig_sent = wire_keep;
	rig_pass(RIG_MS);
	rig_deliver(frame, (unsigned)make_arp(frame, 1)); /* so it knows us */
	return 0;
}

/* Bytes that differ from place to place. */
static inline void fill(uint8_t *data, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		data[i] = (uint8_t)(i * 7 + i / 251);
}

/* --- TCP */
static inline size_t make_tcp(uint8_t *frame, const struct peer *peer, uint32_t number,
			      unsigned flags, const void *data, size_t bytes)
{
	const size_t at = make_ip(frame, 6, 20 + bytes, 0);
	uint8_t *tcp = frame + at;

	memset(tcp, 0, 20);
	be16_put(tcp, peer->port);
	be16_put(tcp + 2, peer->guest_port);
	be32_put(tcp + 4, number);
	be32_put(tcp + 8, flags & TCP_ACK ? peer->expected : 0);
	tcp[12] = 0x50;
	tcp[13] = (uint8_t)flags;
	be16_put(tcp + 14, peer->window);
	if (bytes)
		memcpy(tcp + 20, data, bytes);
	put_sums_right(frame, at + 20 + bytes);
	return at + 20 + bytes;
}

/* Sends a segment that starts offset bytes ahead of what comes next, and does not count it. */
static inline void peer_send_ahead(const struct peer *peer, uint32_t offset, const void *data,
				   size_t bytes)
{
	uint8_t frame[NET_FRAME_MAX];

	rig_deliver(frame,
		    (unsigned)make_tcp(frame, peer, peer->next + offset, TCP_ACK, data, bytes));
}

static inline void peer_send(struct peer *peer, unsigned flags, const void *data, size_t bytes)
{
	uint8_t frame[NET_FRAME_MAX];

	rig_deliver(frame, (unsigned)make_tcp(frame, peer, peer->next, flags, data, bytes));
	peer->next += (uint32_t)bytes + (flags & (TCP_SYN | TCP_FIN) ? 1 : 0);
}

/* false: the guest sent none. */
static inline bool take_segment(struct segment *segment)
{
	const uint8_t *frame = wire_take(6), *tcp = frame + 34;

	if (!frame)
		return false;
	assert_true(sums_hold(frame));
	*segment = (struct segment){.guest_port = (uint16_t)be16_get(tcp),
				    .port = (uint16_t)be16_get(tcp + 2),
				    .number = be32_get(tcp + 4),
				    .acknowledged = be32_get(tcp + 8),
				    .flags = tcp[13],
				    .window = be16_get(tcp + 14),
				    .bytes = be16_get(frame + 16) - 20 - (tcp[12] >> 4) * 4u,
				    .data = tcp + (tcp[12] >> 4) * 4u};
	return true;
}

/* Takes and acknowledges what comes within that time: its length. */
static inline size_t peer_read(struct peer *peer, uint8_t *to, size_t room, unsigned ms)
{
	struct segment segment;
	size_t done = 0;

	for (;; ms -= TICK_MS, wire_pass(TICK_MS)) {
		while (take_segment(&segment)) {
			if (segment.number != peer->expected || !segment.bytes)
				continue;
			assert_true(done + segment.bytes <= room);
			memcpy(to + done, segment.data, segment.bytes);
			done += segment.bytes;
			peer->expected += segment.bytes;
			peer_send(peer, TCP_ACK, NULL, 0);
		}
		if (ms < TICK_MS)
			return done;
	}
}

static inline struct file *listen_at(uint16_t port, unsigned backlog)
{
	const struct socket_name any = rig_name(0, 0, 0, 0, port);
	struct file *listener = rig_socket(SOCK_STREAM, 0);

	assert_int_equal(listener->operations->socket->bind(listener, &any), 0);
	assert_int_equal(listener->operations->socket->listen(listener, backlog), 0);
	return listener;
}

/* NULL: nobody waits. */
static inline struct file *accept_one(struct file *listener)
{
	struct socket_name name;
	struct file *file = NULL;

	if (listener->operations->socket->accept(listener, SOCK_NONBLOCK, &file, &name))
		return NULL;
	return file;
}

/* Connects to the guest's listener. */
static inline struct file *peer_connect(struct peer *peer, struct file *listener)
{
	struct segment answer;
	struct file *file;

	peer->next = 1000;
	peer_send(peer, TCP_SYN, NULL, 0);
	assert_true(take_segment(&answer));
	assert_int_equal(answer.flags, TCP_SYN | TCP_ACK);
	assert_int_equal(answer.acknowledged, peer->next);
	assert_int_equal(answer.port, peer->port);
	peer->expected = answer.number + 1;
	peer_send(peer, TCP_ACK, NULL, 0);
	file = accept_one(listener);
	assert_non_null(file);
	return file;
}

static inline int socket_error(struct file *file)
{
	int32_t error = 0;
	uint32_t length = sizeof(error);

	assert_int_equal(file->operations->socket->get_option(file, SOL_SOCKET, SO_ERROR,
							      (uint64_t)&error, (uint64_t)&length),
			 0);
	return -error;
}

/* Ends it without farewell, as seen from both sides. */
static inline void break_off(struct peer *peer, struct file *file)
{
	peer_send(peer, TCP_RST | TCP_ACK, NULL, 0);
	rig_close(file);
	wire_forget();
}

#endif

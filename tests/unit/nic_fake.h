/* SPDX-License-Identifier: MIT
 *
 * What tests of network cards put in the place of the back end and of the card's thread: a wire
 * that keeps what was sent and hands out what was put on it, and a loop that runs when told to.
 * Once in a program, in the place of dev_fake.h, which it includes.
 */
#ifndef VITRINE_TESTS_NIC_FAKE_H
#define VITRINE_TESTS_NIC_FAKE_H

#include "dev_fake.h"

#include <unistd.h>

#include "backend/net.h"
#include "dev/nic.h"
#include "loop/batching.h"
#include "loop/loop_thread.h"

#define WIRE_FRAMES 4096

struct wire_frame {
	size_t len_bytes; /* header included */
	uint8_t *bytes;
};

struct net {
	struct net_info info;
	struct wire_frame sent[WIRE_FRAMES];
	unsigned sent_count;
	unsigned send_room; /* frames taken before -EAGAIN */
	struct wire_frame coming[WIRE_FRAMES];
	unsigned coming_first, coming_count;
	unsigned send_calls, receive_calls;
	bool down;
	void (*readable)(void *ctx);
	void (*writable)(void *ctx);
	void *ctx;
	void (*link_changed)(void *ctx);
	void *link_ctx;
};

static struct net wire;
static uint16_t wire_mtu = 1500; /* of wires to come */

/* --- the card's thread: run by fake_thread_run() */

struct loop_thread {
	bool started;
};

static struct loop_thread fake_thread;
static int fake_kick_fd = -1;
static loop_fd_fn *fake_kick_fn;
static void *fake_kick_ctx;

int loop_thread_create(const char *name, struct loop_thread **out)
{
	(void)name;
	*out = &fake_thread;
	return 0;
}

int loop_thread_start(struct loop_thread *thread)
{
	thread->started = true;
	return 0;
}

struct loop *loop_thread_loop(struct loop_thread *thread)
{
	(void)thread;
	return fake_loop();
}

void loop_thread_stop(struct loop_thread *thread)
{
	thread->started = false;
}

void loop_thread_destroy(struct loop_thread *thread)
{
	(void)thread;
	fake_kick_fd = -1;
}

int loop_add_fd(struct loop *loop, int fd, uint32_t events, loop_fd_fn *fn, void *ctx)
{
	(void)loop;
	(void)events;
	fake_kick_fd = fd;
	fake_kick_fn = fn;
	fake_kick_ctx = ctx;
	return 0;
}

static unsigned batching_updates, batching_requests;

void batching_update(struct batching *batching, unsigned requests)
{
	(void)batching;
	batching_updates++;
	batching_requests += requests;
}

/* Serves kicks until none is left. How many there were. */
static inline unsigned fake_thread_run(void)
{
	unsigned kicks = 0;
	uint64_t count;

	while (fake_kick_fd >= 0 && kicks < 100000 &&
	       read(fake_kick_fd, &count, sizeof(count)) == (ssize_t)sizeof(count)) {
		fake_kick_fn(fake_kick_ctx, 0);
		kicks++;
	}
	return kicks;
}

/* --- the wire */

struct net_info net_get_info(const struct net *net)
{
	return net->info;
}

int net_set_offloads(struct net *net, unsigned offloads)
{
	(void)net;
	return offloads ? -EOPNOTSUPP : 0;
}

int net_listen(struct net *net, unsigned pair, struct loop *loop, void (*readable)(void *ctx),
	       void (*writable)(void *ctx), void *ctx)
{
	(void)pair;
	(void)loop;
	net->readable = readable;
	net->writable = writable;
	net->ctx = ctx;
	return 0;
}

bool net_link_is_up(const struct net *net)
{
	return !net->down;
}

void net_on_link_change(struct net *net, void (*changed)(void *ctx), void *ctx)
{
	net->link_changed = changed;
	net->link_ctx = ctx;
}

static inline void wire_keep(struct wire_frame *slot, const struct net_frame *frame)
{
	slot->len_bytes = 0;
	slot->bytes = malloc(frame->len_bytes ? frame->len_bytes : 1);
	for (unsigned i = 0; i < frame->iov_count; i++) {
		if (slot->len_bytes + frame->iov[i].iov_len > frame->len_bytes)
			abort(); /* the sum is not what the card says */
		memcpy(slot->bytes + slot->len_bytes, frame->iov[i].iov_base,
		       frame->iov[i].iov_len);
		slot->len_bytes += frame->iov[i].iov_len;
	}
	if (slot->len_bytes != frame->len_bytes || frame->len_bytes > NET_FRAME_MAX)
		abort();
}

int net_send_batch(struct net *net, unsigned pair, const struct net_frame *frame, unsigned count)
{
	unsigned taken = 0;

	(void)pair;
	net->send_calls++;
	if (!count || count > NET_BATCH_MAX)
		abort();
	for (; taken < count && net->send_room; taken++, net->send_room--) {
		if (net->sent_count < WIRE_FRAMES) {
			wire_keep(&net->sent[net->sent_count++], &frame[taken]);
			continue;
		}
		struct wire_frame lost;

		wire_keep(&lost, &frame[taken]);
		free(lost.bytes);
	}
	return taken ? (int)taken : -EAGAIN;
}

int net_receive_batch(struct net *net, unsigned pair, struct net_frame *frame, unsigned count)
{
	unsigned got = 0;

	(void)pair;
	net->receive_calls++;
	while (got < count && net->coming_first < net->coming_count) {
		struct wire_frame *from = &net->coming[net->coming_first++];
		size_t done = 0, room = 0;

		for (unsigned i = 0; i < frame[got].iov_count; i++)
			room += frame[got].iov[i].iov_len;
		for (unsigned i = 0; room >= from->len_bytes && i < frame[got].iov_count; i++) {
			size_t part = frame[got].iov[i].iov_len;

			part = part < from->len_bytes - done ? part : from->len_bytes - done;
			memcpy(frame[got].iov[i].iov_base, from->bytes + done, part);
			done += part;
		}
		frame[got].len_bytes = done;
		got += room >= from->len_bytes; /* what does not fit is dropped */
		free(from->bytes);
		from->bytes = NULL;
	}
	return got ? (int)got : -EAGAIN;
}

/* A frame arrives, Ethernet header on; the card hears of it with wire_tell(). */
static inline void wire_put(const void *frame, size_t len_bytes)
{
	struct wire_frame *slot = &wire.coming[wire.coming_count];

	if (wire.coming_count == WIRE_FRAMES)
		return;
	wire.coming_count++;
	slot->len_bytes = NET_HEADER_BYTES + len_bytes;
	slot->bytes = calloc(1, slot->len_bytes);
	memcpy(slot->bytes + NET_HEADER_BYTES, frame, len_bytes);
}

static inline void wire_tell(void)
{
	wire.readable(wire.ctx);
	fake_thread_run();
}

/* The Ethernet frame that was sent as number n. */
static inline const uint8_t *wire_sent(unsigned n, size_t *len_bytes)
{
	if (n >= wire.sent_count)
		return NULL;
	*len_bytes = wire.sent[n].len_bytes - NET_HEADER_BYTES;
	return wire.sent[n].bytes + NET_HEADER_BYTES;
}

static inline void wire_clear(void)
{
	for (unsigned i = 0; i < wire.sent_count; i++)
		free(wire.sent[i].bytes);
	for (unsigned i = wire.coming_first; i < wire.coming_count; i++)
		free(wire.coming[i].bytes);
	wire.sent_count = wire.coming_first = wire.coming_count = 0;
}

static inline void wire_init(unsigned offloads)
{
	static const uint8_t mac[6] = {0x52, 0x54, 0x00, 0x12, 0x34, 0x56};

	wire_clear();
	memset(&wire, 0, sizeof(wire));
	memcpy(wire.info.mac, mac, sizeof(mac));
	wire.info.mtu = wire_mtu;
	wire.info.offloads = offloads;
	wire.send_room = UINT32_MAX;
}

#endif

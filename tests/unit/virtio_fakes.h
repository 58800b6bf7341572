/* SPDX-License-Identifier: MIT
 *
 * What tests of virtio devices, and the fuzzer of the transports, put in the place of threads, loops, disks and wires: everything happens when
 * they say so, and back ends abort when a device hands them what their contracts rule out. To be
 * included once in a program.
 */
#ifndef VITRINE_TESTS_VIRTIO_FAKES_H
#define VITRINE_TESTS_VIRTIO_FAKES_H

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/block.h"
#include "backend/net.h"
#include "loop/batching.h"
#include "loop/loop.h"
#include "loop/loop_thread.h"

#define MUST(condition)           \
	do {                      \
		if (!(condition)) \
			abort();  \
	} while (0)

/* --- one loop for all threads */

#define SOURCES_MAX 64

struct loop_thread {
	int unused;
};

static struct fake_source {
	int fd;
	loop_fd_fn *fn;
	void *ctx;
} source[SOURCES_MAX];
static unsigned source_count;
static struct loop_thread the_thread;

static inline struct loop *the_loop(void)
{
	return (struct loop *)(void *)&the_thread;
}

int loop_add_fd(struct loop *loop, int fd, uint32_t events, loop_fd_fn *fn, void *ctx)
{
	(void)loop;
	(void)events;
	MUST(source_count < SOURCES_MAX);
	source[source_count++] = (struct fake_source){fd, fn, ctx};
	return 0;
}

/* run_loop() only looks whether one has rung. */
int loop_add_bell(struct loop *loop, int fd, loop_fd_fn *fn, void *ctx)
{
	MUST(fcntl(fd, F_SETFL, O_NONBLOCK) == 0);
	return loop_add_fd(loop, fd, 0, fn, ctx);
}

void loop_remove_fd(struct loop *loop, int fd)
{
	(void)loop;
	for (unsigned i = 0; i < source_count; i++)
		if (source[i].fd == fd)
			source[i--] = source[--source_count];
}

/* Calls whoever was rung. A device that rings itself for ever is left after a while. */
static inline void run_loop(void)
{
	bool again = true;
	uint64_t count;

	for (unsigned round = 0; again && round < 8; round++) {
		again = false;
		for (unsigned i = 0; i < source_count; i++)
			if (read(source[i].fd, &count, sizeof(count)) == sizeof(count)) {
				source[i].fn(source[i].ctx, 0);
				again = true;
			}
	}
}

/* As much of the rest of loop.h as virtio_rig.h needs: a turn is a turn. */
int loop_create(struct loop **out)
{
	*out = the_loop();
	return 0;
}

void loop_destroy(struct loop *loop)
{
	(void)loop;
}

int loop_run(struct loop *loop)
{
	(void)loop;
	run_loop();
	return 0;
}

void loop_stop(struct loop *loop)
{
	(void)loop;
}

int loop_timer_create(struct loop *loop, loop_timer_fn *fn, void *ctx, struct loop_timer **out)
{
	(void)loop;
	(void)fn;
	(void)ctx;
	*out = NULL;
	return 0;
}

void loop_timer_arm(struct loop_timer *timer, uint64_t delay_ns)
{
	(void)timer;
	(void)delay_ns;
}

void loop_timer_destroy(struct loop_timer *timer)
{
	(void)timer;
}

int loop_thread_create(const char *name, struct loop_thread **out)
{
	(void)name;
	*out = &the_thread;
	return 0;
}

int loop_thread_start(struct loop_thread *thread)
{
	(void)thread;
	return 0;
}

struct loop *loop_thread_loop(struct loop_thread *thread)
{
	(void)thread;
	return the_loop();
}

void loop_thread_stop(struct loop_thread *thread)
{
	(void)thread;
}

void loop_thread_destroy(struct loop_thread *thread)
{
	(void)thread;
}

int batching_set(pid_t thread, bool on)
{
	(void)thread;
	(void)on;
	return 0;
}

void batching_update(struct batching *batching, unsigned requests)
{
	batching->kicks += requests;
}

/* --- a disk that completes when told */

#define PENDING_MAX 2048

struct block {
	struct block_info info;
	uint8_t *bytes;				/* NULL: reads give 0xd1 */
	unsigned count[BLOCK_WRITE_ZEROES + 1]; /* of requests, by enum block_op */
	struct block_request last;
	void (*resized)(void *ctx);
	void *resized_ctx;
};

struct block_queue {
	struct block_request *pending[PENDING_MAX];
	unsigned count;
	pthread_mutex_t *lock;
};

static struct block disk;
static struct block_queue disk_queue[2];
static unsigned disk_queue_count;
static bool disk_is_quick; /* done inside block_submit() */
static int disk_error;

struct block_info block_get_info(const struct block *block)
{
	return block->info;
}

struct block_counters block_get_counters(const struct block *block)
{
	(void)block;
	return (struct block_counters){.errors = 3};
}

void block_on_resize(struct block *block, void (*resized)(void *ctx), void *ctx)
{
	block->resized = resized;
	block->resized_ctx = ctx;
}

int block_queue_create(struct block *block, struct loop *loop, pthread_mutex_t *lock,
		       struct block_queue **out)
{
	(void)block;
	(void)loop;
	MUST(disk_queue_count < 2);
	*out = &disk_queue[disk_queue_count++];
	**out = (struct block_queue){.lock = lock};
	return 0;
}

int block_queue_listen(struct block_queue *queue)
{
	(void)queue;
	return 0;
}

bool block_queue_is_busy(const struct block_queue *queue)
{
	return queue->count > 0;
}

void block_queue_destroy(struct block_queue *queue)
{
	MUST(!queue || queue->count == 0);
}

/* Touches every byte. */
static inline void use_buffers(const struct block_request *request)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < request->iov_count; i++) {
		uint8_t *at = disk.bytes ? disk.bytes + request->offset_bytes + sum : NULL;

		sum += request->iov[i].iov_len;
		MUST(request->iov[i].iov_len);
		if (at && request->op == BLOCK_READ)
			memcpy(request->iov[i].iov_base, at, request->iov[i].iov_len);
		else if (at)
			memcpy(at, request->iov[i].iov_base, request->iov[i].iov_len);
		else if (request->op == BLOCK_READ)
			memset(request->iov[i].iov_base, 0xd1, request->iov[i].iov_len);
		else
			for (size_t j = 0; j < request->iov[i].iov_len; j += 512)
				(void)((const volatile uint8_t *)request->iov[i].iov_base)[j];
	}
	MUST(sum == request->len_bytes);
}

static inline void check_request(const struct block_request *request)
{
	MUST(request->op == BLOCK_FLUSH || request->len_bytes > 0);
	MUST(request->offset_bytes % 512 == 0 && request->len_bytes % 512 == 0);
	MUST(request->len_bytes <= 1ULL << 32);
	MUST(!disk.info.read_only || request->op == BLOCK_READ || request->op == BLOCK_FLUSH);
	if (request->op == BLOCK_READ || request->op == BLOCK_WRITE)
		use_buffers(request);
}

void block_submit(struct block_queue *queue, struct block_request *request)
{
	check_request(request);
	disk.count[request->op]++;
	disk.last = *request;
	if (disk_is_quick) {
		request->done(request, disk_error);
		return;
	}
	MUST(queue->count < PENDING_MAX);
	queue->pending[queue->count++] = request;
}

void block_flush_batch(struct block_queue *queue)
{
	(void)queue;
}

/* The newest first: orders differ from those of submission. */
static inline void complete_one(struct block_queue *queue)
{
	struct block_request *request = queue->pending[--queue->count];

	if (request->op == BLOCK_READ || request->op == BLOCK_WRITE)
		use_buffers(request); /* they must still be there */
	request->done(request, disk_error);
}

void block_drain(struct block_queue *queue)
{
	while (queue->count)
		complete_one(queue);
}

static inline void disk_complete(unsigned most)
{
	for (unsigned i = 0; i < disk_queue_count; i++) {
		pthread_mutex_lock(disk_queue[i].lock);
		for (unsigned n = 0; n < most && disk_queue[i].count; n++)
			complete_one(&disk_queue[i]);
		pthread_mutex_unlock(disk_queue[i].lock);
	}
}

/* --- a wire with frames of any length on it */

struct net {
	struct net_info info;
	unsigned send_room;
	unsigned coming; /* frames that wait… */
	unsigned coming_bytes;
	const uint8_t *coming_frame; /* …with the header; NULL: bytes that say how long it is */
	uint8_t sent[NET_HEADER_BYTES + NET_FRAME_MAX]; /* the last one */
	size_t sent_bytes;
	unsigned sent_count;
	unsigned offloads;
	bool down;
	void (*readable)(void *ctx);
	void (*writable)(void *ctx);
	void *ctx;
	void (*link_changed)(void *ctx);
	void *link_ctx;
};

static struct net wire;

struct net_info net_get_info(const struct net *net)
{
	return net->info;
}

int net_set_offloads(struct net *net, unsigned offloads)
{
	net->offloads = offloads;
	return offloads & ~net->info.offloads ? -EOPNOTSUPP : 0;
}

int net_set_queue_pairs(struct net *net, unsigned pairs)
{
	MUST(pairs >= 1 && pairs <= net->info.queue_pairs);
	return 0;
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

static inline void take_frame(struct net *net, const struct net_frame *frame)
{
	uint8_t *copy = net->sent;
	size_t sum = 0;

	MUST(frame->len_bytes <= sizeof(net->sent) && frame->len_bytes > NET_HEADER_BYTES);
	for (unsigned i = 0; i < frame->iov_count; i++) {
		MUST(sum + frame->iov[i].iov_len <= frame->len_bytes);
		memcpy(copy + sum, frame->iov[i].iov_base, frame->iov[i].iov_len);
		sum += frame->iov[i].iov_len;
	}
	MUST(sum == frame->len_bytes);
	net->sent_bytes = sum;
	net->sent_count++;
	MUST(copy[1] == 0 || copy[0] == 1); /* segments without a checksum to be made */
}

int net_send_batch(struct net *net, unsigned pair, const struct net_frame *frame, unsigned count)
{
	unsigned taken = 0;

	MUST(pair < net->info.queue_pairs && count && count <= NET_BATCH_MAX);
	for (; taken < count && net->send_room; taken++, net->send_room--)
		take_frame(net, &frame[taken]);
	return taken ? (int)taken : -EAGAIN;
}

static inline size_t fill_frame(struct net_frame *frame, size_t len_bytes)
{
	size_t left = len_bytes;
	size_t room = 0;

	for (unsigned i = 0; i < frame->iov_count; i++)
		room += frame->iov[i].iov_len;
	if (room < len_bytes)
		return 0; /* dropped */
	for (unsigned i = 0; left && i < frame->iov_count; i++) {
		size_t part = frame->iov[i].iov_len < left ? frame->iov[i].iov_len : left;

		if (wire.coming_frame)
			memcpy(frame->iov[i].iov_base, wire.coming_frame + (len_bytes - left),
			       part);
		else
			memset(frame->iov[i].iov_base, (int)len_bytes & 0xfe, part);
		left -= part;
	}
	frame->len_bytes = len_bytes;
	return len_bytes;
}

int net_receive_batch(struct net *net, unsigned pair, struct net_frame *frame, unsigned count)
{
	unsigned got = 0;

	MUST(pair < net->info.queue_pairs && count && count <= NET_BATCH_MAX);
	while (got < count && net->coming) {
		net->coming--;
		got += fill_frame(&frame[got], net->coming_bytes) != 0;
	}
	return got ? (int)got : -EAGAIN;
}

#endif

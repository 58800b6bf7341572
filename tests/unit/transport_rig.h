/* SPDX-License-Identifier: MIT
 *
 * A transport around the toy model, as tests of both transports need it: guest RAM with two split rings in it, the main
 * loop, a wiring that remembers. To be included once in a program.
 */
#ifndef VITRINE_TESTS_TRANSPORT_RIG_H
#define VITRINE_TESTS_TRANSPORT_RIG_H

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "board/board.h"
#include "kvm/gmem.h"
#include "loop/loop.h"
#include "toy_model.h"
#include "virtio_ring.h"
#include "wiring_fake.h"

#define RAM_BYTES 0x400000u
#define RING_GPA(queue) (0x10000u + (queue)*0x10000u)
#define DESC_GPA(queue) RING_GPA(queue)
#define AVAIL_GPA(queue) (RING_GPA(queue) + 0x1000)
#define USED_GPA(queue) (RING_GPA(queue) + 0x2000)
#define BUFFER_GPA 0x100000u
#define RING_SIZE 16
#define RING_BITS (VIRTIO_BIT(VIRTIO_F_RING_RESET) | VIRTIO_BIT(VIRTIO_F_EVENT_IDX))

static struct gmem ram;
static struct loop *loop;
static struct device *transport;
static struct virtio_device *vdev;
static struct board_plugin plugin = {
	.name = "toy0", .model = &toy_model, .ring_features = RING_BITS};

static inline struct toy_model *model(void)
{
	return (struct toy_model *)vdev;
}

static void stop_loop(void *ctx)
{
	loop_stop(ctx);
}

/* Lets the loop do what there is to do. */
static inline void turn(void)
{
	struct loop_timer *timer;

	assert_int_equal(loop_timer_create(loop, stop_loop, loop, &timer), 0);
	loop_timer_arm(timer, 2000000);
	assert_int_equal(loop_run(loop), 0);
	loop_timer_destroy(timer);
}

static inline void rig_prepare(void)
{
	wires_init();
	toy_queues = 2;
	toy_start_error = toy_realize_error = 0;
	toy_destroyed = 0;
	assert_int_equal(gmem_create(&ram, RAM_BYTES, GMEM_ANONYMOUS), 0);
	assert_int_equal(loop_create(&loop), 0);
}

static inline void rig_finish(void)
{
	device_destroy(transport);
	transport = NULL;
	loop_destroy(loop);
	gmem_destroy(&ram);
}

/* Makes the queue's only buffer available once more. */
static inline void offer_buffer(unsigned queue)
{
	const struct vring_desc desc = {BUFFER_GPA, 64, VRING_DESC_WRITE, 0};
	uint16_t idx = 0;
	uint16_t head = 0;

	gmem_read(&ram, AVAIL_GPA(queue) + 2, &idx, sizeof(idx));
	gmem_write(&ram, DESC_GPA(queue), &desc, sizeof(desc));
	gmem_write(&ram, AVAIL_GPA(queue) + 4 + idx % RING_SIZE * 2u, &head, sizeof(head));
	idx++;
	gmem_write(&ram, AVAIL_GPA(queue) + 2, &idx, sizeof(idx));
}

/* What no device can make sense of: a head index beyond the table. */
static inline void offer_nonsense(unsigned queue)
{
	const uint16_t avail[3] = {0, 1, 0xfff0};

	gmem_write(&ram, AVAIL_GPA(queue), avail, sizeof(avail));
}

static inline uint16_t used_index(unsigned queue)
{
	uint16_t idx = 0;

	gmem_read(&ram, USED_GPA(queue) + 2, &idx, sizeof(idx));
	return idx;
}

static inline void clear_ring(unsigned queue)
{
	static const uint8_t zero[0x3000];

	gmem_write(&ram, RING_GPA(queue), zero, sizeof(zero));
}

static inline unsigned open_files(void)
{
	unsigned count = 0;

	for (int fd = 0; fd < 256; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

/* How many lines fn() writes on standard error. */
static inline unsigned lines_of(void (*fn)(void))
{
	FILE *file = tmpfile();
	int before = dup(2);
	unsigned lines = 0;
	int c;

	assert_non_null(file);
	fflush(stderr);
	dup2(fileno(file), 2);
	fn();
	fflush(stderr);
	dup2(before, 2);
	close(before);
	rewind(file);
	while ((c = fgetc(file)) != EOF)
		lines += c == '\n';
	fclose(file);
	return lines;
}

#endif

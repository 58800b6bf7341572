/* SPDX-License-Identifier: MIT
 *
 * A virtio device without a machine: a transport that records, a loop that is turned by hand, and one driver
 * (virtq_driver.h) per queue, all of them in one guest RAM. To be included once in a program.
 */
#ifndef VITRINE_TESTS_VIRTIO_RIG_H
#define VITRINE_TESTS_VIRTIO_RIG_H

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "loop/loop.h"
#include "virtio/device.h"
#include "virtq_driver.h"

#define RIG_QUEUE_MAX 16
#define RIG_QUEUE_STEP 0x4000u /* between the rings of two queues */
#define RIG_DATA_STEP 0x20000u /* of the data area, for each queue */
#define RIG_QUEUE_SIZE 16

struct rig {
	struct gmem mem;
	struct loop *loop;
	struct virtio_device *vdev;
	struct driver queue[RIG_QUEUE_MAX];
	uint32_t next_data[RIG_QUEUE_MAX];
	unsigned interrupts[RIG_QUEUE_MAX];
	unsigned config_interrupts;
	int call_fd;
};

static void rig_interrupt(struct virtio_device *vdev, unsigned queue)
{
	((struct rig *)vdev->transport_ctx)->interrupts[queue]++;
}

static void rig_config_interrupt(struct virtio_device *vdev)
{
	((struct rig *)vdev->transport_ctx)->config_interrupts++;
}

static int rig_call_fd(struct virtio_device *vdev, unsigned queue)
{
	(void)queue;
	return ((struct rig *)vdev->transport_ctx)->call_fd;
}

static const struct virtio_transport_ops rig_transport = {.interrupt = rig_interrupt,
							  .config_interrupt = rig_config_interrupt,
							  .call_fd = rig_call_fd};

static void rig_stop_loop(void *ctx)
{
	loop_stop(ctx);
}

/* Lets the loop do what there is to do, for about so long. */
static inline void rig_turn(struct rig *rig, unsigned ms)
{
	struct loop_timer *timer;

	assert_int_equal(loop_timer_create(rig->loop, rig_stop_loop, rig->loop, &timer), 0);
	loop_timer_arm(timer, ms * 1000000ULL + 1);
	assert_int_equal(loop_run(rig->loop), 0);
	loop_timer_destroy(timer);
}

static inline void rig_open(struct rig *rig, const struct virtio_model *model, const void *options,
			    enum gmem_backing backing)
{
	memset(rig, 0, sizeof(*rig));
	rig->call_fd = -1;
	assert_int_equal(gmem_create(&rig->mem, DRIVER_RAM_BYTES, backing), 0);
	assert_int_equal(loop_create(&rig->loop), 0);
	struct device_setup setup = {.loop = rig->loop, .mem = &rig->mem, .options = options};

	assert_int_equal(virtio_device_create(model, "test0", &setup, 0, &rig->vdev), 0);
	rig->vdev->transport = &rig_transport;
	rig->vdev->transport_ctx = rig;
}

/* The driver's view of one queue, at addresses of its own. Split format. */
static inline void rig_ring(struct rig *rig, unsigned index, uint64_t features)
{
	struct driver *d = &rig->queue[index];
	uint32_t shift = index * RIG_QUEUE_STEP;
	struct driver scratch;

	driver_create(&scratch, features, RIG_QUEUE_SIZE);
	driver_destroy(&scratch);
	*d = scratch;
	d->mem = rig->mem;
	d->config = (struct virtq_config){RIG_QUEUE_SIZE, DRIVER_DESC_GPA + shift,
					  DRIVER_DESC_GPA + shift + 0x1000,
					  DRIVER_DESC_GPA + shift + 0x2000};
	d->desc = driver_hva(d, d->config.desc_gpa);
	d->avail = driver_hva(d, d->config.driver_gpa);
	d->used = driver_hva(d, d->config.device_gpa);
	d->used_event = &d->avail->ring[RIG_QUEUE_SIZE];
	d->avail_event = (uint16_t *)&d->used->ring[RIG_QUEUE_SIZE];
	memset(driver_hva(d, d->config.desc_gpa), 0, RIG_QUEUE_STEP);
	rig->next_data[index] = 0;
}

/* What a driver does up to DRIVER_OK (virtio 1.2 §3.1.1). */
static inline void rig_start(struct rig *rig, uint64_t features)
{
	struct virtio_device *vdev = rig->vdev;

	features |= VIRTIO_BIT(VIRTIO_F_VERSION_1);
	virtio_write_status(vdev, VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER);
	virtio_write_features(vdev, 0, (uint32_t)features);
	virtio_write_features(vdev, 1, (uint32_t)(features >> 32));
	virtio_write_status(vdev, 11);
	assert_true(vdev->status & VIRTIO_STATUS_FEATURES_OK);
	for (unsigned i = 0; i < vdev->queue_count; i++) {
		rig_ring(rig, i, features);
		vdev->queue[i]->config = rig->queue[i].config;
		virtio_enable_queue(vdev, i);
	}
	virtio_write_status(vdev, 15);
}

static inline void rig_close(struct rig *rig)
{
	virtio_device_destroy(rig->vdev);
	loop_destroy(rig->loop);
	gmem_destroy(&rig->mem);
}

/* Guest addresses of a queue's data area; used again from the start when it is full. */
static inline uint64_t rig_data(struct rig *rig, unsigned queue, uint32_t len_bytes)
{
	uint32_t at = rig->next_data[queue];

	if (at + len_bytes > RIG_DATA_STEP)
		at = 0;
	rig->next_data[queue] = at + len_bytes;
	return DRIVER_DATA_GPA + queue * RIG_DATA_STEP + at;
}

/* Makes a chain of one or two buffers available, and kicks if the device wants that. cookie: the first writable byte's
 * address. */
static inline void rig_send(struct rig *rig, unsigned queue, const void *out, uint32_t out_bytes,
			    uint32_t in_bytes)
{
	struct driver_buffer buffer[2] = {{0}};
	struct driver *d = &rig->queue[queue];
	unsigned count = 0;

	if (out_bytes) {
		buffer[count] = (struct driver_buffer){rig_data(rig, queue, out_bytes), out_bytes,
						       false};
		memcpy(driver_hva(d, buffer[count++].gpa), out, out_bytes);
	}
	if (in_bytes)
		buffer[count++] = (struct driver_buffer){rig_data(rig, queue, in_bytes), in_bytes,
							 true};
	assert_true(driver_add(d, buffer, count, false, buffer[count ? count - 1 : 0].gpa));
	if (driver_show(d))
		virtio_queue_kick(rig->vdev->queue[queue]);
}

/* Takes one used chain; what was written goes to dst. -1: there is none. */
static inline int rig_take(struct rig *rig, unsigned queue, void *dst, uint32_t max_bytes)
{
	struct driver *d = &rig->queue[queue];
	uint64_t gpa;
	uint32_t written;

	if (!driver_take(d, &gpa, &written))
		return -1;
	if (dst)
		memcpy(dst, driver_hva(d, gpa), written < max_bytes ? written : max_bytes);
	return (int)written;
}

static inline bool rig_is_broken(const struct rig *rig)
{
	return rig->vdev->status & VIRTIO_STATUS_NEEDS_RESET;
}

#endif

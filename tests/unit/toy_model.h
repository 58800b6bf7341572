/* SPDX-License-Identifier: MIT
 *
 * A virtio model that does nothing but count what its transport does with it: for tests of transports. Two queues in
 * the main loop; serve() gives every chain back unread. To be included once in a program.
 */
#ifndef VITRINE_TESTS_TOY_MODEL_H
#define VITRINE_TESTS_TOY_MODEL_H

#include <string.h>

#include "virtio/device.h"

#define TOY_ID 42
#define TOY_FEATURE 7
#define TOY_CONFIG_BYTES 12
#define TOY_WRITABLE 8 /* of configuration space: the last four bytes */

struct toy_model {
	struct virtio_device vdev;
	unsigned starts, resets, drains, serves, config_writes;
};

static unsigned toy_queues = 2;
static int toy_start_error;
static int toy_realize_error;
static unsigned toy_destroyed;
static struct virtio_device *toy_device; /* the last one that was made */

static int toy_model_realize(struct virtio_device *vdev, const struct device_setup *setup)
{
	int err = 0;

	toy_device = vdev;
	for (unsigned i = 0; i < toy_queues && !err; i++)
		err = virtio_add_queue(vdev, 16, 8, setup->loop);
	vdev->offered = VIRTIO_BIT(TOY_FEATURE);
	vdev->config_bytes = TOY_CONFIG_BYTES;
	for (unsigned i = 0; i < TOY_CONFIG_BYTES; i++)
		vdev->config[i] = (uint8_t)(0x10 + i);
	memset(vdev->config_writable + TOY_WRITABLE, 0xff, 4);
	return err ? err : toy_realize_error;
}

static void toy_model_destroy(struct virtio_device *vdev)
{
	(void)vdev;
	toy_destroyed++;
}

static int toy_model_start(struct virtio_device *vdev)
{
	((struct toy_model *)vdev)->starts++;
	return toy_start_error;
}

static void toy_model_reset(struct virtio_device *vdev)
{
	((struct toy_model *)vdev)->resets++;
}

static void toy_model_drain(struct virtio_device *vdev, unsigned queue)
{
	(void)queue;
	((struct toy_model *)vdev)->drains++;
}

static void toy_model_config_written(struct virtio_device *vdev, unsigned offset, unsigned len)
{
	(void)offset;
	(void)len;
	((struct toy_model *)vdev)->config_writes++;
}

static void toy_model_serve(struct virtio_device *vdev, unsigned index)
{
	struct virtq *ring = vdev->queue[index]->ring;
	struct iovec iov[8];
	struct virtq_chain chain = {.iov = iov, .iov_max = 8};
	int popped;

	((struct toy_model *)vdev)->serves++;
	while ((popped = virtq_pop(ring, &chain)) > 0)
		virtq_push(ring, &chain, 0);
	virtio_queue_publish(vdev->queue[index]);
	if (popped < 0)
		virtio_device_break(vdev, index, NULL);
}

static const struct virtio_model toy_model = {
	.name = "virtio-toy",
	.device_id = TOY_ID,
	.pci_class = 0xff0000,
	.state_bytes = sizeof(struct toy_model),
	.realize = toy_model_realize,
	.destroy = toy_model_destroy,
	.start = toy_model_start,
	.reset = toy_model_reset,
	.drain = toy_model_drain,
	.serve = toy_model_serve,
	.config_written = toy_model_config_written,
};

#endif

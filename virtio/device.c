/* SPDX-License-Identifier: MIT
 *
 * Features, status and queues of a virtio device, the same behind both transports (virtio 1.2 chapters 2, 3).
 */
#include "virtio/device.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "loop/clock.h"
#include "loop/loop.h"
#include "observe/counters.h"

#define TELL_MAX 4 /* lines of one device on the host in… */
#define TELL_NS 60000000000ULL

static void serve(struct virtio_queue *queue, bool was_kicked)
{
	struct virtio_device *vdev = queue->vdev;

	pthread_mutex_lock(&queue->lock);
	if (queue->live && virtq_is_live(queue->ring)) {
		virtq_counters(queue->ring)->kicks += was_kicked;
		vdev->model->serve(vdev, queue->index);
	}
	pthread_mutex_unlock(&queue->lock);
}

void virtio_queue_serve(struct virtio_queue *queue)
{
	serve(queue, false);
}

/* In the thread of the queue's loop. */
static void kicked(void *ctx, uint32_t events)
{
	(void)events;
	serve(ctx, true);
}

static void destroy_queue(struct virtio_queue *queue)
{
	if (queue->kick_fd >= 0) {
		if (queue->loop)
			loop_remove_fd(queue->loop, queue->kick_fd);
		close(queue->kick_fd);
	}
	virtq_destroy(queue->ring);
	pthread_mutex_destroy(&queue->lock);
	free(queue);
}

int virtio_add_queue(struct virtio_device *vdev, uint16_t size_max, uint16_t chain_max,
		     struct loop *loop)
{
	struct virtio_queue *queue;
	int err;

	if (vdev->queue_count == VIRTIO_QUEUE_MAX)
		return -ENOSPC;
	queue = calloc(1, sizeof(*queue));
	if (!queue)
		return -ENOMEM;
	*queue = (struct virtio_queue){.vdev = vdev,
				       .index = vdev->queue_count,
				       .loop = loop,
				       .outside = !loop,
				       .chain_max = chain_max,
				       .config.size = size_max};
	pthread_mutex_init(&queue->lock, NULL);
	queue->kick_fd = eventfd(0, EFD_CLOEXEC | (loop ? 0 : EFD_NONBLOCK));
	err = queue->kick_fd < 0 ? -errno : virtq_create(vdev->mem, size_max, &queue->ring);
	if (!err && loop)
		err = loop_add_bell(loop, queue->kick_fd, kicked, queue);
	if (err) {
		destroy_queue(queue);
		return err;
	}
	vdev->queue[vdev->queue_count++] = queue;
	return 0;
}

void virtio_remove_queues(struct virtio_device *vdev)
{
	while (vdev->queue_count > 0)
		destroy_queue(vdev->queue[--vdev->queue_count]);
}

static void destroy_device(struct virtio_device *vdev)
{
	virtio_remove_queues(vdev);
	pthread_mutex_destroy(&vdev->config_lock);
	free(vdev);
}

int virtio_device_create(const struct virtio_model *model, const char *name,
			 const struct device_setup *setup, uint64_t ring_features,
			 struct virtio_device **out)
{
	struct virtio_device *vdev = calloc(1, model->state_bytes);
	int err;

	if (!vdev)
		return -ENOMEM;
	vdev->model = model;
	vdev->name = name;
	vdev->mem = setup->mem;
	vdev->main_loop = setup->loop;
	pthread_mutex_init(&vdev->config_lock, NULL);
	err = model->realize(vdev, setup);
	if (err) {
		destroy_device(vdev);
		return err;
	}
	vdev->offered |= (ring_features & ~vdev->withheld) | VIRTIO_BIT(VIRTIO_F_VERSION_1);
	*out = vdev;
	return 0;
}

/* --- one queue's life */

void virtio_queue_kick(struct virtio_queue *queue)
{
	eventfd_write(queue->kick_fd, 1); /* full: whoever reads it is awake */
}

int virtio_queue_call_fd(struct virtio_queue *queue)
{
	return queue->vdev->transport->call_fd(queue->vdev, queue->index);
}

void virtio_queue_publish(struct virtio_queue *queue)
{
	if (virtq_publish(queue->ring))
		queue->vdev->transport->interrupt(queue->vdev, queue->index);
}

/* A driver may make chains available before DRIVER_OK only in the sense that the device looks at them
 * afterwards (§3.1.1): so a queue that goes live is kicked once. */
static int bring_live(struct virtio_device *vdev, struct virtio_queue *queue)
{
	int err = 0;

	if (queue->live || !queue->enabled)
		return 0;
	pthread_mutex_lock(&queue->lock);
	if (queue->outside)
		err = vdev->model->start_queue(vdev, queue->index);
	else
		err = virtq_start(queue->ring, &queue->config, vdev->features, queue->chain_max);
	queue->live = !err;
	pthread_mutex_unlock(&queue->lock);
	if (!err)
		virtio_queue_kick(queue);
	return err;
}

static void take_down(struct virtio_device *vdev, struct virtio_queue *queue)
{
	pthread_mutex_lock(&queue->lock);
	if (queue->live && queue->outside)
		vdev->model->stop_queue(vdev, queue->index);
	else if (queue->live && vdev->model->drain)
		vdev->model->drain(vdev, queue->index);
	queue->live = false;
	virtq_stop(queue->ring);
	pthread_mutex_unlock(&queue->lock);
	queue->enabled = false;
	queue->config = (struct virtq_config){.size = virtq_size_max(queue->ring)};
}

void virtio_enable_queue(struct virtio_device *vdev, unsigned index)
{
	struct virtio_queue *queue = vdev->queue[index];

	queue->enabled = true;
	if (!(vdev->status & VIRTIO_STATUS_DRIVER_OK))
		return;
	if (bring_live(vdev, queue) < 0)
		virtio_device_break(vdev, index, "its memory is not usable");
}

void virtio_reset_queue(struct virtio_device *vdev, unsigned index)
{
	take_down(vdev, vdev->queue[index]);
}

/* --- features and status */

static void reset(struct virtio_device *vdev)
{
	for (unsigned i = 0; i < vdev->queue_count; i++)
		take_down(vdev, vdev->queue[i]);
	if (vdev->model->reset && vdev->status)
		vdev->model->reset(vdev);
	vdev->features = 0;
	vdev->told_broken = false;
	vdev->status = 0;
}

void virtio_device_destroy(struct virtio_device *vdev)
{
	if (!vdev)
		return;
	reset(vdev);
	if (vdev->model->destroy)
		vdev->model->destroy(vdev);
	destroy_device(vdev);
}

void virtio_write_features(struct virtio_device *vdev, unsigned word, uint32_t value)
{
	uint64_t mask = word < 2 ? 0xffffffffULL << word * 32 : 0;

	if (vdev->status & VIRTIO_STATUS_FEATURES_OK)
		return; /* §3.1.1: negotiated is negotiated */
	vdev->features = (vdev->features & ~mask) | ((uint64_t)value << (word & 1) * 32 & mask);
}

/* §3.1.1 step 5, §6.1: nothing that was not offered, and no legacy driver. */
static bool accept_features(const struct virtio_device *vdev)
{
	return !(vdev->features & ~vdev->offered) && virtio_has(vdev, VIRTIO_F_VERSION_1);
}

static void start(struct virtio_device *vdev)
{
	int err = vdev->model->start ? vdev->model->start(vdev) : 0;

	if (err) {
		virtio_device_break(vdev, 0, "it cannot start");
		return;
	}
	for (unsigned i = 0; i < vdev->queue_count; i++)
		if (bring_live(vdev, vdev->queue[i]) < 0)
			virtio_device_break(vdev, i, "its memory is not usable");
}

/* A driver only adds bits; NEEDS_RESET is the device's to set. */
void virtio_write_status(struct virtio_device *vdev, uint8_t value)
{
	uint8_t before = vdev->status;
	uint8_t added = value & ~before;

	if (!value) {
		reset(vdev);
		return;
	}
	if (added & VIRTIO_STATUS_FEATURES_OK && !accept_features(vdev))
		added &= (uint8_t)~VIRTIO_STATUS_FEATURES_OK;
	if (added & VIRTIO_STATUS_DRIVER_OK && !((before | added) & VIRTIO_STATUS_FEATURES_OK))
		added &= (uint8_t)~VIRTIO_STATUS_DRIVER_OK;
	added &= (uint8_t)~VIRTIO_STATUS_NEEDS_RESET;
	atomic_fetch_or(&vdev->status, added);
	if (added & VIRTIO_STATUS_DRIVER_OK)
		start(vdev);
}

bool virtio_queue_counters(struct virtio_device *vdev, unsigned index, struct queue_counters *out)
{
	if (index >= vdev->queue_count)
		return false;
	*out = *virtq_counters(vdev->queue[index]->ring);
	if (vdev->model->queue_name)
		vdev->model->queue_name(vdev, index, out->name, sizeof(out->name));
	else
		snprintf(out->name, sizeof(out->name), "queue %u", index);
	return true;
}

bool virtio_device_figure(struct virtio_device *vdev, unsigned index, struct device_figure *out)
{
	return vdev->model->figure && vdev->model->figure(vdev, index, out);
}

/* --- configuration space, §2.5 */

void virtio_read_config(struct virtio_device *vdev, unsigned offset, void *dst, unsigned len_bytes)
{
	memset(dst, 0, len_bytes);
	pthread_mutex_lock(&vdev->config_lock);
	if (vdev->model->config_read)
		vdev->model->config_read(vdev);
	for (unsigned i = 0; i < len_bytes && offset + i < vdev->config_bytes; i++)
		((uint8_t *)dst)[i] = vdev->config[offset + i];
	pthread_mutex_unlock(&vdev->config_lock);
}

void virtio_write_config(struct virtio_device *vdev, unsigned offset, const void *src,
			 unsigned len_bytes)
{
	pthread_mutex_lock(&vdev->config_lock);
	for (unsigned i = 0; i < len_bytes && offset + i < vdev->config_bytes; i++) {
		uint8_t mask = vdev->config_writable[offset + i];
		uint8_t byte = ((const uint8_t *)src)[i];

		vdev->config[offset + i] = (uint8_t)((vdev->config[offset + i] & ~mask) |
						     (byte & mask));
	}
	pthread_mutex_unlock(&vdev->config_lock);
	if (vdev->model->config_written && offset < vdev->config_bytes)
		vdev->model->config_written(vdev, offset, len_bytes);
}

/* A driver that is not running yet has read nothing that it would have to read again. */
static void tell_driver(struct virtio_device *vdev)
{
	if (!vdev->transport)
		return; /* still in realize() */
	if (vdev->transport->refresh)
		vdev->transport->refresh(vdev);
	if (vdev->status & VIRTIO_STATUS_DRIVER_OK)
		vdev->transport->config_interrupt(vdev);
}

void virtio_config_changed(struct virtio_device *vdev)
{
	virtio_set_config(vdev, 0, NULL, 0);
}

/* Under one lock with the generation: whoever read a part before it sees another generation after it. */
void virtio_set_config(struct virtio_device *vdev, unsigned offset, const void *src,
		       unsigned len_bytes)
{
	pthread_mutex_lock(&vdev->config_lock);
	if (len_bytes)
		memcpy(vdev->config + offset, src, len_bytes);
	atomic_fetch_add(&vdev->config_generation, 1);
	pthread_mutex_unlock(&vdev->config_lock);
	tell_driver(vdev);
}

static bool may_tell(struct virtio_device *vdev)
{
	uint64_t now_ns = clock_read_ns(CLOCK_MONOTONIC);
	bool may;

	pthread_mutex_lock(&vdev->config_lock);
	if (now_ns >= vdev->tell_until_ns) {
		vdev->tell_until_ns = now_ns + TELL_NS;
		vdev->told = 0;
	}
	may = vdev->told < TELL_MAX;
	vdev->told += may;
	pthread_mutex_unlock(&vdev->config_lock);
	return may;
}

/* §2.1.2: the driver is told by a configuration interrupt. */
void virtio_device_break(struct virtio_device *vdev, unsigned index, const char *why)
{
	const struct virtq *q = index < vdev->queue_count ? vdev->queue[index]->ring : NULL;

	atomic_fetch_or(&vdev->status, VIRTIO_STATUS_NEEDS_RESET);
	if (!atomic_exchange(&vdev->told_broken, true) && may_tell(vdev))
		fprintf(stderr, "%s %s: queue %u is unusable until the guest resets it: %s\n",
			vdev->model->name, vdev->name, index,
			why ? why : virtq_fault_text(virtq_fault(q)));
	tell_driver(vdev);
}

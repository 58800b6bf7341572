/* SPDX-License-Identifier: MIT
 *
 * A virtio device in front of a vhost-user back end. See vhost_user_device.h.
 */
#include "virtio/vhost_user_device.h"

#include <errno.h>
#include <stdio.h>
#include <sys/epoll.h>

#include "loop/loop.h"

/* In a virtio-device's terms the queues broke; a guest that resets it finds that it can't be started. */
static void say_gone(struct vhost_device *dev)
{
	char why[96];

	snprintf(why, sizeof(why), "its back end, %s, is gone or does not answer",
		 vhost_user_name(dev->vhost));
	virtio_device_break(&dev->vdev, 0, why);
}

static void hung_up(void *ctx, uint32_t events)
{
	struct vhost_device *dev = ctx;

	(void)events;
	loop_remove_fd(dev->vdev.main_loop, vhost_user_fd(dev->vhost));
	say_gone(dev);
}

int vhost_device_init(struct vhost_device *dev, struct vhost_user *vhost, unsigned queue_count,
		      uint16_t queue_size)
{
	struct virtio_device *vdev = &dev->vdev;
	int err = 0;

	dev->vhost = vhost;
	for (unsigned i = 0; i < queue_count && !err; i++)
		err = virtio_add_queue(vdev, queue_size, queue_size, NULL);
	vdev->offered = vhost_user_features(vhost) & VHOST_DEVICE_FEATURES;
	vdev->withheld = ~vhost_user_features(vhost);
	return err ? err
		   : loop_add_fd(vdev->main_loop, vhost_user_fd(vhost), EPOLLRDHUP, hung_up, dev);
}

void vhost_device_destroy(struct virtio_device *vdev)
{
	struct vhost_device *dev = (struct vhost_device *)vdev;

	loop_remove_fd(vdev->main_loop, vhost_user_fd(dev->vhost));
}

int vhost_device_start(struct virtio_device *vdev)
{
	struct vhost_device *dev = (struct vhost_device *)vdev;
	int err = vhost_user_set_features(dev->vhost, vdev->features);

	if (!err)
		err = vhost_user_set_memory(dev->vhost, vdev->mem);
	if (err)
		say_gone(dev);
	return err;
}

int vhost_device_start_queue(struct virtio_device *vdev, unsigned index)
{
	struct vhost_device *dev = (struct vhost_device *)vdev;
	struct virtio_queue *queue = vdev->queue[index];

	return vhost_user_start_ring(dev->vhost, vdev->mem, index, &queue->config,
				     virtio_has(vdev, VIRTIO_F_RING_PACKED), queue->kick_fd,
				     virtio_queue_call_fd(queue));
}

/* A back end that does not let go is not asked again; what it still does to the guest's memory is what it may do. */
void vhost_device_stop_queue(struct virtio_device *vdev, unsigned index)
{
	vhost_user_stop_ring(((struct vhost_device *)vdev)->vhost, index);
}

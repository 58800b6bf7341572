/* SPDX-License-Identifier: MIT
 *
 * What virtio devices have in common whose rings a vhost-user back end serves.
 */
#ifndef VITRINE_VIRTIO_VHOST_USER_DEVICE_H
#define VITRINE_VIRTIO_VHOST_USER_DEVICE_H

#include "virtio/device.h"
#include "virtio/vhost_user.h"

#define VHOST_DEVICE_FEATURES 0xffffffULL /* virtio 1.2 §2.2: bits 0 to 23 belong to the type */

/* First member of a model's own struct. */
struct vhost_device {
	struct virtio_device vdev;
	struct vhost_user *vhost; /* borrowed: it serves the next power cycle too */
};

/* In realize(): adds queues that the back end serves, and watches it. 0 or -errno. */
int vhost_device_init(struct vhost_device *dev, struct vhost_user *vhost, unsigned queue_count,
		      uint16_t queue_size);

/* The model's hooks of these names. */
void vhost_device_destroy(struct virtio_device *vdev);
int vhost_device_start(struct virtio_device *vdev);
int vhost_device_start_queue(struct virtio_device *vdev, unsigned queue);
void vhost_device_stop_queue(struct virtio_device *vdev, unsigned queue);

#endif

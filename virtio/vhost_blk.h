/* SPDX-License-Identifier: MIT
 *
 * virtio-blk whose rings a vhost-user back end serves: qemu-storage-daemon, for image formats that are not raw.
 */
#ifndef VITRINE_VIRTIO_VHOST_BLK_H
#define VITRINE_VIRTIO_VHOST_BLK_H

#include "virtio/device.h"
#include "virtio/vhost_user.h"

/* Borrowed; outlives the device. */
struct virtio_vhost_blk_options {
	struct vhost_user *vhost;
	unsigned queues;
};
extern const struct virtio_model virtio_vhost_blk_model;

#endif

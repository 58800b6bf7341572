/* SPDX-License-Identifier: MIT
 *
 * virtio-fs: a folder of the host in the guest (virtio 1.2 §5.11). The file system protocol is spoken by
 * virtiofsd, a vhost-user back end; here are its configuration and its rings' places.
 */
#ifndef VITRINE_VIRTIO_FS_H
#define VITRINE_VIRTIO_FS_H

#include "virtio/device.h"
#include "virtio/vhost_user.h"

#define VIRTIO_FS_TAG_BYTES 36

/* Borrowed; outlives the device. */
struct virtio_fs_options {
	struct vhost_user *vhost;
	char tag[VIRTIO_FS_TAG_BYTES + 1];
};
extern const struct virtio_model virtio_fs_model;

#endif

/* SPDX-License-Identifier: MIT
 *
 * virtio-blk driver (virtio 1.2 §5.2).
 */
#ifndef GUEST_VIRTIO_BLK_H
#define GUEST_VIRTIO_BLK_H

#include "guest/virtio/device.h"

/* Requests' wire format, §5.2.6. */
enum { VIRTIO_BLK_T_IN = 0, VIRTIO_BLK_T_OUT = 1, VIRTIO_BLK_T_FLUSH = 4, VIRTIO_BLK_T_GET_ID = 8 };
enum { VIRTIO_BLK_S_OK = 0, VIRTIO_BLK_S_IOERR = 1, VIRTIO_BLK_S_UNSUPP = 2 };

struct virtio_blk_header {
	uint32_t type, reserved;
	uint64_t sector;
};

/* Starts the device and adds a disk. Says on the console if it can't. */
void virtio_blk_attach(struct virtio_device *device);

#endif

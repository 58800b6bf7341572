/* SPDX-License-Identifier: MIT
 *
 * virtio-blk (virtio 1.2 §5.2): a disk over a block back end, with a thread for each of its queues.
 */
#ifndef VITRINE_VIRTIO_BLK_H
#define VITRINE_VIRTIO_BLK_H

#include "virtio/device.h"

struct block;

/* The model's options; borrowed, outlives the device. */
struct virtio_blk_options {
	struct block *block;
	const char *serial; /* for GET_ID: up to 20 characters */
	unsigned queues;    /* 1…VIRTIO_BLK_QUEUES_MAX */
};

#define VIRTIO_BLK_QUEUES_MAX 16

extern const struct virtio_model virtio_blk_model;

#endif

/* SPDX-License-Identifier: MIT
 *
 * virtio-balloon: guest memory that the host gets back (virtio 1.2 §5.5): what the guest is asked to give
 * up (the balloon), and what it does not use at the moment (free page reporting).
 */
#ifndef VITRINE_VIRTIO_BALLOON_H
#define VITRINE_VIRTIO_BALLOON_H

#include "virtio/device.h"

#define VIRTIO_BALLOON_F_STATS_VQ 1
#define VIRTIO_BALLOON_F_DEFLATE_ON_OOM 2
#define VIRTIO_BALLOON_F_REPORTING 5

struct virtio_balloon_options {
	uint64_t target_bytes;	    /* the balloon's size in the beginning */
	uint64_t stats_interval_ns; /* 0: only what the driver says by itself, when it starts */
	bool reporting;
	bool deflate_on_oom;
};
extern const struct virtio_model virtio_balloon_model;

/* Any thread. The balloon shall have this size; at most all of guest RAM. */
void balloon_set_target(struct virtio_device *vdev, uint64_t bytes);

#endif

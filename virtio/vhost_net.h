/* SPDX-License-Identifier: MIT
 *
 * The rings of a virtio-net queue pair served by the host's kernel (vhost-net): frames go between the rings and a tap
 * without a system call of ours. Split rings only; what vhost moves it does not count.
 */
#ifndef VITRINE_VIRTIO_VHOST_NET_H
#define VITRINE_VIRTIO_VHOST_NET_H

#include <stdint.h>

#include "virtio/device.h"

struct vhost_net;

/* Ring features that vhost-net has none of. */
#define VHOST_NET_WITHHELD (VIRTIO_BIT(VIRTIO_F_RING_PACKED) | VIRTIO_BIT(VIRTIO_F_IN_ORDER))

/* Opens /dev/vhost-net for the pair that stands on tap_fd. 0, -ENOENT: this kernel has no vhost-net, -EACCES, … */
int vhost_net_create(const struct gmem *mem, int tap_fd, struct vhost_net **out);
void vhost_net_destroy(struct vhost_net *vhost); /* NULL is fine; both queues are stopped */

/* At DRIVER_OK: what was negotiated. 0 or -errno. */
int vhost_net_start(struct vhost_net *vhost, uint64_t features);

/* The kernel takes a ring over, and gives it back; index: 0 receive, 1 send. */
int vhost_net_start_queue(struct vhost_net *vhost, unsigned index, struct virtio_queue *queue);
void vhost_net_stop_queue(struct vhost_net *vhost, unsigned index);

#endif

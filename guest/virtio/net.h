/* SPDX-License-Identifier: MIT
 *
 * virtio-net driver (virtio 1.2 §5.1), one queue pair, no offloads.
 */
#ifndef GUEST_VIRTIO_NET_H
#define GUEST_VIRTIO_NET_H

#include "guest/virtio/device.h"

enum { VIRTIO_NET_RX = 0, VIRTIO_NET_TX = 1 };
#define VIRTIO_NET_HEADER_BYTES 12 /* §5.1.6; all zero without offloads */

/* Starts the device and adds an interface. Says on the console if it can't. */
void virtio_net_attach(struct virtio_device *device);

#endif

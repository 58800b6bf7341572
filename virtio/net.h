/* SPDX-License-Identifier: MIT
 *
 * virtio-net (virtio 1.2 §5.1): a network card over a net back end, with a thread for each queue pair.
 */
#ifndef VITRINE_VIRTIO_NET_H
#define VITRINE_VIRTIO_NET_H

#include "virtio/device.h"

struct net;

/* The model's options; borrowed, outlives the device. */
struct virtio_net_options {
	struct net *net;
};

extern const struct virtio_model virtio_net_model;

#endif

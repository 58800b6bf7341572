/* SPDX-License-Identifier: MIT
 *
 * The smallest request that each kind of virtio device must serve.
 */
#ifndef GUEST_HOSTILE_REQUEST_H
#define GUEST_HOSTILE_REQUEST_H

#include <stdbool.h>

#include "guest/virtio/device.h"

/* The queue that takes it; false: this kind of device is not known here. */
bool request_queue(const struct virtio_device *device, unsigned *index);

/* The device features that it takes. */
uint64_t request_features(const struct virtio_device *device);

/* The device is served by a program that ends itself when it is asked for nonsense: virtiofsd. */
bool request_may_end(const struct virtio_device *device);

/* Writes it into memory and describes its pieces; returns how many, 0: none is known. */
#define REQUEST_PIECES_MAX 4
unsigned request_prepare(const struct virtio_device *device, struct virtq_buffer *buffer);

/* Sends it through the open queue of a device that is ready, and judges the answer. */
bool request_works(struct virtio_device *device);

#endif

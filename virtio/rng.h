/* SPDX-License-Identifier: MIT
 *
 * virtio-rng: random bytes of the host for the guest (virtio 1.2 §5.4). No options.
 */
#ifndef VITRINE_VIRTIO_RNG_H
#define VITRINE_VIRTIO_RNG_H

#include "virtio/device.h"

extern const struct virtio_model virtio_rng_model;

#endif

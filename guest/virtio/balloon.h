/* SPDX-License-Identifier: MIT
 *
 * virtio-balloon (virtio 1.2 §5.5): memory that the guest holds for nothing, so that the host has it.
 */
#ifndef GUEST_VIRTIO_BALLOON_H
#define GUEST_VIRTIO_BALLOON_H

#include <stdbool.h>
#include <stdint.h>

#include "guest/virtio/device.h"

/* Negotiates and starts the thread that follows the host's wish; unless pv=-balloon. The first device only. */
void balloon_attach(struct virtio_device *device);

/* KiB that the balloon is to hold and does hold. false: there is none. */
bool balloon_state(uint64_t *target_kib, uint64_t *held_kib);

/* Another size than the host's wish, or that again. 0, -ENODEV, -EINVAL (more than there is). */
#define BALLOON_AS_HOST UINT64_MAX
int balloon_set(uint64_t kib);

#endif

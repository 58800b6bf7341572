/* SPDX-License-Identifier: MIT
 *
 * Bad requests to virtio devices.
 */
#ifndef GUEST_HOSTILE_HOSTILE_H
#define GUEST_HOSTILE_HOSTILE_H

#include <stdint.h>

/* Tries all cases on all virtio devices of this kind ("blk", …; "all"), which no driver may use
 * meanwhile or afterwards. Returns 0 if there is one and all of them came through, else 1. */
uint32_t hostile_run(const char *kind);

#endif

/* SPDX-License-Identifier: MIT
 *
 * i8042 keyboard controller with a keyboard behind it and no mouse port. Region 0 is port 0x60 (data),
 * region 1 is port 0x64 (status, command).
 */
#ifndef VITRINE_DEV_I8042_H
#define VITRINE_DEV_I8042_H

#include "bus/device.h"

#include <stddef.h>

/* Needs setup->control. setup->irq is the keyboard's interrupt. */
extern const struct device_ops i8042_ops;

/* Feeds bytes as the keyboard's user would type them: scan codes as the guest shall read them from port
 * 0x60. All of them or none. Any thread. Returns 0, or -EAGAIN: no room, or the guest has the keyboard
 * switched off. */
int i8042_key(struct device *dev, const uint8_t *scancodes, size_t count);

#endif

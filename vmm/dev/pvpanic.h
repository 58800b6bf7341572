/* SPDX-License-Identifier: MIT
 *
 * pvpanic: one port by which a guest says that it has panicked. A read tells which events are
 * understood: bit 0 (panicked) and bit 1 (crash kernel loaded, so the guest deals with it itself).
 */
#ifndef VITRINE_DEV_PVPANIC_H
#define VITRINE_DEV_PVPANIC_H

#include "bus/device.h"

/* Needs setup->control. */
extern const struct device_ops pvpanic_ops;

#endif

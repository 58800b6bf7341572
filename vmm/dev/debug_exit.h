/* SPDX-License-Identifier: MIT
 *
 * isa-debug-exit: one window of four ports. A write of 1, 2 or 4 bytes to its first port ends the VM
 * with the value written; everything else does nothing. Reads give all ones.
 */
#ifndef VITRINE_DEV_DEBUG_EXIT_H
#define VITRINE_DEV_DEBUG_EXIT_H

#include "bus/device.h"

/* Needs setup->control. */
extern const struct device_ops debug_exit_ops;

#endif

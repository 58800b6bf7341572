/* SPDX-License-Identifier: MIT
 *
 * 16550A serial port: one window of eight ports (or bytes of MMIO). National PC16550D data sheet.
 */
#ifndef VITRINE_DEV_UART_H
#define VITRINE_DEV_UART_H

#include "bus/device.h"

/* setup->console NULL: output vanishes and nothing comes in. */
extern const struct device_ops uart_ops;

#endif

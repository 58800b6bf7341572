/* SPDX-License-Identifier: MIT
 *
 * MC146818 real-time clock with 128 bytes of CMOS RAM: index port at +0, data port at +1. Motorola
 * MC146818A data sheet; the century byte and the memory size cells are those of the PC.
 */
#ifndef VITRINE_DEV_RTC_H
#define VITRINE_DEV_RTC_H

#include "bus/device.h"

/* setup->board NULL: no memory sizes in the CMOS. setup->loop NULL: no interrupts but for those found
 * at an access. */
extern const struct device_ops rtc_ops;

#endif

/* SPDX-License-Identifier: MIT
 *
 * The PC's battery-backed clock (Motorola MC146818).
 */
#ifndef GUEST_TIME_CMOS_H
#define GUEST_TIME_CMOS_H

#include <stdbool.h>
#include <stdint.h>

/* Seconds since 1970-01-01. false: nothing sensible is there. */
bool cmos_read(uint64_t *seconds);

#endif

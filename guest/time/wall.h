/* SPDX-License-Identifier: MIT
 *
 * Real time: nanoseconds since 1970-01-01 UTC.
 */
#ifndef GUEST_TIME_WALL_H
#define GUEST_TIME_WALL_H

#include <stdint.h>

/* Finds out at the first call: from kvmclock, else from the CMOS clock, else it is 1970. */
uint64_t wall_ns(void);

/* What to add to clock_ns(). */
uint64_t wall_offset_ns(void);

void wall_set(uint64_t ns);

/* Days since 1970-01-01 of a date of the Gregorian calendar; month and day from 1. */
uint64_t wall_days(unsigned year, unsigned month, unsigned day);

#endif

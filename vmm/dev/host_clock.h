/* SPDX-License-Identifier: MIT
 *
 * The host's clocks as devices see them; apart, so that a test can put its own in their place.
 */
#ifndef VITRINE_DEV_HOST_CLOCK_H
#define VITRINE_DEV_HOST_CLOCK_H

#include <stdint.h>

#define NS_PER_SECOND 1000000000LL

int64_t host_clock_monotonic_ns(void);
int64_t host_clock_realtime_ns(void); /* since 1970-01-01 00:00 UTC */

#endif

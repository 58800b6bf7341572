/* SPDX-License-Identifier: MIT
 *
 * CLOCK_MONOTONIC and CLOCK_REALTIME in nanoseconds.
 */
#include "dev/host_clock.h"

#include <time.h>

static int64_t read_clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return now.tv_sec * NS_PER_SECOND + now.tv_nsec;
}

int64_t host_clock_monotonic_ns(void)
{
	return read_clock_ns(CLOCK_MONOTONIC);
}

int64_t host_clock_realtime_ns(void)
{
	return read_clock_ns(CLOCK_REALTIME);
}

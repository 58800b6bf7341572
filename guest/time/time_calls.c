/* SPDX-License-Identifier: MIT
 *
 * Conversions, and which clock is which.
 */
#include "guest/time/time_calls.h"

#include "guest/lib/errno.h"
#include "guest/mm/user.h"
#include "guest/time/clock.h"
#include "guest/time/wall.h"

#define SECONDS_MAX (INT64_MAX / NS_PER_SECOND)

static int from_parts(int64_t seconds, int64_t part, int64_t parts, uint64_t *ns)
{
	if (seconds < 0 || part < 0 || part >= parts)
		return -EINVAL;
	if (seconds >= SECONDS_MAX)
		*ns = INT64_MAX;
	else
		*ns = seconds * NS_PER_SECOND + part * (NS_PER_SECOND / parts);
	return 0;
}

int time_from_spec(const struct user_timespec *spec, uint64_t *ns)
{
	return from_parts(spec->seconds, spec->nanoseconds, NS_PER_SECOND, ns);
}

int time_from_val(const struct user_timeval *val, uint64_t *ns)
{
	return from_parts(val->seconds, val->microseconds, 1000000, ns);
}

struct user_timespec time_to_spec(uint64_t ns)
{
	return (struct user_timespec){ns / NS_PER_SECOND, ns % NS_PER_SECOND};
}

struct user_timeval time_to_val(uint64_t ns)
{
	return (struct user_timeval){ns / NS_PER_SECOND, ns % NS_PER_SECOND / NS_PER_US};
}

int time_to_monotonic(int clock, bool absolute, uint64_t ns, uint64_t *deadline_ns)
{
	uint64_t offset = 0;

	switch (clock) {
	case CLOCK_REALTIME:
	case CLOCK_REALTIME_ALARM:
	case CLOCK_TAI: offset = wall_offset_ns(); break;
	case CLOCK_MONOTONIC:
	case CLOCK_BOOTTIME:
	case CLOCK_BOOTTIME_ALARM: break;
	default: return -EINVAL;
	}
	if (!absolute)
		*deadline_ns = clock_ns() + ns; /* both fit in 63 bits */
	else
		*deadline_ns = ns > offset ? ns - offset : 0;
	return 0;
}

int time_read_deadline(uint64_t gva, int clock, bool absolute, uint64_t *deadline_ns)
{
	struct user_timespec spec;
	uint64_t ns;
	int result = user_read(&spec, gva, sizeof(spec));

	if (!result)
		result = time_from_spec(&spec, &ns);
	return result ? result : time_to_monotonic(clock, absolute, ns, deadline_ns);
}

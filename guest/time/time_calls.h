/* SPDX-License-Identifier: MIT
 *
 * Times as system calls have them.
 */
#ifndef GUEST_TIME_TIME_CALLS_H
#define GUEST_TIME_TIME_CALLS_H

#include <stdbool.h>
#include <stdint.h>

#define NS_PER_SECOND 1000000000ll
#define NS_PER_US 1000

/* Linux's numbers. */
enum clock_id {
	CLOCK_REALTIME = 0,
	CLOCK_MONOTONIC = 1,
	CLOCK_PROCESS_CPUTIME_ID = 2,
	CLOCK_THREAD_CPUTIME_ID = 3,
	CLOCK_MONOTONIC_RAW = 4,
	CLOCK_REALTIME_COARSE = 5,
	CLOCK_MONOTONIC_COARSE = 6,
	CLOCK_BOOTTIME = 7,
	CLOCK_REALTIME_ALARM = 8,
	CLOCK_BOOTTIME_ALARM = 9,
	CLOCK_TAI = 11
};
#define TIMER_ABSTIME 1

struct user_timespec {
	int64_t seconds, nanoseconds;
};
struct user_timeval {
	int64_t seconds, microseconds;
};
struct user_itimerspec {
	struct user_timespec interval, value;
};
struct user_itimerval {
	struct user_timeval interval, value;
};
_Static_assert(sizeof(struct user_itimerspec) == 32, "itimerspec");

/* Nanoseconds, at most what 292 years are. -EINVAL: negative, or a fraction that is none. */
int time_from_spec(const struct user_timespec *spec, uint64_t *ns);
int time_from_val(const struct user_timeval *val, uint64_t *ns);
struct user_timespec time_to_spec(uint64_t ns);
struct user_timeval time_to_val(uint64_t ns);

/* The timespec at gva, of one of the clocks that run by themselves, as a time of clock_ns(). -EFAULT or
 * -EINVAL. */
int time_read_deadline(uint64_t gva, int clock, bool absolute, uint64_t *deadline_ns);

/* A time of that clock (0: now) as a time of clock_ns(). -EINVAL: it isn't one that runs by itself. */
int time_to_monotonic(int clock, bool absolute, uint64_t ns, uint64_t *deadline_ns);

#endif

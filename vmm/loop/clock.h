/* SPDX-License-Identifier: MIT
 *
 * A clock's reading as one number.
 */
#ifndef VITRINE_LOOP_CLOCK_H
#define VITRINE_LOOP_CLOCK_H

#include <stdint.h>
#include <time.h>

/* CLOCK_MONOTONIC for time that passes, CLOCK_PROCESS_CPUTIME_ID or CLOCK_THREAD_CPUTIME_ID for work. */
static inline uint64_t clock_read_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

#endif

/* SPDX-License-Identifier: MIT
 *
 * Whether the thread that serves a queue should run the moment it is kicked, or let the driver go on submitting.
 *
 * Where a vCPU and the thread share a processor, a thread that preempts the vCPU at each kick sees one request at
 * a time, and each costs an exit, two context switches and an interrupt; one that waits until the vCPU
 * idles sees all that were submitted. For a driver with one request in flight it is the reverse: waiting
 * costs it an exit more. Linux has a scheduling policy for each of the two (sched(7): SCHED_OTHER,
 * SCHED_BATCH). Which one fits cannot be seen from outside, so it is tried now and then. Where
 * processors are idle both start at once, and this changes nothing.
 */
#ifndef VITRINE_LOOP_BATCHING_H
#define VITRINE_LOOP_BATCHING_H

#include <stdbool.h>
#include <sys/types.h>

struct batching {
	unsigned kicks;	    /* served one by one since the last try */
	unsigned try_after; /* so many */
	bool on;
};

/* In the serving thread, after a kick that brought so many requests. */
void batching_update(struct batching *batching, unsigned requests);

/* Whether a thread (0: the calling one) waits: for one whose requests nobody counts. 0 or -errno. */
int batching_set(pid_t thread, bool on);

#endif

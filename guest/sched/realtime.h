/* SPDX-License-Identifier: MIT
 *
 * The real-time class (POSIX 2.8.4): a list for each priority, the highest first, each in the order of
 * arrival. FIFO runs until it sleeps or yields; RR goes to the end of its list after a slice.
 */
#ifndef GUEST_SCHED_REALTIME_H
#define GUEST_SCHED_REALTIME_H

#include <stdbool.h>
#include <stdint.h>

#include "guest/sched/entity.h"

#define REALTIME_PRIORITY_MAX 99
#define REALTIME_SLICE_NS 100000000 /* of SCHED_RR */

struct realtime_queue {
	uint64_t used[2];			   /* bit n: list n has entries */
	struct list of[REALTIME_PRIORITY_MAX + 1]; /* a head is valid while its bit is set */
};

/* first: it was preempted, and keeps its place. */
void realtime_insert(struct realtime_queue *queue, struct sched_entity *entity, bool first);
void realtime_remove(struct realtime_queue *queue, struct sched_entity *entity);

/* The next one, or NULL. */
struct sched_entity *realtime_first(const struct realtime_queue *queue);
/* The one in the lists after it, or NULL; for moving one that may. */
struct sched_entity *realtime_after(const struct realtime_queue *queue,
				    const struct sched_entity *entity);

#endif

/* SPDX-License-Identifier: MIT
 *
 * Changing what a task may have: nice level, policy, CPUs.
 */
#ifndef GUEST_SCHED_PRIORITY_H
#define GUEST_SCHED_PRIORITY_H

#include <stdbool.h>
#include <stdint.h>

#include "guest/sched/entity.h"

struct task;

/* What its nice level and policy weigh; a real-time task counts like nice -20, for balancing. */
uint32_t priority_weight(const struct sched_entity *entity);

void priority_set_nice(struct task *task, int nice);

/* priority: 1 to 99 for FIFO and RR, else 0. */
void priority_set_policy(struct task *task, enum sched_policy policy, unsigned priority);

/* Where it may run; it moves at once, wherever it is. At least one CPU of cpus is online. */
void priority_set_allowed(struct task *task, uint64_t cpus);

#endif

/* SPDX-License-Identifier: MIT
 *
 * Which CPU a task should run on. Loads of other CPUs are read without their locks: they are hints.
 */
#ifndef GUEST_SCHED_BALANCE_H
#define GUEST_SCHED_BALANCE_H

#include <stdbool.h>
#include <stdint.h>

#include "guest/sched/entity.h"

struct run_queue;

/* For a task that becomes runnable: the CPU where it last ran if that is idle, else an idle one, else
 * where it ran; for a new one, the one with the least load. One of those allowed in any case. */
unsigned balance_choose_cpu(const struct sched_entity *entity);

/* How much load to take from a CPU that has theirs, for one that has ours: half of the difference. */
uint64_t balance_share(uint64_t ours, uint64_t theirs);

/* Takes tasks from the busiest CPU; true: this CPU has got some. Interrupts off, no queue locked. */
bool balance_pull(struct run_queue *queue);

/* In the tick of a busy CPU: now and then pulls, or has an idle CPU do so. */
void balance_tick(struct run_queue *queue, uint64_t now_ns);

#endif

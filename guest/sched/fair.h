/* SPDX-License-Identifier: MIT
 *
 * The fair class: who has had the least virtual runtime goes next. Virtual runtime is time divided by
 * the weight of the nice level, so equal virtual runtimes are fair shares. No locks and no clock here.
 */
#ifndef GUEST_SCHED_FAIR_H
#define GUEST_SCHED_FAIR_H

#include <stdbool.h>
#include <stdint.h>

#include "guest/sched/entity.h"

#define FAIR_SLICE_NS 3000000	    /* before somebody else has a turn */
#define FAIR_CREDIT_NS 3000000	    /* what a sleeper may be ahead of the others on waking */
#define FAIR_GRANULARITY_NS 1000000 /* a lead smaller than this takes nobody's CPU away */
#define FAIR_WEIGHT_NICE_0 1024
#define FAIR_WEIGHT_IDLE 3 /* SCHED_IDLE */

struct fair_queue {
	struct tree tree;
	uint64_t min_vruntime; /* never decreases; where new ones start */
};

void fair_init(struct fair_queue *queue);

/* 1.25 times as much for each level less. */
uint32_t fair_weight(int nice);

void fair_insert(struct fair_queue *queue, struct sched_entity *entity);
void fair_remove(struct fair_queue *queue, struct sched_entity *entity);

/* The next one, or NULL. */
struct sched_entity *fair_first(const struct fair_queue *queue);
/* The one whose turn is farthest away, and the one before it: what to move to another CPU. NULL: none. */
struct sched_entity *fair_last(const struct fair_queue *queue);
struct sched_entity *fair_before(const struct sched_entity *entity);

/* The running one, which is not in the queue, has run for ns. */
void fair_charge(struct fair_queue *queue, struct sched_entity *running, uint64_t ns);

/* Before fair_insert() of one that is new, or that slept. */
void fair_place_new(const struct fair_queue *queue, struct sched_entity *entity);
void fair_place_woken(const struct fair_queue *queue, struct sched_entity *entity);

/* Each queue counts from another point: from one queue to another. */
void fair_leave(const struct fair_queue *queue, struct sched_entity *entity);
void fair_join(const struct fair_queue *queue, struct sched_entity *entity);

/* Lets all others go first. */
void fair_yield(const struct fair_queue *queue, struct sched_entity *running);

/* Whether one that has just become runnable should run in place of the running one. */
bool fair_preempts(const struct sched_entity *entity, const struct sched_entity *running);

#endif

/* SPDX-License-Identifier: MIT
 *
 * From the queue to the driver and back. For queue.c.
 */
#ifndef GUEST_BLOCK_DISPATCH_H
#define GUEST_BLOCK_DISPATCH_H

#include "guest/block/queue.h"

/* Connects the queue to its driver, by interrupt or by a thread. false: no memory. */
bool block_dispatch_start(struct block_queue *q);

/* Gives the driver as much as it takes, or wakes the thread that does. Lock held. */
void block_dispatch(struct block_queue *q);

/* A waiting job leaves the lists. Lock held. */
void block_job_take(struct block_queue *q, struct block_job *job);

#endif

/* SPDX-License-Identifier: MIT
 *
 * Requests that may not start yet wait here, in order, for the queue's timer.
 */
#include "backend/block_internal.h"
#include "backend/block_pace.h"
#include "loop/clock.h"
#include "loop/loop.h"

static void arm(struct block_queue *queue)
{
	uint64_t now_ns = clock_read_ns(CLOCK_MONOTONIC);
	uint64_t due_ns = queue->delayed.head ? queue->delayed.head->due_ns : 0;

	if (due_ns) /* a delay of 0 would disarm */
		loop_timer_arm(queue->delay_timer, due_ns > now_ns ? due_ns - now_ns : 1);
}

bool block_delay_hold(struct block_queue *queue, struct block_request *request)
{
	uint64_t now_ns = clock_read_ns(CLOCK_MONOTONIC);
	bool first = !queue->delayed.head;

	request->due_ns = block_pace_due_ns(queue->block->pace, now_ns, request);
	if (first && request->due_ns <= now_ns)
		return false;
	block_list_push(&queue->delayed, request);
	if (first)
		arm(queue);
	return true;
}

void block_delay_release(struct block_queue *queue, bool all)
{
	uint64_t now_ns = all ? UINT64_MAX : clock_read_ns(CLOCK_MONOTONIC);

	while (queue->delayed.head && queue->delayed.head->due_ns <= now_ns)
		block_queue_start(queue, block_list_pop(&queue->delayed));
}

static void due(void *ctx)
{
	struct block_queue *queue = ctx;

	if (queue->lock)
		pthread_mutex_lock(queue->lock);
	block_delay_release(queue, false);
	block_flush_batch(queue);
	arm(queue);
	if (queue->lock)
		pthread_mutex_unlock(queue->lock);
}

int block_delay_create_timer(struct block_queue *queue)
{
	return loop_timer_create(queue->loop, due, queue, &queue->delay_timer);
}

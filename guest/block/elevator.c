/* SPDX-License-Identifier: MIT
 *
 * Which request goes next. Both lists of the queue (by age, by sector) are kept whatever the elevator,
 * so that it can be changed at any time.
 */
#include "guest/block/queue.h"

/* A request that has waited for so long goes first. */
static const uint64_t patience_ns[] = {
	[BLOCK_READ] = 500000000, [BLOCK_WRITE] = 5000000000, [BLOCK_FLUSH] = 0};

static struct block_job *oldest(struct block_queue *q)
{
	return container_of(q->by_age.next, struct block_job, by_age);
}

/* Upwards from where the head is, then from the lowest sector again. A read that is kept waiting by
 * many requests in front of the head, or a write by reads, goes first once its patience is over. */
static struct block_job *sweep_next(struct block_queue *q, uint64_t now_ns)
{
	struct block_job *found = NULL;

	list_for_each(link, &q->by_age)
	{
		struct block_job *job = container_of(link, struct block_job, by_age);

		if (now_ns - job->since_ns >= patience_ns[job->request.operation])
			return job;
	}
	list_for_each(link, &q->by_sector)
	{
		found = container_of(link, struct block_job, by_sector);
		if (found->request.sector >= q->head)
			return found;
	}
	return container_of(q->by_sector.next, struct block_job, by_sector);
}

static struct block_job *none_next(struct block_queue *q, uint64_t now_ns)
{
	(void)now_ns;
	return oldest(q);
}

const struct elevator elevator_sweep = {"sweep", sweep_next};
const struct elevator elevator_none = {"none", none_next};

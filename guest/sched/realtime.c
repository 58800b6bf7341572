/* SPDX-License-Identifier: MIT
 *
 * A zeroed queue is an empty one: list heads are made when their first entry comes.
 */
#include "guest/sched/realtime.h"

#include <stddef.h>

void realtime_insert(struct realtime_queue *queue, struct sched_entity *entity, bool first)
{
	const unsigned priority = entity->priority;
	struct list *head = &queue->of[priority];
	const uint64_t bit = 1ull << priority % 64;

	if (!(queue->used[priority / 64] & bit))
		list_init(head);
	queue->used[priority / 64] |= bit;
	if (first)
		list_add_first(head, &entity->by_priority);
	else
		list_add_last(head, &entity->by_priority);
}

void realtime_remove(struct realtime_queue *queue, struct sched_entity *entity)
{
	const unsigned priority = entity->priority;

	list_remove(&entity->by_priority);
	if (list_is_empty(&queue->of[priority]))
		queue->used[priority / 64] &= ~(1ull << priority % 64);
}

/* The first entry of the highest list below the given priority. */
static struct sched_entity *below(const struct realtime_queue *queue, unsigned priority)
{
	uint64_t used[2] = {queue->used[0], queue->used[1]};

	used[priority / 64] &= (1ull << priority % 64) - 1;
	if (priority < 64)
		used[1] = 0;
	for (unsigned word = 2; word--;)
		if (used[word])
			return container_of(
				queue->of[word * 64 + 63 - __builtin_clzll(used[word])].next,
				struct sched_entity, by_priority);
	return NULL;
}

struct sched_entity *realtime_first(const struct realtime_queue *queue)
{
	return queue->used[0] | queue->used[1] ? below(queue, REALTIME_PRIORITY_MAX + 1) : NULL;
}

struct sched_entity *realtime_after(const struct realtime_queue *queue,
				    const struct sched_entity *entity)
{
	if (entity->by_priority.next != &queue->of[entity->priority])
		return container_of(entity->by_priority.next, struct sched_entity, by_priority);
	return below(queue, entity->priority);
}

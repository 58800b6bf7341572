/* SPDX-License-Identifier: MIT
 *
 * Virtual runtimes wrap, in theory: they are compared by their difference.
 */
#include "guest/sched/fair.h"

/* 1024 / 1.25^nice. */
static const uint32_t weight_of_nice[NICE_MAX - NICE_MIN + 1] = {
	88818, 71054, 56843, 45475, 36380, 29104, 23283, 18626, 14901, 11921,
	9537,  7629,  6104,  4883,  3906,  3125,  2500,	 2000,	1600,  1280,
	1024,  819,   655,   524,   419,   336,	  268,	 215,	172,   137,
	110,   88,    70,    56,    45,	   36,	  29,	 23,	18,    15};

static struct sched_entity *entity_of(const struct tree_node *node)
{
	return node ? container_of(node, struct sched_entity, by_vruntime) : NULL;
}

static bool is_before(uint64_t a, uint64_t b)
{
	return (int64_t)(a - b) < 0;
}

static bool before(const struct tree_node *a, const struct tree_node *b)
{
	return is_before(entity_of(a)->vruntime, entity_of(b)->vruntime);
}

void fair_init(struct fair_queue *queue)
{
	queue->tree.before = before;
}

uint32_t fair_weight(int nice)
{
	return weight_of_nice[nice - NICE_MIN];
}

void fair_insert(struct fair_queue *queue, struct sched_entity *entity)
{
	tree_insert(&queue->tree, &entity->by_vruntime);
}

void fair_remove(struct fair_queue *queue, struct sched_entity *entity)
{
	tree_remove(&queue->tree, &entity->by_vruntime);
}

struct sched_entity *fair_first(const struct fair_queue *queue)
{
	return entity_of(queue->tree.first);
}

struct sched_entity *fair_last(const struct fair_queue *queue)
{
	return entity_of(tree_last(&queue->tree));
}

struct sched_entity *fair_before(const struct sched_entity *entity)
{
	return entity_of(tree_previous(&entity->by_vruntime));
}

static uint64_t weighted(uint64_t ns, const struct sched_entity *entity)
{
	return entity->weight == FAIR_WEIGHT_NICE_0 ? ns : ns * FAIR_WEIGHT_NICE_0 / entity->weight;
}

void fair_charge(struct fair_queue *queue, struct sched_entity *running, uint64_t ns)
{
	const struct sched_entity *first = fair_first(queue);
	uint64_t least;

	running->vruntime += weighted(ns, running);
	least = running->vruntime;
	if (first && is_before(first->vruntime, least))
		least = first->vruntime;
	if (is_before(queue->min_vruntime, least))
		queue->min_vruntime = least;
}

void fair_place_new(const struct fair_queue *queue, struct sched_entity *entity)
{
	entity->vruntime = queue->min_vruntime;
}

void fair_place_woken(const struct fair_queue *queue, struct sched_entity *entity)
{
	const uint64_t earliest = queue->min_vruntime - FAIR_CREDIT_NS;

	if (is_before(entity->vruntime, earliest))
		entity->vruntime = earliest;
}

void fair_leave(const struct fair_queue *queue, struct sched_entity *entity)
{
	entity->vruntime -= queue->min_vruntime;
}

void fair_join(const struct fair_queue *queue, struct sched_entity *entity)
{
	entity->vruntime += queue->min_vruntime;
}

void fair_yield(const struct fair_queue *queue, struct sched_entity *running)
{
	const struct sched_entity *last = fair_last(queue);

	if (last && is_before(running->vruntime, last->vruntime))
		running->vruntime = last->vruntime;
}

bool fair_preempts(const struct sched_entity *entity, const struct sched_entity *running)
{
	const uint64_t lead = weighted(FAIR_GRANULARITY_NS, entity);

	if (entity->policy != SCHED_NORMAL || running->policy == SCHED_IDLE)
		return running->policy == SCHED_IDLE && entity->policy != SCHED_IDLE;
	return is_before(entity->vruntime + lead, running->vruntime);
}

/* SPDX-License-Identifier: MIT
 *
 * The areas of a space; space->lock is held throughout, or nobody else knows the space.
 */
#ifndef GUEST_MM_AREA_H
#define GUEST_MM_AREA_H

#include <stdbool.h>
#include <stdint.h>

#include "guest/mm/layout.h"
#include "guest/mm/space.h"

#define USER_LOWEST 0x10000
#define AREAS_MAX \
	65530 /* of a space: their memory is nobody's account, and some loops go over all */
#define STACK_GUARD_BYTES 0x100000 /* below what grows down nothing may be closer */

static inline struct vm_area *area_of(const struct tree_node *node)
{
	return node ? container_of(node, struct vm_area, by_address) : NULL;
}

static inline struct vm_area *area_next(const struct vm_area *area)
{
	return area_of(tree_next(&area->by_address));
}

static inline struct vm_area *area_previous(const struct vm_area *area)
{
	return area_of(tree_previous(&area->by_address));
}

static inline bool area_is_shared(const struct vm_area *area)
{
	return area->flags & MAP_SHARED;
}

/* The page of the file at gva. */
static inline uint64_t area_index(const struct vm_area *area, uint64_t gva)
{
	return area->first_index + (gva - area->start_gva) / PAGE_BYTES;
}

bool area_before(const struct tree_node *a, const struct tree_node *b);

/* The first area that ends above gva: gva is in it, or before it. NULL: none. */
struct vm_area *area_find(struct space *space, uint64_t gva);

/* A copy in no tree, with references of its own. NULL: no memory. */
struct vm_area *area_copy(const struct vm_area *area, struct space *space);

/* Into the tree and the list of its cache. */
void area_insert(struct vm_area *area);

/* Out of them; it joins released, for area_release() without any lock. */
void area_remove(struct vm_area *area, struct list *released);
void area_release(struct list *released);

/* Moves the borders of an area in the tree, where its place between its neighbours stays. */
void area_move_borders(struct vm_area *area, uint64_t start_gva, uint64_t end_gva);

/* Makes gva (inside of it) the border of two. 0 or -ENOMEM. */
int area_split(struct vm_area *area, uint64_t gva);

/* Makes one of neighbours that differ in nothing else, all over [start, end]. */
void area_merge(struct space *space, uint64_t start_gva, uint64_t end_gva, struct list *released);

/* Where bytes are free: at the wish if that is possible, else below mmap_base, else anywhere. 0: nowhere. */
uint64_t area_find_gap(struct space *space, uint64_t wish_gva, uint64_t bytes);

/* Makes [start, end) begin and end at borders of areas. 0 or -ENOMEM. */
int area_cut(struct space *space, uint64_t start_gva, uint64_t end_gva);

/* Takes out the areas of [start, end), after area_cut(). The pages stay. */
void area_remove_all(struct space *space, uint64_t start_gva, uint64_t end_gva,
		     struct list *released);

#endif

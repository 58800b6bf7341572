/* SPDX-License-Identifier: MIT
 *
 * Sparse arrays of pointers: a tree whose nodes have 64 children, as high as the largest index needs. An
 * item at index 0 alone needs no node. Items aren't NULL. The caller locks.
 */
#ifndef GUEST_LIB_RADIX_H
#define GUEST_LIB_RADIX_H

#include <stdbool.h>
#include <stdint.h>

struct radix {
	void *root;	 /* height 0: the item at index 0; else a node */
	unsigned height; /* levels of nodes */
};

/* NULL: nothing is there. */
void *radix_find(const struct radix *radix, uint64_t index);

/* Where the item at index is kept, for replacing it; NULL: nothing is there. */
void **radix_slot(struct radix *radix, uint64_t index);

/* Nothing may be at index. false: no memory, and nothing has changed. Never sleeps. */
bool radix_insert(struct radix *radix, uint64_t index, void *item);

/* Takes an item out, and nodes that are empty then; NULL: nothing was there. */
void *radix_remove(struct radix *radix, uint64_t index);

/* The first item at or after *index, which becomes its index; NULL: there is none. */
void *radix_next(const struct radix *radix, uint64_t *index);

#endif

/* SPDX-License-Identifier: MIT
 *
 * Each level consumes 6 bits of the index, from the top. A node counts its children, and goes when it has
 * none; the tree never gets lower before it is empty.
 */
#include "guest/lib/radix.h"

#include <stddef.h>

#include "guest/mm/slab.h"

#define BITS 6
#define CHILDREN 64
#define HEIGHT_MAX 11 /* 66 bits */

struct node {
	void *child[CHILDREN];
	unsigned count;
};

static struct node *node_create(void)
{
	return kmalloc(sizeof(struct node));
}

/* Whether a tree of this height has room for index. */
static bool covers(unsigned height, uint64_t index)
{
	return height >= HEIGHT_MAX || index >> (BITS * height) == 0;
}

static unsigned child_at(uint64_t index, unsigned level)
{
	return index >> (BITS * level) & (CHILDREN - 1);
}

void **radix_slot(struct radix *radix, uint64_t index)
{
	void **at = &radix->root;

	if (!covers(radix->height, index))
		return NULL;
	for (unsigned level = radix->height; *at && level-- > 0;)
		at = &((struct node *)*at)->child[child_at(index, level)];
	return *at ? at : NULL;
}

void *radix_find(const struct radix *radix, uint64_t index)
{
	void **slot = radix_slot((struct radix *)radix, index);

	return slot ? *slot : NULL;
}

/* Nodes that turn out not to be needed for want of another stay: they are empty but in place. */
static bool grow(struct radix *radix, uint64_t index)
{
	while (!covers(radix->height, index)) {
		struct node *node = NULL;

		if (radix->root) {
			node = node_create();
			if (!node)
				return false;
			node->child[0] = radix->root;
			node->count = 1;
		}
		radix->root = node;
		radix->height++;
	}
	return true;
}

static void free_path(struct radix *radix, struct node *const *path, uint64_t index,
		      unsigned level);

bool radix_insert(struct radix *radix, uint64_t index, void *item)
{
	struct node *path[HEIGHT_MAX] = {0}, *parent = NULL;
	void **at = &radix->root;

	if (!grow(radix, index))
		return false;
	for (unsigned level = radix->height; level-- > 0;) {
		if (!*at) {
			*at = node_create();
			if (!*at) {
				free_path(radix, path, index, level + 1);
				return false;
			}
			if (parent)
				parent->count++;
		}
		parent = path[level] = *at;
		at = &parent->child[child_at(index, level)];
	}
	*at = item;
	if (parent)
		parent->count++;
	return true;
}

/* Frees the nodes of path, from level up, that have no children. */
static void free_path(struct radix *radix, struct node *const *path, uint64_t index, unsigned level)
{
	for (; level < radix->height && !path[level]->count; level++) {
		kfree(path[level]);
		if (level + 1 < radix->height) {
			path[level + 1]->child[child_at(index, level + 1)] = NULL;
			path[level + 1]->count--;
		} else {
			radix->root = NULL;
		}
	}
	if (!radix->root)
		radix->height = 0;
}

void *radix_remove(struct radix *radix, uint64_t index)
{
	struct node *path[HEIGHT_MAX];
	void *item = radix->root;

	if (!covers(radix->height, index))
		return NULL;
	for (unsigned level = radix->height; item && level-- > 0;) {
		path[level] = item;
		item = path[level]->child[child_at(index, level)];
	}
	if (!item)
		return NULL;
	if (radix->height) {
		path[0]->child[child_at(index, 0)] = NULL;
		path[0]->count--;
	} else {
		radix->root = NULL;
	}
	free_path(radix, path, index, 0);
	return item;
}

static void *next_below(const struct node *node, unsigned level, uint64_t *index)
{
	for (unsigned i = child_at(*index, level); i < CHILDREN; i++) {
		const uint64_t next = (*index | ((1ull << BITS * level) - 1)) + 1;
		void *item = node->child[i];

		if (item && level)
			item = next_below(item, level - 1, index);
		if (item)
			return item;
		*index = next;
	}
	return NULL;
}

void *radix_next(const struct radix *radix, uint64_t *index)
{
	if (!radix->root || !covers(radix->height, *index))
		return NULL;
	return radix->height ? next_below(radix->root, radix->height - 1, index) : radix->root;
}

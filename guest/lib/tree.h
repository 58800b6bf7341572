/* SPDX-License-Identifier: MIT
 *
 * Ordered trees with the nodes inside of what is sorted: left-leaning or not is the .c file's affair,
 * the height is O(log n).
 */
#ifndef GUEST_LIB_TREE_H
#define GUEST_LIB_TREE_H

#include <stdbool.h>
#include <stddef.h>

struct tree_node {
	struct tree_node *parent, *left, *right;
	int height; /* of the subtree; 0: in no tree */
};

struct tree {
	struct tree_node *root;
	struct tree_node *first; /* the smallest, at hand */
	/* Whether a is before b; equal ones keep the order in which they came. */
	bool (*before)(const struct tree_node *a, const struct tree_node *b);
};

void tree_insert(struct tree *tree, struct tree_node *node);
void tree_remove(struct tree *tree, struct tree_node *node);

/* In order; NULL at the end. */
struct tree_node *tree_next(const struct tree_node *node);
struct tree_node *tree_previous(const struct tree_node *node);
struct tree_node *tree_last(const struct tree *tree);

#endif

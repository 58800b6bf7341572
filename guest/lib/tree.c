/* SPDX-License-Identifier: MIT
 *
 * AVL trees: the heights of a node's two subtrees differ by one at most, so insertion and removal walk one
 * path up and rotate where that would break.
 */
#include "guest/lib/tree.h"

static int height(const struct tree_node *node)
{
	return node ? node->height : 0;
}

static void update_height(struct tree_node *node)
{
	const int left = height(node->left), right = height(node->right);

	node->height = (left > right ? left : right) + 1;
}

/* Puts node where old was below parent (NULL: at the root). */
static void replace(struct tree *tree, struct tree_node *parent, const struct tree_node *old,
		    struct tree_node *node)
{
	if (!parent)
		tree->root = node;
	else if (parent->left == old)
		parent->left = node;
	else
		parent->right = node;
	if (node)
		node->parent = parent;
}

static struct tree_node *rotate_left(struct tree *tree, struct tree_node *node)
{
	struct tree_node *up = node->right;

	replace(tree, node->parent, node, up);
	node->right = up->left;
	if (node->right)
		node->right->parent = node;
	up->left = node;
	node->parent = up;
	update_height(node);
	update_height(up);
	return up;
}

static struct tree_node *rotate_right(struct tree *tree, struct tree_node *node)
{
	struct tree_node *up = node->left;

	replace(tree, node->parent, node, up);
	node->left = up->right;
	if (node->left)
		node->left->parent = node;
	up->right = node;
	node->parent = up;
	update_height(node);
	update_height(up);
	return up;
}

static void rebalance(struct tree *tree, struct tree_node *node)
{
	while (node) {
		const int before = node->height, lean = height(node->left) - height(node->right);

		update_height(node);
		if (lean > 1) {
			if (height(node->left->left) < height(node->left->right))
				rotate_left(tree, node->left);
			node = rotate_right(tree, node);
		} else if (lean < -1) {
			if (height(node->right->right) < height(node->right->left))
				rotate_right(tree, node->right);
			node = rotate_left(tree, node);
		}
		if (node->height == before)
			return; /* nothing above changes */
		node = node->parent;
	}
}

void tree_insert(struct tree *tree, struct tree_node *node)
{
	struct tree_node *parent = NULL, **at = &tree->root;
	bool is_first = true;

	while (*at) {
		parent = *at;
		if (tree->before(node, parent)) {
			at = &parent->left;
		} else {
			at = &parent->right;
			is_first = false;
		}
	}
	*node = (struct tree_node){.parent = parent, .height = 1};
	*at = node;
	if (is_first)
		tree->first = node;
	rebalance(tree, parent);
}

/* Of two children, the next node in order takes the place. */
static struct tree_node *remove_inner(struct tree *tree, struct tree_node *node)
{
	struct tree_node *next = tree_next(node), *lowest = next;

	if (next->parent != node) {
		lowest = next->parent;
		replace(tree, next->parent, next, next->right);
		next->right = node->right;
		next->right->parent = next;
	}
	next->left = node->left;
	next->left->parent = next;
	next->height = node->height;
	replace(tree, node->parent, node, next);
	return lowest;
}

void tree_remove(struct tree *tree, struct tree_node *node)
{
	struct tree_node *lowest = node->parent;

	if (tree->first == node)
		tree->first = tree_next(node);
	if (node->left && node->right)
		lowest = remove_inner(tree, node);
	else
		replace(tree, node->parent, node, node->left ? node->left : node->right);
	rebalance(tree, lowest);
	*node = (struct tree_node){0};
}

struct tree_node *tree_next(const struct tree_node *node)
{
	if (node->right) {
		node = node->right;
		while (node->left)
			node = node->left;
		return (struct tree_node *)node;
	}
	while (node->parent && node->parent->right == node)
		node = node->parent;
	return node->parent;
}

struct tree_node *tree_previous(const struct tree_node *node)
{
	if (node->left) {
		node = node->left;
		while (node->right)
			node = node->right;
		return (struct tree_node *)node;
	}
	while (node->parent && node->parent->left == node)
		node = node->parent;
	return node->parent;
}

struct tree_node *tree_last(const struct tree *tree)
{
	struct tree_node *node = tree->root;

	while (node && node->right)
		node = node->right;
	return node;
}

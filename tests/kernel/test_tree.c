/* SPDX-License-Identifier: MIT
 *
 * lib/tree.c against a sorted array.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "guest/lib/list.h"
#include "guest/lib/tree.h"

#define COUNT 300
#define ROUNDS 20000

struct item {
	struct tree_node node;
	unsigned key, age;
};

static bool before(const struct tree_node *a, const struct tree_node *b)
{
	return container_of(a, const struct item, node)->key <
	       container_of(b, const struct item, node)->key;
}

/* Returns the height, checking links and balance below. */
static int check_node(const struct tree_node *node)
{
	int left, right;

	if (!node)
		return 0;
	assert_true(!node->left || node->left->parent == node);
	assert_true(!node->right || node->right->parent == node);
	left = check_node(node->left);
	right = check_node(node->right);
	assert_in_range(left - right + 1, 0, 2);
	assert_int_equal(node->height, (left > right ? left : right) + 1);
	return node->height;
}

static void check_tree(const struct tree *tree, struct item *const *sorted, unsigned count)
{
	const struct tree_node *node = tree->first;

	check_node(tree->root);
	for (unsigned i = 0; i < count; i++, node = tree_next(node)) {
		assert_ptr_equal(node, &sorted[i]->node);
		assert_ptr_equal(tree_previous(node), i ? &sorted[i - 1]->node : NULL);
	}
	assert_null(node);
	assert_ptr_equal(tree_last(tree), count ? &sorted[count - 1]->node : NULL);
}

static void test_random(void **state)
{
	static struct item item[COUNT];
	struct item *sorted[COUNT];
	struct tree tree = {.before = before};
	unsigned count = 0;

	(void)state;
	srand(1);
	for (unsigned round = 0; round < ROUNDS; round++) {
		struct item *one = &item[rand() % COUNT];
		unsigned at = 0;

		if (one->node.height) {
			tree_remove(&tree, &one->node);
			while (sorted[at] != one)
				at++;
			for (count--; at < count; at++)
				sorted[at] = sorted[at + 1];
		} else {
			one->key = rand() % (COUNT / 2);
			tree_insert(&tree, &one->node);
			for (at = count++; at && sorted[at - 1]->key > one->key; at--)
				sorted[at] = sorted[at - 1];
			sorted[at] = one;
		}
		if (round % 16 == 0)
			check_tree(&tree, sorted, count);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_random)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

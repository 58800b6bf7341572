/* SPDX-License-Identifier: MIT
 *
 * The functions of expressions over a column's cells.
 */
#ifndef VITRINE_LAB_FUNCTIONS_H
#define VITRINE_LAB_FUNCTIONS_H

#include <stdbool.h>
#include <stddef.h>

struct series {
	double *number;
	unsigned count;
	bool has_text; /* a cell is no number: its place holds 0 */
};

struct function {
	char name[8];
	bool takes_rows; /* may do without a column, and texts are fine */
	bool is_truth;	 /* has a second argument, too: the tolerance in percent, NAN without one */
	unsigned least;	 /* that many cells are needed */
	double (*of_series)(const struct series *series, double tolerance);
};

/* NULL: there is none of that name. */
const struct function *function_find(const char *name, size_t length);

#endif

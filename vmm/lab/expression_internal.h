/* SPDX-License-Identifier: MIT
 *
 * Shared by the grammar of expressions (expression.c) and what their names stand for (expression_values.c).
 */
#ifndef VITRINE_LAB_EXPRESSION_INTERNAL_H
#define VITRINE_LAB_EXPRESSION_INTERNAL_H

#include "lab/expression.h"
#include "lab/functions.h"
#include "lab/selection.h"

#define VALUE_TEXT_MAX 128

enum value_kind { KIND_NUMBER, KIND_TEXT, KIND_TRUTH };

struct value {
	enum value_kind kind;
	double number; /* of a truth: 0 or 1 */
	char text[VALUE_TEXT_MAX];
};

struct evaluation {
	const char *at;
	const struct expression_data *data; /* NULL: only look whether it can be read */
	enum expression_verdict trouble;    /* ERROR or LEFT_OUT, else TRUE */
	unsigned depth;
	char *detail;
};

struct value expression_number(double number);

/* It can't be said, and why: the first reason is the one that is told. A value to go on with. */
__attribute__((format(printf, 3, 4))) struct value
expression_trouble(struct evaluation *e, enum expression_verdict verdict, const char *format, ...);

/* Adds to what is told. */
__attribute__((format(printf, 2, 3))) void expression_note(struct evaluation *e, const char *format,
							   ...);

/* The cell of the one row that is meant. */
struct value expression_single(struct evaluation *e, const struct selection *selection);

/* What a function makes of all cells that are meant. */
struct value expression_apply(struct evaluation *e, const struct function *function,
			      const struct selection *selection, double tolerance);

#endif

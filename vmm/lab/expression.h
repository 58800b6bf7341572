/* SPDX-License-Identifier: MIT
 *
 * What a lab expects of its data, as an expression over the tables. docs/labs/README.md has the language.
 */
#ifndef VITRINE_LAB_EXPRESSION_H
#define VITRINE_LAB_EXPRESSION_H

#include <stdbool.h>
#include <stddef.h>

#include "lab/table.h"

#define EXPRESSION_DETAIL_MAX 512

enum expression_verdict {
	EXPRESSION_TRUE,
	EXPRESSION_FALSE,
	EXPRESSION_LEFT_OUT, /* speaks of a run that wasn't made */
	EXPRESSION_ERROR     /* can't be said: no such row, column, … */
};

struct expression_data {
	const struct tables *tables;
	/* Whether the run of that name was left out; without a name: any. */
	bool (*is_left_out)(void *ctx, const char *run);
	void *ctx;
};

/* Evaluates the text. detail becomes what was compared, with numbers ("5230 > 412"), or what is wrong. */
enum expression_verdict expression_evaluate(const char *text, const struct expression_data *data,
					    char detail[EXPRESSION_DETAIL_MAX]);

/* Whether it can be read at all: 0, or -EINVAL with the reason in error. */
int expression_check(const char *text, char *error, size_t size);

#endif

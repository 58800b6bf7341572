/* SPDX-License-Identifier: MIT
 *
 * Expressions: what tables say, and why they don't.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "lab/expression_internal.h"

struct value expression_number(double n)
{
	return (struct value){.kind = KIND_NUMBER, .number = n};
}

struct value expression_trouble(struct evaluation *e, enum expression_verdict verdict,
				const char *format, ...)
{
	va_list values;

	if (e->trouble == EXPRESSION_TRUE) {
		e->trouble = verdict;
		va_start(values, format);
		vsnprintf(e->detail, EXPRESSION_DETAIL_MAX, format, values);
		va_end(values);
	}
	return expression_number(1);
}

void expression_note(struct evaluation *e, const char *format, ...)
{
	const size_t length = strlen(e->detail);
	va_list values;

	if (e->trouble != EXPRESSION_TRUE)
		return;
	va_start(values, format);
	vsnprintf(e->detail + length, EXPRESSION_DETAIL_MAX - length, format, values);
	va_end(values);
}

static void note_missing(struct evaluation *e, const struct selection *s, const struct table *table)
{
	char run[VALUE_TEXT_MAX];

	if (selection_where(s, run, sizeof(run)) && e->data->is_left_out(e->data->ctx, run))
		expression_trouble(e, EXPRESSION_LEFT_OUT, "run %s was left out", run);
	else if (!table && e->data->is_left_out(e->data->ctx, NULL))
		expression_trouble(e, EXPRESSION_LEFT_OUT, "no table %.*s, and runs were left out",
				   (int)s->table_length, s->table);
	else if (!table)
		expression_trouble(e, EXPRESSION_ERROR, "there is no table '%.*s'",
				   (int)s->table_length, s->table);
}

/* The table that a selection means and the number of its column (-1: none named); NULL: trouble. */
static const struct table *find_table(struct evaluation *e, const struct selection *s, int *column)
{
	const struct table *table = tables_find(e->data->tables, s->table, s->table_length);
	int key = 0;

	note_missing(e, s, table);
	if (!table || e->trouble != EXPRESSION_TRUE)
		return NULL;
	*column = s->column ? table_column(table, s->column, s->column_length) : -1;
	if (s->column && *column < 0)
		expression_trouble(e, EXPRESSION_ERROR, "table %s has no column '%.*s'",
				   table->name, (int)s->column_length, s->column);
	for (unsigned i = 0; key >= 0 && i < s->term_count; i++) {
		key = table_column(table, s->term[i].key, s->term[i].key_length);
		if (key < 0)
			expression_trouble(e, EXPRESSION_ERROR, "table %s has no column '%.*s'",
					   table->name, (int)s->term[i].key_length, s->term[i].key);
	}
	return e->trouble == EXPRESSION_TRUE ? table : NULL;
}

/* The cells, or the rows, as numbers, in the order of the rows. */
static struct series read_series(struct evaluation *e, const struct selection *s)
{
	struct series series = {0};
	int column = -1;
	const struct table *table = e->data ? find_table(e, s, &column) : NULL;

	series.number = table ? calloc(table->row_count + 1u, sizeof(double)) : NULL;
	if (table && !series.number)
		expression_trouble(e, EXPRESSION_ERROR, "out of memory");
	for (unsigned i = 0; series.number && i < table->row_count; i++) {
		const char *cell = table_cell(table, i, column);

		if (!selection_matches(s, table, i) || (s->column && !*cell))
			continue;
		if (s->column && !table_number(cell, &series.number[series.count]))
			series.has_text = true;
		series.count++;
	}
	return series;
}

struct value expression_single(struct evaluation *e, const struct selection *s)
{
	struct value value = expression_number(1);
	unsigned count = 0, found = 0;
	int column = -1;
	const struct table *table = e->data ? find_table(e, s, &column) : NULL;

	if (!s->column)
		return expression_trouble(e, EXPRESSION_ERROR, "'%.*s': write table.column",
					  (int)s->length, s->text);
	if (!table)
		return value;
	for (unsigned i = 0; i < table->row_count; i++) {
		if (selection_matches(s, table, i)) {
			found = i;
			count++;
		}
	}
	if (count != 1)
		return expression_trouble(e, EXPRESSION_ERROR, "%u rows match %.*s%s", count,
					  (int)s->length, s->text,
					  count ? "; say which, or max(), mean(), …" : "");
	if (!table_number(table_cell(table, found, column), &value.number)) {
		value.kind = KIND_TEXT;
		snprintf(value.text, sizeof(value.text), "%s", table_cell(table, found, column));
	}
	return value;
}

static void note_series(struct evaluation *e, const struct series *series)
{
	expression_note(e, "%s", e->detail[0] ? ", " : "");
	for (unsigned i = 0; i < series->count; i++)
		expression_note(e, "%s%.6g", i ? " " : "", series->number[i]);
}

struct value expression_apply(struct evaluation *e, const struct function *function,
			      const struct selection *s, double tolerance)
{
	struct series series = read_series(e, s);
	struct value value = expression_number(1);

	value.kind = function->is_truth ? KIND_TRUTH : KIND_NUMBER;
	if (e->data && e->trouble == EXPRESSION_TRUE) {
		if (series.has_text && !function->takes_rows)
			expression_trouble(e, EXPRESSION_ERROR,
					   "%.*s has cells that are no numbers", (int)s->length,
					   s->text);
		else if (series.count < function->least)
			expression_trouble(e, EXPRESSION_ERROR,
					   "%u rows match %.*s: too few for %s()", series.count,
					   (int)s->length, s->text, function->name);
		else
			value.number = function->of_series(&series, tolerance);
		if (function->is_truth)
			note_series(e, &series);
	}
	free(series.number);
	return value;
}

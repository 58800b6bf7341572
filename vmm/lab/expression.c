/* SPDX-License-Identifier: MIT
 *
 * See expression.h. Evaluated while it is read, by recursive descent:
 *
 *     truth    = both { "or" both }          both    = one { "and" one }
 *     one      = "not" one | sum { ( < <= > >= = != ) sum }
 *     sum      = product { ( + - ) product } product = factor { ( * / ) factor }
 *     factor   = number | "text" | "(" truth ")" | - factor | NAME "(" arguments ")" | selection
 */
#include "lab/expression.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "lab/functions.h"
#include "lab/selection.h"

#define DEPTH_MAX 64
#define TEXT_MAX 128

enum kind { KIND_NUMBER, KIND_TEXT, KIND_TRUTH };

struct value {
	enum kind kind;
	double number; /* of a truth: 0 or 1 */
	char text[TEXT_MAX];
};

struct evaluation {
	const char *at;
	const struct expression_data *data; /* NULL: only look whether it can be read */
	enum expression_verdict trouble;    /* ERROR or LEFT_OUT, else TRUE */
	unsigned depth;
	char *detail;
};

static struct value truth(struct evaluation *e);
static struct value sum(struct evaluation *e);
static struct value factor(struct evaluation *e);

static struct value number(double n)
{
	return (struct value){.kind = KIND_NUMBER, .number = n};
}

static struct value truth_value(bool is_true)
{
	return (struct value){.kind = KIND_TRUTH, .number = is_true};
}

/* The first trouble is the one that is told. */
__attribute__((format(printf, 3, 4))) static struct value
trouble(struct evaluation *e, enum expression_verdict verdict, const char *format, ...)
{
	va_list values;

	if (e->trouble == EXPRESSION_TRUE) {
		e->trouble = verdict;
		va_start(values, format);
		vsnprintf(e->detail, EXPRESSION_DETAIL_MAX, format, values);
		va_end(values);
	}
	return number(1);
}

/* What was compared is told as it goes on. */
__attribute__((format(printf, 2, 3))) static void note(struct evaluation *e, const char *format,
						       ...)
{
	const size_t length = strlen(e->detail);
	va_list values;

	if (e->trouble != EXPRESSION_TRUE)
		return;
	va_start(values, format);
	vsnprintf(e->detail + length, EXPRESSION_DETAIL_MAX - length, format, values);
	va_end(values);
}

static void note_value(struct evaluation *e, const struct value *value)
{
	if (value->kind == KIND_TEXT)
		note(e, "\"%s\"", value->text);
	else
		note(e, "%.6g", value->number);
}

static void skip_blanks(struct evaluation *e)
{
	e->at += strspn(e->at, " \t");
}

static bool take(struct evaluation *e, const char *sign)
{
	skip_blanks(e);
	if (strncmp(e->at, sign, strlen(sign)) != 0)
		return false;
	e->at += strlen(sign);
	return true;
}

static bool take_word(struct evaluation *e, const char *word)
{
	skip_blanks(e);
	if (selection_name_length(e->at) != strlen(word))
		return false;
	return take(e, word);
}

static double need_number(struct evaluation *e, const struct value *value)
{
	if (value->kind == KIND_NUMBER)
		return value->number;
	trouble(e, EXPRESSION_ERROR, "%s where a number is needed",
		value->kind == KIND_TEXT ? "a text" : "a comparison");
	return 1;
}

static bool need_truth(struct evaluation *e, const struct value *value)
{
	if (value->kind != KIND_TRUTH && e->data)
		trouble(e, EXPRESSION_ERROR, "a %s where a comparison is needed",
			value->kind == KIND_TEXT ? "text" : "number");
	return value->number > 0;
}

static void note_missing(struct evaluation *e, const struct selection *s, const struct table *table)
{
	char run[TEXT_MAX];

	if (selection_where(s, run, sizeof(run)) && e->data->is_left_out(e->data->ctx, run))
		trouble(e, EXPRESSION_LEFT_OUT, "run %s was left out", run);
	else if (!table && e->data->is_left_out(e->data->ctx, NULL))
		trouble(e, EXPRESSION_LEFT_OUT, "no table %.*s, and runs were left out",
			(int)s->table_length, s->table);
	else if (!table)
		trouble(e, EXPRESSION_ERROR, "there is no table '%.*s'", (int)s->table_length,
			s->table);
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
		trouble(e, EXPRESSION_ERROR, "table %s has no column '%.*s'", table->name,
			(int)s->column_length, s->column);
	for (unsigned i = 0; key >= 0 && i < s->term_count; i++) {
		key = table_column(table, s->term[i].key, s->term[i].key_length);
		if (key < 0)
			trouble(e, EXPRESSION_ERROR, "table %s has no column '%.*s'", table->name,
				(int)s->term[i].key_length, s->term[i].key);
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
		trouble(e, EXPRESSION_ERROR, "out of memory");
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

static struct value single(struct evaluation *e, const struct selection *s)
{
	struct value value = number(1);
	unsigned count = 0, found = 0;
	int column = -1;
	const struct table *table = e->data ? find_table(e, s, &column) : NULL;

	if (!s->column)
		return trouble(e, EXPRESSION_ERROR, "'%.*s': write table.column", (int)s->length,
			       s->text);
	if (!table)
		return value;
	for (unsigned i = 0; i < table->row_count; i++) {
		if (selection_matches(s, table, i)) {
			found = i;
			count++;
		}
	}
	if (count != 1)
		return trouble(e, EXPRESSION_ERROR, "%u rows match %.*s%s", count, (int)s->length,
			       s->text, count ? "; say which, or max(), mean(), …" : "");
	if (!table_number(table_cell(table, found, column), &value.number)) {
		value.kind = KIND_TEXT;
		snprintf(value.text, sizeof(value.text), "%s", table_cell(table, found, column));
	}
	return value;
}

static void note_series(struct evaluation *e, const struct series *series)
{
	note(e, "%s", e->detail[0] ? ", " : "");
	for (unsigned i = 0; i < series->count; i++)
		note(e, "%s%.6g", i ? " " : "", series->number[i]);
}

/* count(rows), max(cells), rising(cells, percent), … behind the '('. */
static struct value of_series(struct evaluation *e, const struct function *function)
{
	struct selection s;
	char error[TEXT_MAX];
	struct series series;
	struct value value;
	double tolerance = NAN;

	skip_blanks(e);
	const char *end = selection_parse(e->at, &s, error, sizeof(error));

	if (!end)
		return trouble(e, EXPRESSION_ERROR, "%s", error);
	e->at = end;
	if (!s.column && !function->takes_rows)
		return trouble(e, EXPRESSION_ERROR, "%s(): write table.column", function->name);
	if (function->is_truth && take(e, ",")) {
		const struct value percent = sum(e);

		tolerance = need_number(e, &percent);
	}
	series = read_series(e, &s);
	value = number(1);
	value.kind = function->is_truth ? KIND_TRUTH : KIND_NUMBER;
	if (e->data && e->trouble == EXPRESSION_TRUE) {
		if (series.has_text && !function->takes_rows)
			trouble(e, EXPRESSION_ERROR, "%.*s has cells that are no numbers",
				(int)s.length, s.text);
		else if (series.count < function->least)
			trouble(e, EXPRESSION_ERROR, "%u rows match %.*s: too few for %s()",
				series.count, (int)s.length, s.text, function->name);
		else
			value.number = function->of_series(&series, tolerance);
		if (function->is_truth)
			note_series(e, &series);
	}
	free(series.number);
	return value;
}

/* near(a, b, percent): a is not farther from b than that. */
static struct value near(struct evaluation *e)
{
	double argument[3] = {1, 1, 1};

	for (unsigned i = 0; i < 3; i++) {
		if (i && !take(e, ","))
			return trouble(e, EXPRESSION_ERROR, "near() is near(a, b, percent)");
		const struct value value = sum(e);

		argument[i] = need_number(e, &value);
	}
	note(e, "%s%.6g ~ %.6g", e->detail[0] ? ", " : "", argument[0], argument[1]);
	return truth_value(fabs(argument[0] - argument[1]) <=
			   fabs(argument[1]) * argument[2] / 100);
}

static struct value call(struct evaluation *e, const char *name, size_t length)
{
	const struct function *function = function_find(name, length);
	struct value value;

	e->at++;
	if (length == 4 && memcmp(name, "near", length) == 0)
		value = near(e);
	else if (function)
		value = of_series(e, function);
	else
		return trouble(e, EXPRESSION_ERROR, "there is no function %.*s()", (int)length,
			       name);
	if (e->trouble == EXPRESSION_TRUE && !take(e, ")"))
		return trouble(e, EXPRESSION_ERROR, "no ')' behind '%.*s('", (int)length, name);
	return value;
}

static struct value name_or_call(struct evaluation *e)
{
	const size_t length = selection_name_length(e->at);
	const char *name = e->at;
	char error[TEXT_MAX];
	struct selection s;

	if (length && name[length] == '(') {
		e->at += length;
		return call(e, name, length);
	}
	e->at = selection_parse(name, &s, error, sizeof(error));
	if (e->at)
		return single(e, &s);
	e->at = name;
	return *name ? trouble(e, EXPRESSION_ERROR, "%s", error)
		     : trouble(e, EXPRESSION_ERROR, "it ends too early");
}

static struct value text_literal(struct evaluation *e)
{
	struct value value = {.kind = KIND_TEXT};
	const size_t length = strcspn(e->at, "\"");

	if (!e->at[length])
		return trouble(e, EXPRESSION_ERROR, "a text without its end");
	snprintf(value.text, sizeof(value.text), "%.*s", (int)length, e->at);
	e->at += length + 1;
	return value;
}

static struct value too_deep(struct evaluation *e)
{
	return trouble(e, EXPRESSION_ERROR, "it is nested too deeply");
}

static struct value signed_factor(struct evaluation *e)
{
	struct value value;

	if (++e->depth > DEPTH_MAX)
		return too_deep(e);
	value = factor(e);
	e->depth--;
	return number(-need_number(e, &value));
}

static struct value factor(struct evaluation *e)
{
	struct value value;
	char *end;

	if (take(e, "\""))
		return text_literal(e);
	if (take(e, "-"))
		return signed_factor(e);
	if (take(e, "(")) {
		value = truth(e);
		if (e->trouble == EXPRESSION_TRUE && !take(e, ")"))
			trouble(e, EXPRESSION_ERROR, "no ')' at '%.20s'", e->at);
		return value;
	}
	if (!isdigit((unsigned char)*e->at) && *e->at != '.')
		return name_or_call(e);
	value = number(strtod(e->at, &end));
	e->at = end;
	return value;
}

static struct value product(struct evaluation *e)
{
	struct value left = factor(e), right;

	for (;;) {
		const bool is_division = take(e, "/");

		if (e->trouble != EXPRESSION_TRUE || (!is_division && !take(e, "*")))
			return left;
		right = factor(e);
		double a = need_number(e, &left), b = need_number(e, &right);

		if (is_division && e->data && b == 0)
			return trouble(e, EXPRESSION_ERROR, "%.6g is divided by 0", a);
		left = number(is_division ? a / b : a * b);
	}
}

static struct value sum(struct evaluation *e)
{
	struct value left = product(e), right;

	for (;;) {
		const bool is_minus = take(e, "-");

		if (e->trouble != EXPRESSION_TRUE || (!is_minus && !take(e, "+")))
			return left;
		right = product(e);
		double a = need_number(e, &left), b = need_number(e, &right);

		left = number(is_minus ? a - b : a + b);
	}
}

enum { COMPARE_LE, COMPARE_LT, COMPARE_GE, COMPARE_GT, COMPARE_NE, COMPARE_EQ, COMPARE_COUNT };

/* Longer signs first. */
static const char signs[COMPARE_COUNT][4] = {"<=", "<", ">=", ">", "!=", "="};

static int take_sign(struct evaluation *e)
{
	for (int i = 0; i < COMPARE_COUNT; i++) {
		if (!take(e, signs[i]))
			continue;
		if (i == COMPARE_EQ && *e->at == '=') /* == is fine, too */
			e->at++;
		return i;
	}
	return -1;
}

static bool compare(struct evaluation *e, int sign, const struct value *a, const struct value *b)
{
	double x = a->number, y = b->number;

	if (a->kind == KIND_TEXT || b->kind == KIND_TEXT) {
		if (e->data && (a->kind != b->kind || sign < COMPARE_NE))
			trouble(e, EXPRESSION_ERROR, "texts are compared by = and != with texts");
		x = strcmp(a->text, b->text);
		y = 0;
	}
	switch (sign) {
	case COMPARE_LE: return x <= y;
	case COMPARE_LT: return x < y;
	case COMPARE_GE: return x >= y;
	case COMPARE_GT: return x > y;
	case COMPARE_NE: return x < y || x > y;
	default: return x <= y && x >= y;
	}
}

/* A chain is true if each of its comparisons is. */
static struct value comparison(struct evaluation *e)
{
	struct value left = sum(e), right;
	bool all = true, is_chain = false;
	int sign;

	while (e->trouble == EXPRESSION_TRUE && (sign = take_sign(e)) >= 0) {
		const size_t before = strlen(e->detail);

		right = sum(e);
		if (!is_chain) {
			/* What a function on the right has noted stands before. */
			note(e, "%s", before ? ", " : "");
			note_value(e, &left);
		}
		note(e, " %s ", signs[sign]);
		note_value(e, &right);
		all &= compare(e, sign, &left, &right);
		left = right;
		is_chain = true;
	}
	return is_chain ? truth_value(all) : left;
}

static struct value one(struct evaluation *e)
{
	struct value value;

	if (++e->depth > DEPTH_MAX)
		return too_deep(e);
	if (take_word(e, "not")) {
		value = one(e);
		value = truth_value(!need_truth(e, &value));
	} else {
		value = comparison(e);
	}
	e->depth--;
	return value;
}

static struct value both(struct evaluation *e)
{
	struct value left = one(e);

	while (e->trouble == EXPRESSION_TRUE && take_word(e, "and")) {
		const bool a = need_truth(e, &left);
		const struct value right = one(e);
		const bool b = need_truth(e, &right);

		left = truth_value(a && b);
	}
	return left;
}

static struct value truth(struct evaluation *e)
{
	struct value left = both(e);

	while (e->trouble == EXPRESSION_TRUE && take_word(e, "or")) {
		const bool a = need_truth(e, &left);
		const struct value right = both(e);
		const bool b = need_truth(e, &right);

		left = truth_value(a || b);
	}
	return left;
}

enum expression_verdict expression_evaluate(const char *text, const struct expression_data *data,
					    char detail[EXPRESSION_DETAIL_MAX])
{
	struct evaluation e = {.at = text, .data = data, .detail = detail};
	struct value value;

	detail[0] = '\0';
	value = truth(&e);
	skip_blanks(&e);
	if (e.trouble == EXPRESSION_TRUE && *e.at)
		trouble(&e, EXPRESSION_ERROR, "'%.40s' can't stand there", e.at);
	if (e.trouble == EXPRESSION_TRUE && value.kind != KIND_TRUTH)
		trouble(&e, EXPRESSION_ERROR, "it compares nothing");
	if (e.trouble != EXPRESSION_TRUE)
		return e.trouble;
	return value.number > 0 ? EXPRESSION_TRUE : EXPRESSION_FALSE;
}

int expression_check(const char *text, char *error, size_t size)
{
	char detail[EXPRESSION_DETAIL_MAX];

	if (expression_evaluate(text, NULL, detail) != EXPRESSION_ERROR)
		return 0;
	snprintf(error, size, "%s", detail);
	return -EINVAL;
}

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
#include <stdlib.h>
#include <string.h>

#include "lab/expression_internal.h"

#define DEPTH_MAX 64

static struct value truth(struct evaluation *e);
static struct value sum(struct evaluation *e);
static struct value factor(struct evaluation *e);

static struct value truth_value(bool is_true)
{
	return (struct value){.kind = KIND_TRUTH, .number = is_true};
}

static void note_value(struct evaluation *e, const struct value *value)
{
	if (value->kind == KIND_TEXT)
		expression_note(e, "\"%s\"", value->text);
	else
		expression_note(e, "%.6g", value->number);
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
	expression_trouble(e, EXPRESSION_ERROR, "%s where a number is needed",
			   value->kind == KIND_TEXT ? "a text" : "a comparison");
	return 1;
}

static bool need_truth(struct evaluation *e, const struct value *value)
{
	if (value->kind != KIND_TRUTH && e->data)
		expression_trouble(e, EXPRESSION_ERROR, "a %s where a comparison is needed",
				   value->kind == KIND_TEXT ? "text" : "number");
	return value->number > 0;
}

/* count(rows), max(cells), rising(cells, percent), … behind the '('. */
static struct value of_series(struct evaluation *e, const struct function *function)
{
	struct selection s;
	char error[VALUE_TEXT_MAX];
	double tolerance = NAN;

	skip_blanks(e);
	const char *end = selection_parse(e->at, &s, error, sizeof(error));

	if (!end)
		return expression_trouble(e, EXPRESSION_ERROR, "%s", error);
	e->at = end;
	if (!s.column && !function->takes_rows)
		return expression_trouble(e, EXPRESSION_ERROR, "%s(): write table.column",
					  function->name);
	if (function->is_truth && take(e, ",")) {
		const struct value percent = sum(e);

		tolerance = need_number(e, &percent);
	}
	return expression_apply(e, function, &s, tolerance);
}

/* near(a, b, percent): a is not farther from b than that. */
static struct value near(struct evaluation *e)
{
	double argument[3] = {1, 1, 1};

	for (unsigned i = 0; i < 3; i++) {
		if (i && !take(e, ","))
			return expression_trouble(e, EXPRESSION_ERROR,
						  "near() is near(a, b, percent)");
		const struct value value = sum(e);

		argument[i] = need_number(e, &value);
	}
	expression_note(e, "%s%.6g ~ %.6g", e->detail[0] ? ", " : "", argument[0], argument[1]);
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
		return expression_trouble(e, EXPRESSION_ERROR, "there is no function %.*s()",
					  (int)length, name);
	if (e->trouble == EXPRESSION_TRUE && !take(e, ")"))
		return expression_trouble(e, EXPRESSION_ERROR, "no ')' behind '%.*s('", (int)length,
					  name);
	return value;
}

static struct value name_or_call(struct evaluation *e)
{
	const size_t length = selection_name_length(e->at);
	const char *name = e->at;
	char error[VALUE_TEXT_MAX];
	struct selection s;

	if (length && name[length] == '(') {
		e->at += length;
		return call(e, name, length);
	}
	e->at = selection_parse(name, &s, error, sizeof(error));
	if (e->at)
		return expression_single(e, &s);
	e->at = name;
	return *name ? expression_trouble(e, EXPRESSION_ERROR, "%s", error)
		     : expression_trouble(e, EXPRESSION_ERROR, "it ends too early");
}

static struct value text_literal(struct evaluation *e)
{
	struct value value = {.kind = KIND_TEXT};
	const size_t length = strcspn(e->at, "\"");

	if (!e->at[length])
		return expression_trouble(e, EXPRESSION_ERROR, "a text without its end");
	snprintf(value.text, sizeof(value.text), "%.*s", (int)length, e->at);
	e->at += length + 1;
	return value;
}

static struct value too_deep(struct evaluation *e)
{
	return expression_trouble(e, EXPRESSION_ERROR, "it is nested too deeply");
}

static struct value unlimited_factor(struct evaluation *e)
{
	struct value value;
	char *end;

	if (take(e, "\""))
		return text_literal(e);
	if (take(e, "-")) {
		value = factor(e);
		return expression_number(-need_number(e, &value));
	}
	if (take(e, "(")) {
		value = truth(e);
		if (e->trouble == EXPRESSION_TRUE && !take(e, ")"))
			expression_trouble(e, EXPRESSION_ERROR, "no ')' at '%.20s'", e->at);
		return value;
	}
	if (!isdigit((unsigned char)*e->at) && *e->at != '.')
		return name_or_call(e);
	value = expression_number(strtod(e->at, &end));
	e->at = end;
	return value;
}

/* All nesting goes through here or one(). */
static struct value factor(struct evaluation *e)
{
	struct value value;

	if (++e->depth > DEPTH_MAX)
		return too_deep(e);
	value = unlimited_factor(e);
	e->depth--;
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
			return expression_trouble(e, EXPRESSION_ERROR, "%.6g is divided by 0", a);
		left = expression_number(is_division ? a / b : a * b);
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

		left = expression_number(is_minus ? a - b : a + b);
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
			expression_trouble(e, EXPRESSION_ERROR,
					   "texts are compared by = and != with texts");
		x = strcmp(a->text, b->text) != 0;
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
			expression_note(e, "%s", before ? ", " : "");
			note_value(e, &left);
		}
		expression_note(e, " %s ", signs[sign]);
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
		expression_trouble(&e, EXPRESSION_ERROR, "'%.40s' can't stand there", e.at);
	if (e.trouble == EXPRESSION_TRUE && value.kind != KIND_TRUTH)
		expression_trouble(&e, EXPRESSION_ERROR, "it compares nothing");
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

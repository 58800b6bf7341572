/* SPDX-License-Identifier: MIT
 *
 * See selection.h.
 */
#include "lab/selection.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define NUMBER_MAX 64

size_t selection_name_length(const char *text)
{
	size_t length = 0;

	if (!isalpha((unsigned char)*text) && *text != '_')
		return 0;
	while (isalnum((unsigned char)text[length]) || text[length] == '_' ||
	       (text[length] == '-' && isalnum((unsigned char)text[length + 1])))
		length++;
	return length;
}

static const char *skip_blanks(const char *text)
{
	return text + strspn(text, " \t");
}

/* A value ends where the next term or the selection does; in quotes it may hold anything. */
static const char *parse_value(const char *text, struct selection_term *term)
{
	if (*text == '"') {
		term->value = ++text;
		term->value_length = strcspn(text, "\"");
		text += term->value_length;
		return *text ? skip_blanks(text + 1) : NULL;
	}
	term->value = text;
	term->value_length = strcspn(text, ",]");
	text += term->value_length;
	while (term->value_length && isblank((unsigned char)term->value[term->value_length - 1]))
		term->value_length--;
	return text;
}

static const char *parse_term(const char *text, struct selection *selection)
{
	struct selection_term *term = &selection->term[selection->term_count];

	text = skip_blanks(text);
	term->key = text;
	term->key_length = selection_name_length(text);
	text = skip_blanks(text + term->key_length);
	term->is_not = *text == '!';
	text += term->is_not;
	if (!term->key_length || *text != '=')
		return NULL;
	selection->term_count++;
	return parse_value(skip_blanks(text + 1), term);
}

static const char *parse_terms(const char *text, struct selection *selection, char *error,
			       size_t size)
{
	do {
		if (selection->term_count == SELECTION_TERM_MAX) {
			snprintf(error, size, "more than %d conditions", SELECTION_TERM_MAX);
			return NULL;
		}
		text = parse_term(text, selection);
		if (!text) {
			snprintf(error, size, "a condition is key=value, several with commas");
			return NULL;
		}
	} while (*text++ == ',');
	return text - 1;
}

int selection_parse_terms(const char *text, struct selection *selection, char *error, size_t size)
{
	*selection = (struct selection){.text = text, .length = strlen(text)};
	text = parse_terms(text, selection, error, size);
	if (text && *text) {
		snprintf(error, size, "']' is too much");
		text = NULL;
	}
	return text ? 0 : -EINVAL;
}

const char *selection_parse(const char *text, struct selection *selection, char *error, size_t size)
{
	*selection = (struct selection){.text = text, .table = text};
	selection->table_length = selection_name_length(text);
	if (!selection->table_length) {
		snprintf(error, size, "a table's name is missing at '%.20s'", text);
		return NULL;
	}
	text += selection->table_length;
	if (*text == '.') {
		selection->column = ++text;
		selection->column_length = selection_name_length(text);
		if (!selection->column_length) {
			snprintf(error, size, "a column's name is missing behind '%.*s.'",
				 (int)selection->table_length, selection->table);
			return NULL;
		}
		text += selection->column_length;
	}
	if (*text == '[') {
		text = parse_terms(text + 1, selection, error, size);
		if (text && *text != ']') {
			snprintf(error, size, "no ']' behind '%.*s['", (int)selection->table_length,
				 selection->table);
			text = NULL;
		}
		text = text ? text + 1 : NULL;
	}
	selection->length = text ? (size_t)(text - selection->text) : 0;
	return text;
}

/* As text, or as numbers where both are: 16 is 16.0. */
static bool is_same(const char *cell, const char *value, size_t length)
{
	char copy[NUMBER_MAX];
	double a, b;

	if (strncmp(cell, value, length) == 0 && cell[length] == '\0')
		return true;
	if (length >= sizeof(copy))
		return false;
	snprintf(copy, sizeof(copy), "%.*s", (int)length, value);
	return table_number(cell, &a) && table_number(copy, &b) && !(a < b) && !(a > b);
}

bool selection_matches(const struct selection *selection, const struct table *table, unsigned row)
{
	for (unsigned i = 0; i < selection->term_count; i++) {
		const struct selection_term *term = &selection->term[i];
		const int column = table_column(table, term->key, term->key_length);

		if (is_same(table_cell(table, row, column), term->value, term->value_length) ==
		    term->is_not)
			return false;
	}
	return true;
}

bool selection_where(const struct selection *selection, char *name, size_t size)
{
	for (unsigned i = 0; i < selection->term_count; i++) {
		const struct selection_term *term = &selection->term[i];

		if (term->is_not || term->key_length != strlen(TABLE_WHERE) ||
		    memcmp(term->key, TABLE_WHERE, term->key_length) != 0)
			continue;
		snprintf(name, size, "%.*s", (int)term->value_length, term->value);
		return true;
	}
	return false;
}

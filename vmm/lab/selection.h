/* SPDX-License-Identifier: MIT
 *
 * table.column[key=value,…]: cells of the data, as expressions name them.
 */
#ifndef VITRINE_LAB_SELECTION_H
#define VITRINE_LAB_SELECTION_H

#include "lab/expression.h"

#define SELECTION_TERM_MAX 8

struct selection_term {
	const char *key, *value; /* not ended by a 0 */
	size_t key_length, value_length;
	bool is_not;
};

/* What the text says; borrows it. */
struct selection {
	const char *text;
	size_t length;
	const char *table, *column; /* column NULL: rows as such */
	size_t table_length, column_length;
	struct selection_term term[SELECTION_TERM_MAX];
	unsigned term_count;
};

/* Reads one at text. The character behind it, or NULL with the reason in error. */
const char *selection_parse(const char *text, struct selection *selection, char *error,
			    size_t size);

/* "where=guest,call=read-4K" alone, up to its end (selection->table is NULL then). 0 or -EINVAL. */
int selection_parse_terms(const char *text, struct selection *selection, char *error, size_t size);

/* Whether a row of the table is meant. */
bool selection_matches(const struct selection *selection, const struct table *table, unsigned row);

/* The name of a run as `where=` has it is copied to name: true; false: no such term. */
bool selection_where(const struct selection *selection, char *name, size_t size);

/* The length of a name at text, 0: none there. A '-' belongs to it if letters or digits stand on both sides. */
size_t selection_name_length(const char *text);

#endif

/* SPDX-License-Identifier: MIT
 *
 * The data of a lab: tables of rows, as a lab's programs print them, and as CSV.
 */
#ifndef VITRINE_LAB_TABLE_H
#define VITRINE_LAB_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define TABLE_WHERE "where" /* the column that the runner adds: the name of the run */

struct table_row {
	char **cell; /* NULL: the row doesn't say */
	unsigned cell_count;
};

struct table {
	char *name;
	char **column;
	unsigned column_count;
	struct table_row *row;
	unsigned row_count;
};

/* {0} is an empty one. */
struct tables {
	struct table *table;
	unsigned count;
};

/* Adds a row "TABLE key=value key="two words" …", and its column `where`. A row may bring a column that the table
 * doesn't have yet. 0, or -errno with the reason in error: -EINVAL not a row, -E2BIG too much of something. */
int tables_add(struct tables *tables, const char *row, const char *where, char *error, size_t size);

void tables_free(struct tables *tables);

/* The table of that name (which need not end with a 0), or NULL. */
const struct table *tables_find(const struct tables *tables, const char *name, size_t length);

/* The number of a column, or -1. */
int table_column(const struct table *table, const char *name, size_t length);

/* "" where the row doesn't say; column -1 is fine. */
const char *table_cell(const struct table *table, unsigned row, int column);

/* Whether text is a number as a whole, and which. */
bool table_number(const char *text, double *number);

/* RFC 4180. 0 or -EIO. */
int table_write_csv(const struct table *table, FILE *out);

#endif

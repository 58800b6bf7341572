/* SPDX-License-Identifier: MIT
 *
 * See table.h. A guest prints what it likes: everything has a limit.
 */
#include "lab/table.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define TABLE_MAX 64
#define COLUMN_MAX 64
#define ROW_MAX 200000
#define NAME_MAX_BYTES 64

static const char name_letters[] =
	"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";

static int fail(int err, const char *text, char *error, size_t size)
{
	snprintf(error, size, "%s", text);
	return err;
}

/* Length of the name at text; 0: none. */
static size_t name_length(const char *text)
{
	const size_t length = strspn(text, name_letters);

	return *text == '-' || length > NAME_MAX_BYTES ? 0 : length;
}

static struct table *find_or_make(struct tables *tables, const char *name, size_t length)
{
	struct table *table = (struct table *)tables_find(tables, name, length);
	struct table *grown;

	if (table || tables->count == TABLE_MAX)
		return table;
	grown = realloc(tables->table, (tables->count + 1) * sizeof(*grown));
	if (!grown)
		return NULL;
	tables->table = grown;
	table = &grown[tables->count];
	*table = (struct table){.name = strndup(name, length)};
	if (!table->name)
		return NULL;
	tables->count++;
	return table;
}

static int column_make(struct table *table, const char *name, size_t length)
{
	const int found = table_column(table, name, length);
	char **grown;

	if (found >= 0 || table->column_count == COLUMN_MAX)
		return found;
	grown = realloc(table->column, (table->column_count + 1) * sizeof(*grown));
	if (!grown)
		return -1;
	table->column = grown;
	grown[table->column_count] = strndup(name, length);
	return grown[table->column_count] ? (int)table->column_count++ : -1;
}

static int set_cell(struct table *table, struct table_row *row, const char *key, size_t key_length,
		    const char *value, size_t length)
{
	const int column = column_make(table, key, key_length);

	if (column < 0)
		return -E2BIG;
	if ((unsigned)column >= row->cell_count) {
		char **grown = realloc(row->cell, ((size_t)column + 1) * sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		row->cell = grown;
		for (; row->cell_count <= (unsigned)column; row->cell_count++)
			grown[row->cell_count] = NULL;
	}
	free(row->cell[column]);
	row->cell[column] = strndup(value, length);
	return row->cell[column] ? 0 : -ENOMEM;
}

static void row_free(struct table_row *row)
{
	for (unsigned i = 0; i < row->cell_count; i++)
		free(row->cell[i]);
	free(row->cell);
}

/* One "key=value" at *text, which is moved behind it. */
static int add_cell(struct table *table, struct table_row *row, const char **text)
{
	const char *key = *text, *value;
	const size_t key_length = name_length(key);
	size_t length;

	if (!key_length || key[key_length] != '=')
		return -EINVAL;
	value = key + key_length + 1;
	if (*value == '"') {
		length = strcspn(++value, "\"");
		if (!value[length] || !strchr(" \t", value[length + 1]))
			return -EINVAL;
		*text = value + length + 1;
	} else {
		length = strcspn(value, " \t");
		*text = value + length;
	}
	*text += strspn(*text, " \t");
	return set_cell(table, row, key, key_length, value, length);
}

static int append(struct table *table, const struct table_row *row)
{
	/* Grown by doubling: capacity is the power of two that holds what there is. */
	if ((table->row_count & (table->row_count - 1)) == 0) {
		const size_t capacity = table->row_count ? 2 * (size_t)table->row_count : 1;
		struct table_row *grown = realloc(table->row, capacity * sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		table->row = grown;
	}
	table->row[table->row_count++] = *row;
	return 0;
}

int tables_add(struct tables *tables, const char *text, const char *where, char *error, size_t size)
{
	const size_t name = name_length(text);
	struct table_row row = {0};
	struct table *table;
	int err = 0;

	if (!name || !strchr(" \t", text[name]))
		return fail(-EINVAL, "no name of a table", error, size);
	table = find_or_make(tables, text, name);
	if (!table)
		return fail(-E2BIG, "too many tables", error, size);
	if (table->row_count == ROW_MAX)
		return fail(-E2BIG, "too many rows", error, size);
	text += name;
	text += strspn(text, " \t");
	while (!err && *text)
		err = add_cell(table, &row, &text);
	if (!err)
		err = set_cell(table, &row, TABLE_WHERE, strlen(TABLE_WHERE), where, strlen(where));
	if (!err)
		err = append(table, &row);
	if (!err)
		return 0;
	row_free(&row);
	return fail(err,
		    err == -EINVAL  ? "not key=value words"
		    : err == -E2BIG ? "too many columns"
				    : "out of memory",
		    error, size);
}

void tables_free(struct tables *tables)
{
	for (unsigned t = 0; t < tables->count; t++) {
		struct table *table = &tables->table[t];

		for (unsigned i = 0; i < table->row_count; i++)
			row_free(&table->row[i]);
		for (unsigned i = 0; i < table->column_count; i++)
			free(table->column[i]);
		free(table->row);
		free(table->column);
		free(table->name);
	}
	free(tables->table);
	*tables = (struct tables){0};
}

static bool is_text(const char *text, const char *part, size_t length)
{
	return strncmp(text, part, length) == 0 && text[length] == '\0';
}

const struct table *tables_find(const struct tables *tables, const char *name, size_t length)
{
	for (unsigned i = 0; i < tables->count; i++)
		if (is_text(tables->table[i].name, name, length))
			return &tables->table[i];
	return NULL;
}

int table_column(const struct table *table, const char *name, size_t length)
{
	for (unsigned i = 0; i < table->column_count; i++)
		if (is_text(table->column[i], name, length))
			return (int)i;
	return -1;
}

const char *table_cell(const struct table *table, unsigned row, int column)
{
	const struct table_row *cells = &table->row[row];

	return column < 0 || (unsigned)column >= cells->cell_count || !cells->cell[column]
		       ? ""
		       : cells->cell[column];
}

bool table_number(const char *text, double *number)
{
	char *end;

	*number = strtod(text, &end);
	return end != text && *end == '\0' && isfinite(*number);
}

static void write_csv_cell(const char *text, FILE *out)
{
	if (!strpbrk(text, ",\"\r\n")) {
		fputs(text, out);
		return;
	}
	putc('"', out);
	for (; *text; text++) {
		if (*text == '"')
			putc('"', out);
		putc(*text, out);
	}
	putc('"', out);
}

int table_write_csv(const struct table *table, FILE *out)
{
	for (unsigned c = 0; c < table->column_count; c++) {
		write_csv_cell(table->column[c], out);
		putc(c + 1 < table->column_count ? ',' : '\n', out);
	}
	for (unsigned r = 0; r < table->row_count; r++) {
		for (unsigned c = 0; c < table->column_count; c++) {
			write_csv_cell(table_cell(table, r, (int)c), out);
			putc(c + 1 < table->column_count ? ',' : '\n', out);
		}
	}
	return ferror(out) ? -EIO : 0;
}

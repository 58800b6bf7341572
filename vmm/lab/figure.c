/* SPDX-License-Identifier: MIT
 *
 * See figure.h.
 */
#include "lab/figure.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "lab/selection.h"

#define Y_COLUMN_MAX 16

struct columns {
	const struct table *table;
	int x, to; /* to: only of a gantt */
	int y[Y_COLUMN_MAX];
	unsigned y_count;
	int by; /* -1: none */
};

__attribute__((format(printf, 2, 3))) static int fail(char error[LAB_ERROR_MAX], const char *format,
						      ...)
{
	va_list values;

	va_start(values, format);
	vsnprintf(error, LAB_ERROR_MAX, format, values);
	va_end(values);
	return -EINVAL;
}

/* What came from a guest must not mean anything to gnuplot. */
static void copy_label(char label[FIGURE_LABEL_MAX], const char *text)
{
	snprintf(label, FIGURE_LABEL_MAX, "%s", text);
	for (char *c = label; *c; c++)
		if ((unsigned char)*c < ' ' || strchr("\"'`\\@{}", *c))
			*c = '_';
}

static int category(struct categories *categories, const char *text, unsigned max)
{
	char label[FIGURE_LABEL_MAX];

	copy_label(label, text);
	for (unsigned i = 0; i < categories->count; i++)
		if (strcmp(categories->label[i], label) == 0)
			return (int)i;
	if (categories->count == max)
		return -1;
	if (!categories->label)
		categories->label = calloc(max, sizeof(*categories->label));
	if (!categories->label)
		return -1;
	memcpy(categories->label[categories->count], label, sizeof(label));
	return (int)categories->count++;
}

static int find_column(const struct table *table, const char *name, size_t length, int *column,
		       char error[LAB_ERROR_MAX])
{
	while (length && strchr(" \t", *name)) {
		name++;
		length--;
	}
	while (length && strchr(" \t", name[length - 1]))
		length--;
	*column = table_column(table, name, length);
	return *column >= 0 ? 0
			    : fail(error, "table %s has no column '%.*s'", table->name, (int)length,
				   name);
}

static int find_y(const struct lab_figure *figure, struct columns *c, char error[LAB_ERROR_MAX])
{
	const char *name = figure->y;
	int err = 0;

	for (; !err && *name && c->y_count < Y_COLUMN_MAX; c->y_count++) {
		const size_t length = strcspn(name, ",");

		err = find_column(c->table, name, length, &c->y[c->y_count], error);
		name += length;
		name += *name == ',';
	}
	return err;
}

static int find_columns(const struct lab_figure *figure, const struct tables *tables,
			struct columns *c, char error[LAB_ERROR_MAX])
{
	const size_t x_length = strcspn(figure->x, ",");
	const char *to = figure->x + x_length;
	int err;

	*c = (struct columns){.to = -1, .by = -1};
	c->table = tables_find(tables, figure->table, strlen(figure->table));
	if (!c->table)
		return -ENOENT;
	err = find_column(c->table, figure->x, x_length, &c->x, error);
	if (!err && *to == ',')
		err = find_column(c->table, to + 1, strlen(to + 1), &c->to, error);
	if (!err && figure->by)
		err = find_column(c->table, figure->by, strlen(figure->by), &c->by, error);
	return err ? err : find_y(figure, c, error);
}

static int series_of(struct figure_data *data, const struct columns *c, unsigned row, unsigned y)
{
	const char *by = c->by >= 0 ? table_cell(c->table, row, c->by) : "";
	const char *column = c->y_count > 1 || c->by < 0 ? c->table->column[c->y[y]] : "";
	char label[2 * FIGURE_LABEL_MAX];

	snprintf(label, sizeof(label), "%.60s%s%.60s", by, *by && *column ? " " : "", column);
	return category(&data->series, label, FIGURE_SERIES_MAX);
}

/* One cell that is drawn. Its y may be missing: then it isn't. */
static int add_point(struct figure_data *data, const struct columns *c, unsigned row, unsigned y,
		     char error[LAB_ERROR_MAX])
{
	const enum lab_figure_kind kind = data->figure->kind;
	const char *x_text = table_cell(c->table, row, c->x);
	const char *y_text = table_cell(c->table, row, c->y[y]);
	struct figure_point *p = &data->point[data->point_count];
	bool has_lanes = kind == LAB_FIGURE_GANTT || kind == LAB_FIGURE_HEAT;
	int series = kind == LAB_FIGURE_HEAT ? 0 : series_of(data, c, row, y), x = 0, lane;

	if (!*y_text || !*x_text)
		return 0;
	if (data->has_categories)
		x = category(&data->x, x_text, FIGURE_CATEGORY_MAX);
	else
		table_number(x_text, &p->x);
	if (has_lanes) {
		lane = category(&data->y, y_text, FIGURE_CATEGORY_MAX);
		p->y = lane;
		series = lane < 0 ? -1 : series;
	} else if (!table_number(y_text, &p->y)) {
		return fail(error, "%s.%s: '%.40s' is no number", c->table->name,
			    c->table->column[c->y[y]], y_text);
	}
	if (series < 0 || x < 0)
		return fail(error, "more than %d lines or %d places", FIGURE_SERIES_MAX,
			    FIGURE_CATEGORY_MAX);
	if (has_lanes &&
	    !table_number(table_cell(c->table, row, kind == LAB_FIGURE_GANTT ? c->to : c->by),
			  &p->z))
		return fail(error, "table %s: what is drawn isn't a number", c->table->name);
	p->series = (unsigned)series;
	p->category = (unsigned)x;
	data->point_count++;
	return 0;
}

static bool is_numbers(const struct columns *c, const struct selection *only)
{
	const char *cell;
	double ignored;

	for (unsigned i = 0; i < c->table->row_count; i++) {
		cell = table_cell(c->table, i, c->x);
		if (*cell && selection_matches(only, c->table, i) && !table_number(cell, &ignored))
			return false;
	}
	return true;
}

static int collect(struct figure_data *data, const struct columns *c, const struct selection *only,
		   char error[LAB_ERROR_MAX])
{
	const enum lab_figure_kind kind = data->figure->kind;
	int err = 0;

	data->has_categories = kind == LAB_FIGURE_BARS || kind == LAB_FIGURE_STACK ||
			       kind == LAB_FIGURE_HEAT || !is_numbers(c, only);
	if (kind == LAB_FIGURE_GANTT && data->has_categories)
		return fail(error, "table %s: a gantt's x is numbers", c->table->name);
	data->point = calloc((size_t)c->table->row_count * c->y_count + 1, sizeof(*data->point));
	if (!data->point)
		return fail(error, "out of memory");
	for (unsigned i = 0; !err && i < c->table->row_count; i++)
		for (unsigned y = 0; !err && y < c->y_count; y++)
			if (selection_matches(only, c->table, i))
				err = add_point(data, c, i, y, error);
	return err ? err : data->point_count ? 0 : -ENOENT;
}

int figure_collect(const struct lab_figure *figure, const struct tables *tables,
		   struct figure_data *data, char error[LAB_ERROR_MAX])
{
	struct selection only = {0};
	struct columns columns;
	int err;

	*data = (struct figure_data){.figure = figure};
	if (figure->only && selection_parse_terms(figure->only, &only, error, LAB_ERROR_MAX) < 0)
		return -EINVAL;
	err = find_columns(figure, tables, &columns, error);
	return err ? err : collect(data, &columns, &only, error);
}

void figure_data_free(struct figure_data *data)
{
	free(data->point);
	free(data->x.label);
	free(data->y.label);
	free(data->series.label);
	*data = (struct figure_data){0};
}

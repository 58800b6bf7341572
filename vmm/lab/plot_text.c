/* SPDX-License-Identifier: MIT
 *
 * See plot_text.h.
 */
#include "lab/plot_text.h"

#include <string.h>

#define LABEL_WIDTH 16
#define WIDTH_MAX 512

static const char shades[] = ".:-=+*%#@"; /* from the least to the most; a blank is no row at all */
static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

struct range {
	double least, most;
};

static void widen(struct range *range, double value)
{
	range->least = value < range->least ? value : range->least;
	range->most = value > range->most ? value : range->most;
}

/* 0 to count - 1, by where in the range the value is. */
static unsigned step(const struct range *range, double value, unsigned count)
{
	const double part = range->most > range->least
				    ? (value - range->least) / (range->most - range->least)
				    : 0;
	const unsigned at = (unsigned)(part * count);

	return at < count ? at : count - 1;
}

static void print_row(FILE *out, const char *label, const char *cells, unsigned width)
{
	fprintf(out, "%*.*s |%.*s|\n", LABEL_WIDTH, LABEL_WIDTH, label, (int)width, cells);
}

static void heat(FILE *out, const struct figure_data *data, unsigned width)
{
	const unsigned cell = data->x.count < width ? width / data->x.count : 1;
	struct range range = {data->point[0].z, data->point[0].z};
	char row[WIDTH_MAX];

	for (unsigned i = 0; i < data->point_count; i++)
		widen(&range, data->point[i].z);
	for (unsigned y = data->y.count; y-- > 0;) {
		memset(row, ' ', sizeof(row));
		for (unsigned i = 0; i < data->point_count; i++) {
			const struct figure_point *p = &data->point[i];

			if ((unsigned)p->y == y && (p->category + 1) * cell <= width)
				memset(row + (size_t)p->category * cell,
				       shades[step(&range, p->z, sizeof(shades) - 1)], cell);
		}
		print_row(out, data->y.label[y], row, width);
	}
	fprintf(out, "%*s  ", LABEL_WIDTH, "");
	for (unsigned x = 0; x < data->x.count && (x + 1) * cell <= width; x++)
		fprintf(out, "%-*.*s", (int)cell, (int)cell, data->x.label[x]);
	fprintf(out, "\n%*s  %s: '%c' %.6g to '%c' %.6g\n", LABEL_WIDTH, "", data->figure->by,
		shades[0], range.least, shades[sizeof(shades) - 2], range.most);
}

/* The letter of a series: its name's own first one, if that tells all apart. */
static char letter(const struct figure_data *data, unsigned series)
{
	for (unsigned s = 1; s < data->series.count; s++)
		for (unsigned before = 0; before < s; before++)
			if (data->series.label[s][0] == data->series.label[before][0])
				return letters[series % (sizeof(letters) - 1)];
	return data->series.label[series][0];
}

/* What is shorter than a character still gets one. */
static void gantt(FILE *out, const struct figure_data *data, unsigned width)
{
	struct range range = {data->point[0].x, data->point[0].x};
	char row[WIDTH_MAX];

	for (unsigned i = 0; i < data->point_count; i++) {
		widen(&range, data->point[i].x);
		widen(&range, data->point[i].z);
	}
	for (unsigned y = data->y.count; y-- > 0;) {
		memset(row, ' ', sizeof(row));
		for (unsigned i = 0; i < data->point_count; i++) {
			const struct figure_point *p = &data->point[i];
			const unsigned from = step(&range, p->x, width);
			const unsigned to = step(&range, p->z, width);

			if ((unsigned)p->y == y && to >= from)
				memset(row + from, letter(data, p->series),
				       to > from ? to - from : 1);
		}
		print_row(out, data->y.label[y], row, width);
	}
	fprintf(out, "%*s  %-*.6g%*.6g\n%*s ", LABEL_WIDTH, "", (int)(width / 2), range.least,
		(int)(width - width / 2), range.most, LABEL_WIDTH, "");
	for (unsigned s = 0; s < data->series.count && data->series.count > 1; s++)
		fprintf(out, " %c: %s", letter(data, s), data->series.label[s]);
	fprintf(out, "  %s\n", data->figure->xlabel ? data->figure->xlabel : "");
}

void plot_text(FILE *out, const struct figure_data *data, unsigned width)
{
	const char *title = data->figure->title ? data->figure->title : data->figure->name;

	width = width > LABEL_WIDTH + 24 ? width - LABEL_WIDTH - 4 : 20;
	width = width < WIDTH_MAX ? width : WIDTH_MAX;
	fprintf(out, "\n%*s  %s\n", LABEL_WIDTH, "", title);
	if (data->figure->kind == LAB_FIGURE_HEAT)
		heat(out, data, width);
	else
		gantt(out, data, width);
}

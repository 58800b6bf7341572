/* SPDX-License-Identifier: MIT
 *
 * A figure's data: the rows it shows, as series of points.
 */
#ifndef VITRINE_LAB_FIGURE_H
#define VITRINE_LAB_FIGURE_H

#include "lab/file.h"
#include "lab/table.h"

#define FIGURE_SERIES_MAX 48
#define FIGURE_CATEGORY_MAX 512
#define FIGURE_LABEL_MAX 64

/* Texts as an axis has them: words in the order of their first row. */
struct categories {
	char (*label)[FIGURE_LABEL_MAX];
	unsigned count;
};

struct figure_point {
	double x, y; /* a gantt's: from, and the lane's number */
	double z;    /* a gantt's: to; a heat's: the colour */
	unsigned series;
	unsigned category; /* of x, where that isn't numbers */
};

struct figure_data {
	const struct lab_figure *figure;
	struct figure_point *point;
	unsigned point_count;
	struct categories x, y, series;
	bool has_categories; /* x is words, or bars, which stand beside each other as if it were */
};

/* Collects the points. 0; -ENOENT: no row is meant; -EINVAL: a column is missing or isn't numbers, said in error.
 * In any case figure_data_free() afterwards. */
int figure_collect(const struct lab_figure *figure, const struct tables *tables,
		   struct figure_data *data, char error[LAB_ERROR_MAX]);
void figure_data_free(struct figure_data *data);

#endif

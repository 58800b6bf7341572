/* SPDX-License-Identifier: MIT
 *
 * Drawing figures, by gnuplot.
 */
#ifndef VITRINE_LAB_PLOT_H
#define VITRINE_LAB_PLOT_H

#include "lab/figure.h"

enum plot_target { PLOT_PNG, PLOT_SVG, PLOT_TERMINAL };

/* Writes the script that draws the data: to the file at path, or to standard output with letters in `width` columns. */
void plot_write_script(FILE *out, const struct figure_data *data, enum plot_target target,
		       const char *path, unsigned width);

/* Whether there is a gnuplot; else the package it is in, in reason. */
bool plot_is_possible(char *reason, size_t size);

/* Draws a figure into FOLDER/LAB-FIGURE.png and .svg (NULL: not), and in the terminal. 0, -ENOENT: there was no
 * data; or -errno with a line in error. */
int plot_figure(const struct lab *lab, const struct lab_figure *figure, const struct tables *tables,
		const char *folder, char error[LAB_ERROR_MAX]);

#endif

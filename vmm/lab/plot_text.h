/* SPDX-License-Identifier: MIT
 *
 * The figures that gnuplot can't draw with letters: gantt and heat.
 */
#ifndef VITRINE_LAB_PLOT_TEXT_H
#define VITRINE_LAB_PLOT_TEXT_H

#include "lab/figure.h"

/* A line for each row of the figure, at most `width` characters wide. For these two kinds alone. */
void plot_text(FILE *out, const struct figure_data *data, unsigned width);

#endif

/* SPDX-License-Identifier: MIT
 *
 * See plot.h.
 */
#include "lab/plot.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lab/output.h"

#define GNUPLOT "gnuplot"

bool plot_is_possible(char *reason, size_t size)
{
	if (system("command -v " GNUPLOT " > /dev/null 2>&1") == 0)
		return true;
	snprintf(reason, size, "figures need gnuplot (Debian: apt install gnuplot-nox)");
	return false;
}

static int draw(const struct figure_data *data, enum plot_target target, const char *path)
{
	FILE *gnuplot;

	fflush(stdout);
	gnuplot = popen(GNUPLOT, "we");
	if (!gnuplot)
		return -errno;
	plot_write_script(gnuplot, data, target, path);
	return pclose(gnuplot) == 0 ? 0 : -EIO;
}

static int draw_file(const struct lab *lab, const struct figure_data *data, enum plot_target target,
		     const char *folder)
{
	struct output output;
	int err = output_open(&output, folder, lab->name, data->figure->name,
			      target == PLOT_PNG ? "png" : "svg");

	if (err)
		return err;
	err = draw(data, target, output.unfinished);
	if (err) {
		output_drop(&output);
		return err;
	}
	return output_finish(&output);
}

int plot_figure(const struct lab *lab, const struct lab_figure *figure, const struct tables *tables,
		const char *folder, char error[LAB_ERROR_MAX])
{
	struct figure_data data;
	int err = figure_collect(figure, tables, &data, error);

	if (!err) {
		err = draw(&data, PLOT_TERMINAL, NULL);
		if (!err && folder)
			err = draw_file(lab, &data, PLOT_PNG, folder);
		if (!err && folder)
			err = draw_file(lab, &data, PLOT_SVG, folder);
		if (err)
			snprintf(error, LAB_ERROR_MAX, "%s", strerror(-err));
	}
	figure_data_free(&data);
	return err;
}

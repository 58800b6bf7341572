/* SPDX-License-Identifier: MIT
 *
 * See plot.h.
 */
#include "lab/plot.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "lab/output.h"
#include "lab/plot_text.h"

#define GNUPLOT "gnuplot"
#define TERMINAL_WIDTH 80
#define TERMINAL_WIDTH_LEAST 40
#define TERMINAL_WIDTH_MOST 160

static unsigned terminal_width(void)
{
	struct winsize size = {0};

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_col < TERMINAL_WIDTH_LEAST)
		return TERMINAL_WIDTH;
	return size.ws_col < TERMINAL_WIDTH_MOST ? size.ws_col : TERMINAL_WIDTH_MOST;
}

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

	const enum lab_figure_kind kind = data->figure->kind;

	if (target == PLOT_TERMINAL && (kind == LAB_FIGURE_GANTT || kind == LAB_FIGURE_HEAT)) {
		plot_text(stdout, data, terminal_width());
		return 0;
	}
	fflush(stdout);
	gnuplot = popen(GNUPLOT, "we");
	if (!gnuplot)
		return -errno;
	plot_write_script(gnuplot, data, target, path, terminal_width());
	return pclose(gnuplot) == 0 ? 0 : -EIO;
}

static int draw_file(const struct lab *lab, const struct figure_data *data, enum plot_target target,
		     const char *folder)
{
	struct output output = {0};
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

/* SPDX-License-Identifier: MIT
 *
 * The gnuplot scripts. All texts are in single quotes, where gnuplot looks for nothing.
 */
#include <math.h>
#include <string.h>

#include "lab/plot.h"

#define TERMINAL_HEIGHT 24
#define TICS_MAX 24

static void write_text(FILE *out, const char *text)
{
	putc('\'', out);
	for (; *text; text++) {
		if (*text == '\'')
			fputs("''", out);
		else if ((unsigned char)*text >= ' ' && *text != '`')
			putc(*text, out);
	}
	putc('\'', out);
}

static void write_target(FILE *out, enum plot_target target, const char *path, unsigned width)
{
	fputs("set colorsequence podo\n", out);
	switch (target) {
	case PLOT_PNG:
		fputs("set terminal pngcairo noenhanced size 960,540 font 'sans,11'\n", out);
		break;
	case PLOT_SVG:
		fputs("set terminal svg noenhanced size 760,430 font 'sans,13' background 'white'\n",
		      out);
		break;
	default:
		fprintf(out, "set terminal dumb noenhanced size %u,%d\n", width - 1u,
			TERMINAL_HEIGHT);
		return;
	}
	fputs("set output ", out);
	write_text(out, path);
	fputs("\n", out);
}

static void write_tics(FILE *out, const char *axis, const struct categories *categories)
{
	const unsigned step = (categories->count + TICS_MAX - 1) / TICS_MAX;

	fprintf(out, "set %stics (", axis);
	for (unsigned i = 0; i < categories->count; i += step) {
		fputs(i ? "," : "", out);
		write_text(out, categories->label[i]);
		fprintf(out, " %u", i);
	}
	fputs(")\n", out);
}

static void write_axes(FILE *out, const struct figure_data *data, enum plot_target target)
{
	const struct lab_figure *figure = data->figure;
	const bool has_lanes = data->y.count > 0;

	fputs("set title ", out);
	write_text(out, figure->title ? figure->title : figure->name);
	fputs("\nset xlabel ", out);
	write_text(out, figure->xlabel ? figure->xlabel : "");
	fputs("\nset ylabel ", out);
	write_text(out, figure->ylabel ? figure->ylabel : "");
	fputs("\nset tics nomirror\nset border 3\nset datafile missing '?'\n", out);
	fputs(data->series.count > 1 ? "set key tmargin center horizontal\n" : "unset key\n", out);
	if (figure->log)
		fprintf(out, "set logscale %s\n", figure->log);
	if (target != PLOT_TERMINAL)
		fputs("set grid ytics lc rgb '#dddddd'\nset style fill solid 0.85 border -1\n",
		      out);
	if (has_lanes) {
		write_tics(out, "y", &data->y);
		fprintf(out, "set yrange [-0.6:%g]\n", data->y.count - 0.4);
	}
}

/* A bar's height: the mean of its rows; NAN: none. */
static double height(const struct figure_data *data, unsigned category, unsigned series)
{
	double sum = 0;
	unsigned count = 0;

	for (unsigned i = 0; i < data->point_count; i++) {
		if (data->point[i].category != category || data->point[i].series != series)
			continue;
		sum += data->point[i].y;
		count++;
	}
	return count ? sum / count : NAN;
}

static void write_bars(FILE *out, const struct figure_data *data, enum plot_target target)
{
	static const char pens[] = "*#$%@&="; /* in the terminal its key doesn't show them */
	const bool is_stack = data->figure->kind == LAB_FIGURE_STACK;

	fputs("$data << END\n", out);
	for (unsigned x = 0; x < data->x.count; x++) {
		fprintf(out, "\"%s\"", data->x.label[x]);
		for (unsigned s = 0; s < data->series.count; s++) {
			const double y = height(data, x, s);

			if (isnan(y))
				fputs(" ?", out);
			else
				fprintf(out, " %.9g", y);
		}
		fputs("\n", out);
	}
	fprintf(out, "END\nset style data histograms\nset style histogram %s\nset boxwidth %s\n",
		is_stack ? "rowstacked" : "clustered gap 1", is_stack ? "0.7" : "0.9 relative");
	if (data->x.count > 8)
		fputs("set xtics rotate by -30\n", out);
	fputs(!data->figure->log || !strchr(data->figure->log, 'y') ? "set yrange [0:*]\n" : "",
	      out);
	for (unsigned s = 0; s < data->series.count; s++) {
		fprintf(out, "%s $data using %u:xtic(1) title ", s ? "," : "plot", s + 2);
		write_text(out, data->series.label[s]);
		if (target == PLOT_TERMINAL && data->series.count > 1)
			fprintf(out, ".' %c'", pens[s % (sizeof(pens) - 1)]);
	}
	fputs("\n", out);
}

/* One block of data for each series. */
static void write_blocks(FILE *out, const struct figure_data *data)
{
	for (unsigned s = 0; s < data->series.count; s++) {
		fprintf(out, "$data%u << END\n", s);
		for (unsigned i = 0; i < data->point_count; i++) {
			const struct figure_point *p = &data->point[i];

			if (p->series == s)
				fprintf(out, "%.12g %.12g %.12g\n",
					data->has_categories ? p->category : p->x, p->y, p->z);
		}
		fputs("END\n", out);
	}
}

/* Letters: gnuplot has one for each series. */
static const char *letter_style(enum lab_figure_kind kind)
{
	return kind == LAB_FIGURE_POINTS  ? "using 1:2 with points"
	       : kind == LAB_FIGURE_STEPS ? "using 1:2 with steps"
					  : "using 1:2 with linespoints";
}

static const char *line_style(enum lab_figure_kind kind)
{
	switch (kind) {
	case LAB_FIGURE_POINTS: return "using 1:2 with points pt 7 ps 0.6";
	case LAB_FIGURE_STEPS: return "using 1:2 with steps lw 2";
	case LAB_FIGURE_GANTT:
		return "using 1:2:1:3:($2-0.4):($2+0.4) with boxxyerror fs solid 0.85 noborder";
	default: return "using 1:2 with linespoints lw 2 pt 7 ps 0.6";
	}
}

static void write_lines(FILE *out, const struct figure_data *data, enum plot_target target)
{
	write_blocks(out, data);
	if (data->has_categories)
		write_tics(out, "x", &data->x);
	for (unsigned s = 0; s < data->series.count; s++) {
		fprintf(out, "%s $data%u %s title ", s ? "," : "plot", s,
			target == PLOT_TERMINAL ? letter_style(data->figure->kind)
						: line_style(data->figure->kind));
		write_text(out, data->series.label[s]);
	}
	fputs("\n", out);
}

/* Cells that have no row are the background. */
static void write_heat(FILE *out, const struct figure_data *data)
{
	write_tics(out, "x", &data->x);
	fprintf(out, "set xrange [-0.5:%g]\nset yrange [-0.5:%g]\nunset grid\nset cblabel ",
		data->x.count - 0.5, data->y.count - 0.5);
	write_text(out, data->figure->by);
	fputs("\nset palette defined (0 '#f7fbff', 0.5 '#6baed6', 1 '#08306b')\n$data << END\n",
	      out);
	for (unsigned i = 0; i < data->point_count; i++)
		fprintf(out, "%u %g %.12g\n", data->point[i].category, data->point[i].y,
			data->point[i].z);
	fputs("END\nplot $data using 1:2:($1-0.5):($1+0.5):($2-0.5):($2+0.5):3 with boxxyerror "
	      "fs solid noborder fc palette\n",
	      out);
}

void plot_write_script(FILE *out, const struct figure_data *data, enum plot_target target,
		       const char *path, unsigned width)
{
	write_target(out, target, path, width);
	write_axes(out, data, target);
	switch (data->figure->kind) {
	case LAB_FIGURE_BARS:
	case LAB_FIGURE_STACK: write_bars(out, data, target); break;
	case LAB_FIGURE_HEAT: write_heat(out, data); break;
	default: write_lines(out, data, target); break;
	}
}

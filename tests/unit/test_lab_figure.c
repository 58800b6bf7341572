/* SPDX-License-Identifier: MIT
 *
 * Figures: which rows become which points, and that nothing a guest prints means anything to gnuplot.
 */
#include "lab/figure.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lab/plot.h"
#include "lab/plot_text.h"

static const char *const rows[] = {
	"t n=1 a=2 b=5 who=x", "t n=1 a=4 b=6 who=x", "t n=2 a=8 b=7 who=y",
	"t n=2 a=16 who=x",    "t n=4 a=9 b=8 who=z",
};

static void fill(struct tables *tables, const char *const *row, unsigned count)
{
	char error[80];

	for (unsigned i = 0; i < count; i++)
		if (tables_add(tables, row[i], i % 2 ? "host" : "guest", error, sizeof(error)) != 0)
			fail_msg("%s: %s", row[i], error);
}

static int collect(const struct lab_figure *figure, struct figure_data *data, char *error)
{
	struct tables tables = {0};
	int err;

	fill(&tables, rows, sizeof(rows) / sizeof(*rows));
	err = figure_collect(figure, &tables, data, error);
	tables_free(&tables);
	return err;
}

static char *script(const struct figure_data *data, enum plot_target target)
{
	char *text;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	plot_write_script(out, data, target, "/tmp/it's.png", 80);
	fclose(out);
	return text;
}

static void test_points(void **state)
{
	const struct lab_figure figure = {.name = "f",
					  .table = "t",
					  .kind = LAB_FIGURE_LINES,
					  .x = "n",
					  .y = "a, b",
					  .by = "who",
					  .only = "who!=z"};
	char error[LAB_ERROR_MAX] = "";
	struct figure_data data;

	(void)state;
	assert_int_equal(collect(&figure, &data, error), 0);
	assert_int_equal(data.point_count, 7); /* of 4 rows; one has no b */
	assert_false(data.has_categories);
	assert_int_equal(data.series.count, 4);
	assert_string_equal(data.series.label[0], "x a");
	assert_string_equal(data.series.label[3], "y b");
	assert_true(data.point[6].x > 1 && data.point[6].y > 15 && data.point[6].series == 0);
	figure_data_free(&data);
}

static void test_bars(void **state)
{
	const struct lab_figure figure = {.name = "f",
					  .table = "t",
					  .kind = LAB_FIGURE_BARS,
					  .x = "n",
					  .y = "a",
					  .by = "who",
					  .log = "y"};
	char error[LAB_ERROR_MAX] = "", *text;
	struct figure_data data;

	(void)state;
	assert_int_equal(collect(&figure, &data, error), 0);
	text = script(&data, PLOT_PNG);
	/* Two rows of x at 1: their mean. Nobody has y at 1. */
	assert_non_null(strstr(text, "\"1\" 3 ? ?\n\"2\" 16 8 ?\n\"4\" ? ? 9\n"));
	assert_non_null(strstr(text, "set output '/tmp/it''s.png'"));
	assert_non_null(strstr(text, "set logscale y"));
	free(text);
	figure_data_free(&data);
}

static void test_what_cannot_be_drawn(void **state)
{
	static const struct {
		struct lab_figure figure;
		int err;
		const char *says;
	} cases[] = {
		{{.table = "u", .x = "n", .y = "a"}, -ENOENT, ""},
		{{.table = "t", .x = "n", .y = "a", .only = "who=nobody"}, -ENOENT, ""},
		{{.table = "t", .x = "m", .y = "a"}, -EINVAL, "table t has no column 'm'"},
		{{.table = "t", .x = "n", .y = "a,c"}, -EINVAL, "table t has no column 'c'"},
		{{.table = "t", .x = "n", .y = "a", .by = "d"}, -EINVAL, "no column 'd'"},
		{{.table = "t", .x = "n", .y = "who"}, -EINVAL, "t.who: 'x' is no number"},
		{{.table = "t", .x = "n", .y = "a", .only = "who"}, -EINVAL, "key=value"},
		{{.table = "t", .kind = LAB_FIGURE_GANTT, .x = "who,a", .y = "n"},
		 -EINVAL,
		 "a gantt's x is numbers"},
		{{.table = "t", .kind = LAB_FIGURE_HEAT, .x = "n", .y = "a", .by = "who"},
		 -EINVAL,
		 "isn't a number"},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char error[LAB_ERROR_MAX] = "";
		struct figure_data data;

		assert_int_equal(collect(&cases[i].figure, &data, error), cases[i].err);
		if (!strstr(error, cases[i].says))
			fail_msg("'%s', not '%s'", error, cases[i].says);
		figure_data_free(&data);
	}
}

/* In scripts there is no character that gnuplot would take for the end of a text or for a command. */
static void test_hostile_guest(void **state)
{
	static const char *const hostile[] = {
		"t n=\"`touch /tmp/x`\" who='`a`\\ v=1",
		"t n=END who=@x' v=1e308",
		"t n=\"\x1b]0;x\x07\" who=\"system('x')\" v=-1e308",
	};
	static const enum lab_figure_kind kinds[] = {LAB_FIGURE_BARS, LAB_FIGURE_LINES,
						     LAB_FIGURE_STACK, LAB_FIGURE_HEAT};
	char error[LAB_ERROR_MAX];

	(void)state;
	for (unsigned k = 0; k < sizeof(kinds) / sizeof(*kinds); k++) {
		const bool is_heat = kinds[k] == LAB_FIGURE_HEAT;
		const struct lab_figure figure = {.name = "f",
						  .table = "t",
						  .kind = kinds[k],
						  .x = "n",
						  .y = is_heat ? "who" : "v",
						  .by = is_heat ? "v" : "who"};
		struct tables tables = {0};
		struct figure_data data;

		fill(&tables, hostile, 3);
		assert_int_equal(figure_collect(&figure, &tables, &data, error), 0);
		char *text = script(&data, PLOT_SVG);

		assert_null(strpbrk(text, "`\x1b\x07\\@"));
		assert_null(strstr(text, "system('"));
		free(text);
		figure_data_free(&data);
		tables_free(&tables);
	}
}

static void test_letters(void **state)
{
	static const char *const spans[] = {"g from=0 to=5 cpu=0 task=a",
					    "g from=5 to=10 cpu=1 task=b",
					    "g from=9.99 to=10 cpu=0 task=b"};
	const struct lab_figure gantt = {.name = "f",
					 .table = "g",
					 .kind = LAB_FIGURE_GANTT,
					 .x = "from,to",
					 .y = "cpu",
					 .by = "task"};
	const struct lab_figure heat = {.name = "f",
					.table = "g",
					.kind = LAB_FIGURE_HEAT,
					.x = "cpu",
					.y = "task",
					.by = "to"};
	struct tables tables = {0};
	char error[LAB_ERROR_MAX], *text;
	struct figure_data data;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	(void)state;
	fill(&tables, spans, 3);
	assert_int_equal(figure_collect(&gantt, &tables, &data, error), 0);
	plot_text(out, &data, 40);
	figure_data_free(&data);
	assert_int_equal(figure_collect(&heat, &tables, &data, error), 0);
	plot_text(out, &data, 40);
	figure_data_free(&data);
	fclose(out);
	assert_non_null(strstr(text, " 1 |          bbbbbbbbb |\n"));
	assert_non_null(strstr(text, " 0 |aaaaaaaaaa         b|\n"));
	assert_non_null(strstr(text, "|@@@@@@@@@@@@@@@@@@@@|\n"));
	assert_non_null(strstr(text, "|..........          |\n"));
	free(text);
	tables_free(&tables);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_points),
		cmocka_unit_test(test_bars),
		cmocka_unit_test(test_what_cannot_be_drawn),
		cmocka_unit_test(test_hostile_guest),
		cmocka_unit_test(test_letters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT
 *
 * vitrine lab: runs a lab, draws what it measured, and compares it with what is expected.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "lab/expression.h"
#include "lab/needs.h"
#include "lab/output.h"
#include "lab/plot.h"
#include "lab/session.h"
#include "lab/spawn.h"

struct lab_options {
	const char *folder, *kernel;
	bool is_quick, is_verbose, no_figures;
	char **name;
	int name_count;
};

static int fail(int status, const char *text)
{
	fprintf(stderr, "vitrine lab: %s\n", text);
	return status;
}

static int write_tables(const struct session *session)
{
	struct output output;
	int err = 0;

	for (unsigned i = 0; !err && session->folder && i < session->tables.count; i++) {
		err = output_open(&output, session->folder, session->lab->name,
				  session->tables.table[i].name, "csv");
		if (err)
			break;
		table_write_csv(&session->tables.table[i], output.file);
		err = output_finish(&output);
	}
	if (err)
		fprintf(stderr, "vitrine lab: %s: %s\n", output.path, strerror(-err));
	return err;
}

static void draw_figures(const struct session *session)
{
	char error[LAB_ERROR_MAX] = "";

	if (!session->lab->figure_count)
		return;
	if (!plot_is_possible(error, sizeof(error))) {
		fprintf(stderr, "vitrine lab: %s\n", error);
		return;
	}
	for (unsigned i = 0; i < session->lab->figure_count; i++) {
		const struct lab_figure *figure = &session->lab->figure[i];
		const int err = plot_figure(session->lab, figure, &session->tables, session->folder,
					    error);

		if (err == -ENOENT)
			printf("-- figure %s: left out: there is no data for it\n", figure->name);
		else if (err)
			fprintf(stderr, "vitrine lab: figure %s: %s\n", figure->name, error);
	}
}

/* One line for each shape. The number of those that aren't met. */
static unsigned judge(struct session *session)
{
	const struct expression_data data = {&session->tables, session_is_left_out, session};
	char detail[EXPRESSION_DETAIL_MAX];
	unsigned unmet = 0;

	for (unsigned i = 0; i < session->lab->shape_count; i++) {
		const struct lab_shape *shape = &session->lab->shape[i];
		const enum expression_verdict verdict = expression_evaluate(shape->expression,
									    &data, detail);

		if (verdict == EXPRESSION_LEFT_OUT) {
			printf("--  %s (%s)\n", shape->says, detail);
			continue;
		}
		printf("%s %s (%s)\n", verdict == EXPRESSION_TRUE ? "ok " : "NOT", shape->says,
		       detail);
		unmet += verdict != EXPRESSION_TRUE;
	}
	return unmet;
}

static int run_lab(const struct lab_options *options, struct places *places, const char *name,
		   bool is_check)
{
	char path[PATH_MAX + LAB_NAME_MAX], error[LAB_ERROR_MAX];
	struct lab lab;
	struct session session = {.lab = &lab,
				  .places = places,
				  .is_quick = options->is_quick,
				  .is_quiet = is_check && !options->is_verbose,
				  .is_verbose = options->is_verbose,
				  .folder = options->folder};
	int err;

	snprintf(path, sizeof(path), "%s/%s.lab", places->files, name);
	if (lab_file_read(path, &lab, error) < 0)
		return fail(VITRINE_EXIT_USAGE, error);
	printf("%s: %s\n", lab.name, lab.title);
	err = places_make_scratch(places);
	if (!err) {
		places_set_environment(places);
		err = session_run(&session);
		if (!err)
			err = write_tables(&session);
		if (!err && !options->no_figures)
			draw_figures(&session);
		if (!err)
			err = judge(&session) ? -EDOM : 0;
	}
	places_remove_scratch(places);
	tables_free(&session.tables);
	lab_file_free(&lab);
	return err ? 1 : 0;
}

int cmd_lab(int argc, char **argv)
{
	struct lab_options options = {0};
	struct places *places = calloc(1, sizeof(*places));
	bool is_check;
	int status = 0, c;

	if (!places)
		return fail(VITRINE_EXIT_HOST, "out of memory");
	if (argc < 3)
		return fail(VITRINE_EXIT_USAGE, "run or check, NAME");
	is_check = strcmp(argv[1], "check") == 0;
	for (c = 2; c < argc; c++) {
		if (strcmp(argv[c], "--quick") == 0)
			options.is_quick = true;
		else if (strcmp(argv[c], "--no-figures") == 0)
			options.no_figures = true;
		else if (strcmp(argv[c], "-v") == 0)
			options.is_verbose = true;
		else if (strcmp(argv[c], "-o") == 0 && argv[c + 1])
			options.folder = argv[++c];
		else if (strcmp(argv[c], "--kernel") == 0 && argv[c + 1])
			options.kernel = argv[++c];
		else
			argv[2 + options.name_count++] = argv[c];
	}
	options.name = argv + 2;
	if (options.folder)
		mkdir(options.folder, 0777);
	places_find(places, options.kernel);
	spawn_prepare();
	signal(SIGPIPE, SIG_IGN);
	for (int i = 0; i < options.name_count && !spawn_signal(); i++)
		status |= run_lab(&options, places, options.name[i],
				  is_check || options.no_figures);
	free(places);
	return status;
}

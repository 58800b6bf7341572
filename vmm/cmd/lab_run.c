/* SPDX-License-Identifier: MIT
 *
 * See lab_run.h.
 */
#include "cmd/lab_run.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "lab/catalog.h"
#include "lab/expression.h"
#include "lab/needs.h"
#include "lab/output.h"
#include "lab/plot.h"
#include "lab/session.h"
#include "lab/spawn.h"

#define STATUS_NOT_AS_EXPECTED 1

static int write_tables(const struct session *session)
{
	struct output output = {0};
	int err = 0;

	for (unsigned i = 0; !err && session->folder && i < session->tables.count; i++) {
		const struct table *table = &session->tables.table[i];

		err = output_open(&output, session->folder, session->lab->name, table->name, "csv");
		if (!err) {
			table_write_csv(table, output.file);
			err = output_finish(&output);
		}
		if (err)
			fprintf(stderr, "vitrine lab: %s: %s\n", output.path, strerror(-err));
	}
	return err;
}

static int draw_figures(const struct session *session)
{
	int err, worst = 0;

	for (unsigned i = 0; !spawn_signal() && i < session->lab->figure_count; i++) {
		const struct lab_figure *figure = &session->lab->figure[i];
		char error[LAB_ERROR_MAX] = "";

		err = plot_figure(session->lab, figure, &session->tables, session->folder, error);
		if (err == -ENOENT) {
			printf("-- figure %s: left out, there is no data for it\n", figure->name);
		} else if (err) {
			fprintf(stderr, "vitrine lab: figure %s: %s\n", figure->name, error);
			worst = err;
		}
	}
	return worst;
}

static int show_figures(const struct lab_options *options, const struct session *session)
{
	char reason[LAB_ERROR_MAX];

	if (options->no_figures || !session->lab->figure_count ||
	    (options->is_check && !options->folder))
		return 0;
	if (plot_is_possible(reason, sizeof(reason)))
		return draw_figures(session);
	fprintf(stderr, "vitrine lab: %s%s\n", reason, options->folder ? "; the data is kept" : "");
	return 0;
}

/* One line for each shape. Whether all are met that can be. */
static bool judge(struct session *session)
{
	const struct expression_data data = {&session->tables, session_is_left_out, session};
	char detail[EXPRESSION_DETAIL_MAX];
	bool all_met = true;

	for (unsigned i = 0; i < session->lab->shape_count; i++) {
		const struct lab_shape *shape = &session->lab->shape[i];
		const enum expression_verdict verdict = expression_evaluate(shape->expression,
									    &data, detail);
		const bool is_met = verdict == EXPRESSION_TRUE || verdict == EXPRESSION_LEFT_OUT;

		printf("%s %s: %s\n",
		       verdict == EXPRESSION_TRUE ? "ok "
		       : is_met			  ? "-- "
						  : "NOT",
		       shape->says, detail);
		all_met &= is_met;
	}
	return all_met;
}

static void say_nothing(const char *line)
{
	(void)line;
}

static int unknown_lab(const struct places *places, const char *name)
{
	struct catalog catalog;
	const char *near = NULL;

	if (catalog_read(places, &catalog, say_nothing) == 0)
		near = catalog_suggest(&catalog, name);
	if (near)
		fprintf(stderr, "vitrine lab: there is no lab '%s'; did you mean %s?\n", name,
			near);
	else
		fprintf(stderr,
			"vitrine lab: there is no lab '%s'; 'vitrine lab list' has their names\n",
			name);
	catalog_free(&catalog);
	return VITRINE_EXIT_USAGE;
}

static int cannot(const struct lab *lab, const char *reason)
{
	printf("%s can't be shown here: %s\n", lab->name, reason);
	return VITRINE_EXIT_HOST;
}

static int run_and_judge(const struct lab_options *options, struct session *session)
{
	int err;

	places_set_environment(session->places);
	err = session_run(session);
	if (err)
		return STATUS_NOT_AS_EXPECTED;
	if (!session->run_count)
		return cannot(session->lab, "none of its runs can be made");
	err = write_tables(session);
	if (show_figures(options, session) < 0)
		err = -EIO;
	return judge(session) && !err ? VITRINE_EXIT_OK : STATUS_NOT_AS_EXPECTED;
}

static int run_lab(const struct lab_options *options, struct places *places, const struct lab *lab)
{
	struct session session = {.lab = lab,
				  .places = places,
				  .is_quick = options->is_quick,
				  .is_quiet = options->is_check && !options->is_verbose,
				  .is_verbose = options->is_verbose,
				  .slow = options->slow,
				  .folder = options->folder};
	char reason[LAB_ERROR_MAX];
	int status, err;

	printf("%s: %s\n", lab->name, lab->title);
	if (!needs_are_met(lab->needs, places, reason, sizeof(reason)))
		return cannot(lab, reason);
	err = places_make_scratch(places);
	if (err) {
		fprintf(stderr, "vitrine lab: no place for temporary files: %s\n", strerror(-err));
		return VITRINE_EXIT_HOST;
	}
	status = run_and_judge(options, &session);
	places_remove_scratch(places);
	tables_free(&session.tables);
	return status;
}

int lab_run(const struct lab_options *options, struct places *places, const char *name)
{
	char path[PATH_MAX + LAB_NAME_MAX + 8], error[LAB_ERROR_MAX];
	struct lab lab;
	int status;

	snprintf(path, sizeof(path), "%s/%.60s.lab", places->files, name);
	if (strchr(name, '/') || access(path, F_OK) < 0)
		return unknown_lab(places, name);
	if (lab_file_read(path, &lab, error) < 0) {
		fprintf(stderr, "vitrine lab: %s\n", error);
		return VITRINE_EXIT_USAGE;
	}
	status = run_lab(options, places, &lab);
	fflush(stdout);
	lab_file_free(&lab);
	return status;
}

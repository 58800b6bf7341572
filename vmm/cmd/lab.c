/* SPDX-License-Identifier: MIT
 *
 * vitrine lab: mechanisms of operating systems and hypervisors, shown by what is measured. docs/labs/README.md.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "cmd/lab_run.h"
#include "lab/catalog.h"
#include "lab/needs.h"
#include "lab/spawn.h"

#define SLOW_MAX 100

static void print_help(FILE *out)
{
	fputs("Usage: vitrine lab list [--names]\n"
	      "       vitrine lab show NAME\n"
	      "       vitrine lab run NAME… [options]\n"
	      "       vitrine lab check NAME… [options]\n"
	      "\n"
	      "A lab shows one mechanism of an operating system or a hypervisor happening inside a VM.\n"
	      "'list' names them by chapter, with what this host can't show; 'show' prints a lab's\n"
	      "sheet; 'run' measures, draws, and compares with what is expected; 'check' only compares,\n"
	      "for instance a guest that you have changed.\n"
	      "\n"
	      "  -o, --output DIR  keep the data (CSV), the figures (PNG, SVG) and what was written\n"
	      "      --quick       smaller sizes, some seconds for each run\n"
	      "      --no-figures  draw nothing\n"
	      "      --kernel FILE your guest instead of the bundled one\n"
	      "      --slow N      time limits N times as long, for a busy host\n"
	      "  -v, --verbose     show each command, so that you can type it, and each row of data\n"
	      "  -h, --help        this text\n"
	      "\n"
	      "Exit status: 0; 1 a run failed, or isn't as expected; 2 usage; 4 this host can't show it.\n"
	      "\n"
	      "Examples:\n"
	      "  vitrine lab run syscall-cost -o figures\n"
	      "  vitrine lab check syscall-cost --quick --kernel my/vitrine-guest\n",
	      out);
}

__attribute__((format(printf, 2, 3))) static int fail(int status, const char *format, ...)
{
	va_list values;

	fputs("vitrine lab: ", stderr);
	va_start(values, format);
	vfprintf(stderr, format, values);
	va_end(values);
	fputs("\n", stderr);
	return status;
}

/* --- list */

static void complain(const char *line)
{
	fprintf(stderr, "vitrine lab: %s\n", line);
}

/* What of it this host can't show, if anything. */
static void print_obstacles(const struct lab *lab, const struct places *places)
{
	char reason[LAB_ERROR_MAX];

	if (!needs_are_met(lab->needs, places, reason, sizeof(reason))) {
		printf("  %-24s   not here: %s\n", "", reason);
		return;
	}
	for (unsigned i = 0; i < lab->run_count; i++)
		if (!needs_of_run_are_met(&lab->run[i], places, reason, sizeof(reason)))
			printf("  %-24s   without %s: %s\n", "", lab->run[i].name, reason);
}

static void print_catalog(const struct catalog *catalog, const struct places *places)
{
	for (unsigned i = 0; i < catalog->count; i++) {
		const struct catalog_entry *entry = &catalog->entry[i];

		if (i == 0 || entry->chapter != entry[-1].chapter)
			printf("%s%s\n", i ? "\n" : "", entry->lab.chapter);
		printf("  %-24s %s\n", entry->lab.name, entry->lab.title);
		print_obstacles(&entry->lab, places);
	}
}

static int list(const struct places *places, bool only_names)
{
	struct catalog catalog;
	const int err = catalog_read(places, &catalog, complain);
	int status = err || catalog.bad_count ? 1 : VITRINE_EXIT_OK;

	if (err)
		status = fail(VITRINE_EXIT_HOST, "the labs are not installed beside vitrine");
	else if (only_names)
		for (unsigned i = 0; i < catalog.count; i++)
			puts(catalog.entry[i].lab.name);
	else
		print_catalog(&catalog, places);
	catalog_free(&catalog);
	return status;
}

/* --- show */

static int show(const struct places *places, const char *name)
{
	char path[PATH_MAX + LAB_NAME_MAX], buffer[4096];
	size_t count;
	FILE *sheet;

	snprintf(path, sizeof(path), "%s/%.60s.md", places->sheets, name);
	sheet = strchr(name, '/') ? NULL : fopen(path, "re");
	if (!sheet)
		return fail(VITRINE_EXIT_USAGE,
			    "there is no sheet for '%s'; 'vitrine lab list' has the names", name);
	while ((count = fread(buffer, 1, sizeof(buffer), sheet)) > 0)
		fwrite(buffer, 1, count, stdout);
	fclose(sheet);
	return VITRINE_EXIT_OK;
}

/* --- run, check */

/* Once, before anything is measured. 0 or an exit status. */
static int prepare(const struct lab_options *options, const struct places *places)
{
	if (options->kernel && !places->guest[0])
		return fail(VITRINE_EXIT_USAGE, "--kernel %s: %s", options->kernel,
			    strerror(ENOENT));
	if (options->folder && mkdir(options->folder, 0777) < 0 && errno != EEXIST)
		return fail(VITRINE_EXIT_USAGE, "-o %s: %s", options->folder, strerror(errno));
	if (options->folder && access(options->folder, W_OK | X_OK) < 0)
		return fail(VITRINE_EXIT_USAGE, "-o %s: %s", options->folder, strerror(errno));
	spawn_prepare();
	return 0;
}

/* Ends the process by the signal that ended the lab, so that the caller can tell. */
static void raise_again(int number)
{
	fflush(stdout);
	signal(number, SIG_DFL);
	raise(number);
}

static int run_all(const struct lab_options *options, struct places *places, char **name, int count)
{
	int worst = prepare(options, places);

	if (worst)
		return worst;
	for (int i = 0; i < count && !spawn_signal(); i++) {
		const int status = lab_run(options, places, name[i]);

		/* That something isn't as expected weighs more than that it can't be told. */
		if (!worst || (status && worst == VITRINE_EXIT_HOST))
			worst = status;
	}
	if (spawn_signal())
		raise_again(spawn_signal());
	return worst;
}

/* --- the command line */

enum { OPTION_QUICK = 256, OPTION_NO_FIGURES, OPTION_KERNEL, OPTION_SLOW, OPTION_NAMES };

/* 0: go on, else the exit status + 1. */
static int parse(int argc, char **argv, struct lab_options *options, bool *only_names)
{
	static const struct option all[] = {
		{"output", required_argument, NULL, 'o'},
		{"quick", no_argument, NULL, OPTION_QUICK},
		{"no-figures", no_argument, NULL, OPTION_NO_FIGURES},
		{"kernel", required_argument, NULL, OPTION_KERNEL},
		{"slow", required_argument, NULL, OPTION_SLOW},
		{"names", no_argument, NULL, OPTION_NAMES},
		{"verbose", no_argument, NULL, 'v'},
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	int c;

	while ((c = getopt_long(argc, argv, "o:vh", all, NULL)) != -1) {
		switch (c) {
		case 'o': options->folder = optarg; break;
		case OPTION_QUICK: options->is_quick = true; break;
		case OPTION_NO_FIGURES: options->no_figures = true; break;
		case OPTION_KERNEL: options->kernel = optarg; break;
		case OPTION_NAMES: *only_names = true; break;
		case OPTION_SLOW:
			options->slow = (unsigned)strtoul(optarg, NULL, 10);
			if (options->slow >= 1 && options->slow <= SLOW_MAX)
				break;
			return 1 + fail(VITRINE_EXIT_USAGE, "--slow %s: write 1 to %d", optarg,
					SLOW_MAX);
		case 'v': options->is_verbose = true; break;
		case 'h': print_help(stdout); return 1 + VITRINE_EXIT_OK;
		default:
			fputs("Try 'vitrine lab --help'.\n", stderr);
			return 1 + VITRINE_EXIT_USAGE;
		}
	}
	return 0;
}

static int dispatch(struct lab_options *options, struct places *places, bool only_names,
		    char **word, int count)
{
	const char *what = count ? word[0] : "";

	if (strcmp(what, "list") == 0 && count == 1)
		return list(places, only_names);
	if (strcmp(what, "list") == 0)
		return fail(VITRINE_EXIT_USAGE, "'list' takes no name");
	options->is_check = strcmp(what, "check") == 0;
	if (strcmp(what, "show") != 0 && strcmp(what, "run") != 0 && !options->is_check)
		return fail(VITRINE_EXIT_USAGE,
			    "%s%s%swrite list, show, run or check ('vitrine lab --help')",
			    *what ? "there is no '" : "", what, *what ? "'; " : "");
	if (count < 2)
		return fail(VITRINE_EXIT_USAGE, "'%s' needs the name of a lab ('vitrine lab list')",
			    what);
	if (strcmp(what, "show") == 0)
		return count == 2 ? show(places, word[1])
				  : fail(VITRINE_EXIT_USAGE, "'show' takes one name");
	return run_all(options, places, word + 1, count - 1);
}

int cmd_lab(int argc, char **argv)
{
	struct lab_options options = {.slow = 1};
	struct places *places = calloc(1, sizeof(*places));
	bool only_names = false;
	int status;

	if (!places)
		return fail(VITRINE_EXIT_HOST, "out of memory");
	status = parse(argc, argv, &options, &only_names) - 1;
	if (status < 0) {
		places_find(places, options.kernel);
		status = dispatch(&options, places, only_names, argv + optind, argc - optind);
	}
	free(places);
	return status;
}

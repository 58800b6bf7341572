/* SPDX-License-Identifier: MIT
 *
 * vitrine doctor: probes the host and says in plain words what will work on it.
 */
#include "cmd/doctor.h"

#include <getopt.h>
#include <langinfo.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cmd/cmd.h"

static void print_help(FILE *out)
{
	fputs("Usage: vitrine doctor [--json]\n"
	      "\n"
	      "Probes this host's KVM with throw-away virtual CPUs (a few seconds, nothing is changed)\n"
	      "and says what will work here, and what to do about what will not.\n"
	      "\n"
	      "  --json      one JSON object with all facts, figures and verdicts\n"
	      "  -h, --help  this text\n"
	      "\n"
	      "Exit status: 0 everything works, stock Linux guests too; 1 limited, for instance\n"
	      "without VT-x and AMD-V; 2 usage; 4 no usable KVM.\n"
	      "\n"
	      "Examples:\n"
	      "  vitrine doctor\n"
	      "  vitrine doctor --json | jq .costs.exit_pio_ns.median\n"
	      "  vitrine doctor --json | jq -r '.verdicts | map_values(.state)'\n"
	      "  scripts/sandbox --engine svm build/vitrine doctor\n",
	      out);
}

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static struct doctor_style find_style(void)
{
	const char *term = getenv("TERM"), *no_colour = getenv("NO_COLOR");

	setlocale(LC_CTYPE, "");
	return (struct doctor_style){
		.utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0,
		.colour = isatty(STDOUT_FILENO) && !(no_colour && *no_colour) && term &&
			  strcmp(term, "dumb") != 0,
	};
}

/* 0: go on, else the exit status + 1. */
static int parse(int argc, char **argv, bool *json)
{
	static const struct option options[] = {
		{"json", no_argument, NULL, 'j'},
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	int c;

	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (c) {
		case 'j': *json = true; break;
		case 'h': print_help(stdout); return VITRINE_EXIT_OK + 1;
		default:
			fputs("Try 'vitrine doctor --help'.\n", stderr);
			return VITRINE_EXIT_USAGE + 1;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "vitrine doctor: takes no argument, but got '%s'\n", argv[optind]);
		return VITRINE_EXIT_USAGE + 1;
	}
	return 0;
}

int cmd_doctor(int argc, char **argv)
{
	struct doctor_verdict verdicts[DOCTOR_SUBJECT_COUNT];
	struct doctor_facts facts;
	bool json = false;
	int err, done = parse(argc, argv, &json);
	uint64_t start_ms = now_ms();

	if (done)
		return done - 1;
	fflush(stdout); /* else each child would have a copy of what is still to be written */
	host_facts_read("", &facts.host);
	probe_kvm(&facts.kvm);
	facts.took_ms = now_ms() - start_ms;
	doctor_judge(&facts, verdicts);
	if (json)
		err = doctor_print_json(stdout, &facts, verdicts);
	else
		err = doctor_print_report(stdout, &facts, verdicts, find_style());
	if (err) {
		fputs("vitrine doctor: cannot write the report\n", stderr);
		return VITRINE_EXIT_HOST;
	}
	return doctor_exit_status(verdicts);
}

/* SPDX-License-Identifier: MIT
 *
 * The command table; everything else is in cmd/, one file per subcommand.
 */
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "cmd/cmd.h"

#define HEAP_BLOCK_MAX 8192

struct command {
	const char *name;
	const char *argv0; /* how getopt_long() shall call it in its messages */
	int (*run)(int argc, char **argv);
	const char *summary;
};

static const struct command commands[] = {
	{"run", "vitrine run", cmd_run, "run an image in a virtual machine"},
	{"doctor", "vitrine doctor", cmd_doctor,
	 "find out what this host can do, and say it plainly"},
	{"dump", "vitrine dump", cmd_dump,
	 "show the machine's device tree, ACPI tables, e820 or CPUID"},
	{"lab", "vitrine lab", cmd_lab, "run a lab: a mechanism shown by what is measured in VMs"},
};

static void print_help(FILE *out)
{
	fputs("Usage: vitrine COMMAND [options]\n\n", out);
	for (unsigned i = 0; i < sizeof(commands) / sizeof(*commands); i++)
		fprintf(out, "  %-8s %s\n", commands[i].name, commands[i].summary);
	fputs("\n'vitrine COMMAND --help' tells more. 'vitrine run' boots the bundled guest.\n",
	      out);
}

/* Large zeroed tables come from the kernel: calloc() would write, and so occupy, every page of them,
 * and what is freed goes back. One arena: no thread allocates while guests run. */
static void set_up_heap(void)
{
	mallopt(M_MMAP_THRESHOLD, HEAP_BLOCK_MAX);
	mallopt(M_TOP_PAD, 0);
	malloc_trim(0); /* what the heap has to spare would be used first */
	mallopt(M_ARENA_MAX, 1);
}

int main(int argc, char **argv)
{
	set_up_heap();
	signal(SIGPIPE, SIG_IGN); /* a reader that went away is an error of write(), not our end */
	if (argc < 2) {
		print_help(stderr);
		return VITRINE_EXIT_USAGE;
	}
	for (unsigned i = 0; i < sizeof(commands) / sizeof(*commands); i++) {
		if (strcmp(argv[1], commands[i].name) != 0)
			continue;
		argv[1] = (char *)commands[i].argv0;
		return commands[i].run(argc - 1, argv + 1);
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
	    strcmp(argv[1], "help") == 0) {
		print_help(stdout);
		return VITRINE_EXIT_OK;
	}
	if (strcmp(argv[1], "--version") == 0) {
		printf("vitrine %s\n", VITRINE_VERSION);
		return VITRINE_EXIT_OK;
	}
	fprintf(stderr, "vitrine: there is no command '%s'; 'vitrine --help' lists them\n",
		argv[1]);
	return VITRINE_EXIT_USAGE;
}

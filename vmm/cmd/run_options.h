/* SPDX-License-Identifier: MIT
 *
 * What `vitrine run` was asked to do: the command line as one typed struct, checked.
 */
#ifndef VITRINE_CMD_RUN_OPTIONS_H
#define VITRINE_CMD_RUN_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "board/board.h"
#include "boot/boot.h"

struct run_options {
	const char *image; /* NULL: the bundled guest */
	const char *initrd;
	const char *root;     /* --root: the folder; NULL: none */
	const char *firmware; /* NULL: the bundled one */
	const char *cmdline;  /* "" by default */
	const char *serial;
	const char *cpu;	 /* "host", "baseline,+avx" */
	const char *gdb;	 /* NULL: none */
	const char *trace_file;	 /* NULL: standard error */
	const char *strace_file; /* NULL: standard error */
	struct devices *devices; /* --disk, --net, …; devices_destroy() */
	uint64_t memory_bytes;
	char dirty_file[1024]; /* "": no dirty log */
	unsigned dirty_every_ms;
	unsigned cpu_count;
	unsigned timeout_ms; /* 0: none */
	unsigned stop_timeout_ms;
	enum board_irqchip irqchip;
	enum boot_kaslr kaslr;
	bool trace_exits;
	bool strace;
	bool trace_registers; /* too */
	bool debug_exit;
	bool dry_run;
	bool verbose;
	bool no_reboot;
	bool no_default_cmdline;
	bool flat16;
	bool hugepages;
	bool stats;
	bool json;
};

/* Result of parsing: go on, or end with a status. */
enum run_parse { RUN_PARSE_OK, RUN_PARSE_HELP, RUN_PARSE_ERROR };

/* Fills *options; strings point into argv. Errors are printed, one line each. */
/* options->devices is there afterwards, whatever the result. */
enum run_parse run_options_parse(int argc, char **argv, struct run_options *options);

void run_options_help(void);

/* "256M", "1G", "65536K", "1048576" → bytes. 0, -EINVAL (no number, unknown unit), -ERANGE. */
int parse_size(const char *text, uint64_t *bytes);

/* "10", "0.5", "250ms", "2m" → milliseconds; a bare number means seconds. 0, -EINVAL, -ERANGE. */
int parse_duration(const char *text, unsigned *ms);

#endif

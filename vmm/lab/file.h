/* SPDX-License-Identifier: MIT
 *
 * NAME.lab: what a lab runs, draws and expects. docs/labs/README.md has the format.
 */
#ifndef VITRINE_LAB_FILE_H
#define VITRINE_LAB_FILE_H

#include <stdbool.h>
#include <stddef.h>

#define LAB_RUN_MAX 32
#define LAB_FIGURE_MAX 16
#define LAB_SHAPE_MAX 48
#define LAB_NAME_MAX 64
#define LAB_ERROR_MAX 768

enum lab_run_kind { LAB_RUN_VM, LAB_RUN_LINUX, LAB_RUN_QEMU, LAB_RUN_HOST, LAB_RUN_KIND_COUNT };

enum lab_figure_kind {
	LAB_FIGURE_BARS,
	LAB_FIGURE_LINES,
	LAB_FIGURE_POINTS,
	LAB_FIGURE_STEPS,
	LAB_FIGURE_STACK,
	LAB_FIGURE_GANTT,
	LAB_FIGURE_HEAT,
	LAB_FIGURE_KIND_COUNT
};

/* Texts point into the lab's own; what the file doesn't say is NULL. */
struct lab_run {
	const char *name;
	enum lab_run_kind kind;
	const char *by_kind
		[LAB_RUN_KIND_COUNT]; /* options or, for the host, the command; one isn't NULL */
	const char *program, *cmdline, *quick, *needs, *before, *after, *stats;
	const char *status_text, *timeout_text;
	int status;
	unsigned timeout_s;
	unsigned line;
};

struct lab_figure {
	const char *name;
	const char *kind_text;
	enum lab_figure_kind kind;
	const char *table, *x, *y, *by, *only, *title, *xlabel, *ylabel, *log;
	unsigned line;
};

struct lab_shape {
	const char *says, *expression;
	unsigned line;
};

struct lab {
	char name[LAB_NAME_MAX];
	const char *title, *chapter, *needs;
	struct lab_run run[LAB_RUN_MAX];
	unsigned run_count;
	struct lab_figure figure[LAB_FIGURE_MAX];
	unsigned figure_count;
	struct lab_shape shape[LAB_SHAPE_MAX];
	unsigned shape_count;
	char *text; /* owns all the texts */
};

/* Reads and checks the file at path, whose base name without ".lab" is the lab's name. 0, or -errno with one line
 * "path:line: …" in error; then there is nothing to free. */
int lab_file_read(const char *path, struct lab *lab, char error[LAB_ERROR_MAX]);

/* The same from text, which it takes over (malloc'd); path is what messages call it. */
int lab_file_parse(const char *path, char *text, struct lab *lab, char error[LAB_ERROR_MAX]);

void lab_file_free(struct lab *lab);

/* The run of that name, or NULL. */
const struct lab_run *lab_find_run(const struct lab *lab, const char *name, size_t length);

#endif

/* SPDX-License-Identifier: MIT
 *
 * One lab as `vitrine lab run` and `vitrine lab check` go through it.
 */
#ifndef VITRINE_CMD_LAB_RUN_H
#define VITRINE_CMD_LAB_RUN_H

#include <stdbool.h>

#include "lab/places.h"

struct lab_options {
	const char *folder; /* for the data and the figures; NULL: nothing is kept */
	const char *kernel; /* NULL: the bundled guest */
	unsigned slow;	    /* time limits are multiplied by it */
	bool is_check, is_quick, is_verbose, no_figures;
};

/* Makes the runs, keeps the data, draws the figures, compares with what is expected; says all of it. An exit status:
 * 0; 1 something went wrong or isn't as expected; 2 no such lab, or a bad one; 4 this host can't show it. */
int lab_run(const struct lab_options *options, struct places *places, const char *name);

#endif

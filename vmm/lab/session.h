/* SPDX-License-Identifier: MIT
 *
 * One lab from its first run to its last row.
 */
#ifndef VITRINE_LAB_SESSION_H
#define VITRINE_LAB_SESSION_H

#include <stdbool.h>
#include <stdio.h>

#include "lab/file.h"
#include "lab/places.h"
#include "lab/table.h"

struct session {
	const struct lab *lab;
	struct places *places;
	bool is_quick;
	bool is_quiet;	    /* what programs print for people isn't shown */
	bool is_verbose;    /* commands and rows are shown, too */
	const char *folder; /* NULL: nothing is kept */
	struct tables tables;
	bool left_out[LAB_RUN_MAX];
	unsigned run_count; /* that were made */
};

/* Makes the runs. 0; -EIO: one went wrong, which was said; -EINTR: a signal came. */
int session_run(struct session *session);

/* For struct expression_data: of a run, or with NULL of any. */
bool session_is_left_out(void *session, const char *run);

#endif

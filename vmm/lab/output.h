/* SPDX-License-Identifier: MIT
 *
 * Files that a lab leaves: whole, or not at all.
 */
#ifndef VITRINE_LAB_OUTPUT_H
#define VITRINE_LAB_OUTPUT_H

#include <limits.h>
#include <stdio.h>

struct output {
	FILE *file;
	char path[PATH_MAX];	   /* as it will be called */
	char unfinished[PATH_MAX]; /* as it is called until then */
};

/* FOLDER/LAB-PART.KIND. 0 or -errno. */
int output_open(struct output *output, const char *folder, const char *lab, const char *part,
		const char *kind);

/* Gives it its name. 0 or -errno: then it is gone, as after output_drop(). */
int output_finish(struct output *output);
void output_drop(struct output *output);

#endif

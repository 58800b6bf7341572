/* SPDX-License-Identifier: MIT
 *
 * The shell command that a run is.
 */
#ifndef VITRINE_LAB_COMMAND_H
#define VITRINE_LAB_COMMAND_H

#include "lab/file.h"
#include "lab/places.h"

/* A command line as it could be typed, {…} filled in; malloc'd, NULL: out of memory. */
char *command_make(const struct lab_run *run, const struct places *places, bool is_quick);

#endif

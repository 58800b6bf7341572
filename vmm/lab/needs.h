/* SPDX-License-Identifier: MIT
 *
 * What a lab or a run needs of this host, and why it can't be shown here.
 */
#ifndef VITRINE_LAB_NEEDS_H
#define VITRINE_LAB_NEEDS_H

#include <stdbool.h>
#include <stddef.h>

#include "lab/file.h"
#include "lab/places.h"

/* Looks at the words of `needs` (NULL: none). true: all are met; else why not is in reason, one line. */
bool needs_are_met(const char *needs, const struct places *places, char *reason, size_t size);

/* The same for a run: its own words, and what its kind can't do without (/dev/kvm, a kernel, QEMU, the program). */
bool needs_of_run_are_met(const struct lab_run *run, const struct places *places, char *reason,
			  size_t size);

/* Whether /dev/kvm is what is missing: the user can do something about it. */
bool needs_kvm_is_there(char *reason, size_t size);

#endif

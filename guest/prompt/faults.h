/* SPDX-License-Identifier: MIT
 *
 * Deliberate faults, for demonstration and tests.
 */
#ifndef GUEST_PROMPT_FAULTS_H
#define GUEST_PROMPT_FAULTS_H

#include <stdbool.h>

/* Commits the fault called argument, which is the end of this kernel; "" lists them. */
void faults_command(const char *argument);

#endif

/* SPDX-License-Identifier: MIT
 *
 * Self-tests: what this kernel can check of itself and of the machine.
 */
#ifndef GUEST_PROMPT_SELFTEST_H
#define GUEST_PROMPT_SELFTEST_H

#include <stdint.h>

/* Runs the test called name, or "all". Prints a line for each check; returns 0 if all passed, else 1. */
uint32_t selftest_run(const char *name);

#endif

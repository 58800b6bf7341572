/* SPDX-License-Identifier: MIT
 *
 * Self-tests of hypercalls, single and batched, of doorbells and of the exits that they are.
 */
#ifndef GUEST_PROMPT_SELFTEST_HYPER_H
#define GUEST_PROMPT_SELFTEST_HYPER_H

#include <stdbool.h>

/* Calls check(condition, text) for each thing that is tested. */
void selftest_hyper(void (*check)(bool condition, const char *what));

#endif

/* SPDX-License-Identifier: MIT
 *
 * Self-tests of the scheduler.
 */
#ifndef GUEST_PROMPT_SELFTEST_SCHED_H
#define GUEST_PROMPT_SELFTEST_SCHED_H

#include <stdbool.h>

/* Calls check(condition, text) for each thing that is tested. */
void selftest_sched(void (*check)(bool condition, const char *what));

/* Whether equal threads get equal time. */
void selftest_fairness(void (*check)(bool condition, const char *what));

/* Those of them that are of time, that one among them: shares, priorities, sleep. */
void selftest_shares(void (*check)(bool condition, const char *what));

/* Whether a thread bound to each CPU runs there, and sleeps and wakes there by that CPU's own timer. */
bool selftest_each_cpu_runs(void);

#endif

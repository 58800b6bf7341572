/* SPDX-License-Identifier: MIT
 *
 * When there is no memory left, nor any to be had back.
 */
#ifndef GUEST_MM_OOM_H
#define GUEST_MM_OOM_H

#include <stdbool.h>

/* Kills the process with most pages in memory, in swap and of page tables, where oom_score_adj counts as
 * thousandths of all memory. Never process 1, kernel threads, or one with -1000. All that share its
 * memory end with it. While a victim's memory hasn't come back, no other is chosen. false: there is nobody to be killed. */
bool oom_kill(void);

/* Is asked first: whether it has given pages back. At boot. */
void oom_set_relief(bool (*relieve)(void));

/* The last of a doomed space was given back. */
void oom_victim_gone(void);

#endif

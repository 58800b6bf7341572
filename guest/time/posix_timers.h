/* SPDX-License-Identifier: MIT
 *
 * timer_create() and its relatives.
 */
#ifndef GUEST_TIME_POSIX_TIMERS_H
#define GUEST_TIME_POSIX_TIMERS_H

struct process;

/* Deletes all timers of a process; when it ends, and at exec. May sleep. */
void posix_timers_end(struct process *process);

#endif

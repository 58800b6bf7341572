/* SPDX-License-Identifier: MIT
 *
 * The scheduler: who runs next on which CPU.
 */
#ifndef GUEST_SCHED_SCHEDULE_H
#define GUEST_SCHED_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>

struct task;

/* Makes what runs on this CPU its idle task; every CPU once, interrupts off. */
void sched_start_cpu(void);

/* Runs somebody else if there is somebody to run, or the running task no longer may. Interrupts may be
 * on or off, and are afterwards as they were; no spinlock may be held. */
void schedule(void);

/* Lets others of the same class go first. */
void sched_yield(void);

/* At the end of an interrupt or a system call, interrupts off: schedule(), if that was asked for. */
void sched_check(void);

/* Whether another task should run on this CPU. */
bool sched_is_needed(void);

/* The idle loop of this CPU. */
_Noreturn void sched_idle(void);

#endif

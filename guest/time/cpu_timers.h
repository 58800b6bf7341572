/* SPDX-License-Identifier: MIT
 *
 * Timers that run with a process's own CPU time: ITIMER_VIRTUAL, ITIMER_PROF, and RLIMIT_CPU. They are
 * looked at in the tick, so they are as exact as that.
 */
#ifndef GUEST_TIME_CPU_TIMERS_H
#define GUEST_TIME_CPU_TIMERS_H

#include <stdint.h>

struct process;
struct task;

struct cpu_timer {
	uint64_t at_ns, interval_ns; /* CPU time of the process; at_ns 0: not set */
};

enum cpu_timer_kind { CPU_TIMER_VIRTUAL, CPU_TIMER_PROF, CPU_TIMER_COUNT };

/* In the tick, no lock held, interrupts off: sends what is due to the running task's process. */
void cpu_timers_check(struct task *task);

#endif

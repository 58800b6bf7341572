/* SPDX-License-Identifier: MIT
 *
 * Who used how much CPU time, and how busy the machine is.
 */
#ifndef GUEST_SCHED_ACCOUNT_H
#define GUEST_SCHED_ACCOUNT_H

#include <stdbool.h>
#include <stdint.h>

struct process;
struct task;

/* In the tick, the task's queue locked: it was found in user mode or in the kernel. Its time is split
 * by what the last samples found, so user + system is exact and the split is an estimate. */
void account_sample(struct task *task, bool in_user_mode);

/* In any tick: takes part in the load averages when it is time to. */
void account_load(uint64_t now_ns);

struct cpu_times { /* ns since boot */
	uint64_t user, system, idle, steal;
	uint64_t switches; /* a count */
};
void account_cpu(unsigned cpu, struct cpu_times *times);

struct task_times { /* ns */
	uint64_t user, system, wait, steal;
};
/* Up to now, for a running task too. */
void account_task(struct task *task, struct task_times *times);
/* Of all threads of a process, living and ended. Takes process_lock. */
void account_process(struct process *process, struct task_times *times);

#define ACCOUNT_LOAD_SHIFT 16
/* Load averages over 1, 5 and 15 minutes, times 2^ACCOUNT_LOAD_SHIFT. */
void account_load_averages(uint64_t load[3]);
/* Tasks that run or want to. */
unsigned account_runnable(void);
/* Tasks that wait and can't be interrupted. */
unsigned account_blocked(void);

#endif

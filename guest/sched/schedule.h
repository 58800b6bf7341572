/* SPDX-License-Identifier: MIT
 *
 * The scheduler: who runs next on which CPU.
 */
#ifndef GUEST_SCHED_SCHEDULE_H
#define GUEST_SCHED_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>

#include "guest/arch/cpu.h"

struct run_queue;
struct task;

#define SCHED_CPUS_MAX 64 /* CPUs from this number on stay idle: they fit no affinity mask */
#define SCHED_TICK_HZ 100
#define SCHED_TICK_NS \
	(1000000000 / SCHED_TICK_HZ) /* a busy CPU is interrupted this often; an idle one never */

/* Makes what runs on this CPU its idle task; every CPU once, interrupts off. */
void sched_start_cpu(void);

/* Runs somebody else if there is somebody to run, or the running task no longer may. Interrupts may be
 * on or off, and are afterwards as they were; no spinlock may be held. */
void schedule(void);

/* Lets others of the same class go first. */
void sched_yield(void);

/* Whether another task should run on this CPU. Interrupts off. */
static inline bool sched_is_needed(void)
{
	return cpu_this()->reschedule;
}

/* Preempts the running task. Interrupts off. */
void sched_preempt(void);

/* At the end of an interrupt or a system call, interrupts off: lets others run, if that was asked for. */
static inline void sched_check(void)
{
	if (sched_is_needed())
		sched_preempt();
}

/* The idle loop of this CPU. */
_Noreturn void sched_idle(void);

/* --- for the rest of the scheduler */

/* The locked queue that task is in, or that it last ran in. Interrupts are off until spin_unlock(). */
struct run_queue *sched_lock_queue_of(struct task *task, uint64_t *flags);

/* Puts a runnable task that is in no queue into the one that suits it best. from, its last, is locked,
 * and isn't afterwards; interrupts stay off. */
void sched_place(struct run_queue *from, struct task *task);

/* Has the CPU of a locked queue schedule soon. */
void sched_demand(struct run_queue *queue);

/* First thing a new task does: ends the switch to it from previous. */
void sched_finish_switch(struct task *previous);

/* From the timer interrupt: the running task's slice may be over. */
void sched_tick(uint64_t now_ns);

/* CPUs that schedule, one bit each. */
extern uint64_t sched_online;

#endif

/* SPDX-License-Identifier: MIT
 *
 * Timers of the kernel: a function called at a time, on the CPU that set it, in its timer interrupt.
 * Each CPU has its tree of them and programs its LAPIC for the first; when nothing is due, for nothing.
 */
#ifndef GUEST_SCHED_TIMER_H
#define GUEST_SCHED_TIMER_H

#include <stdbool.h>
#include <stdint.h>

#include "guest/lib/tree.h"

#define TIMER_NEVER UINT64_MAX

struct timer {
	uint64_t at_ns;			      /* clock_ns() */
	void (*expired)(struct timer *timer); /* interrupts off; may set it again */
	struct tree_node node;
	uint32_t cpu;
	uint32_t ran_on; /* CPU of the last expired(), + 1; 0: never */
	bool set;
};

/* On each CPU once, interrupts off. */
void timer_start_cpu(void);

void timer_init(struct timer *timer, void (*expired)(struct timer *timer));

/* (Re)starts it. */
void timer_set(struct timer *timer, uint64_t at_ns);

/* Stops it, and waits for expired() to return if it runs on another CPU: the caller holds no lock that
 * expired() takes. Whether it was set. */
bool timer_cancel(struct timer *timer);

/* In expired(), for a timer with an interval: sets it to the next multiple that is in the future, not too
 * near, so that the shortest interval leaves time for the programs, and not before not_before_ns. How many
 * multiples were left out. */
uint64_t timer_repeat(struct timer *timer, uint64_t interval_ns, uint64_t not_before_ns);

/* When it is due, in ns from now, at least 1; 0: it isn't set. */
uint64_t timer_left(const struct timer *timer);

/* Sleeps: 0, or -ERESTART if a signal came first. */
int timer_sleep_until(uint64_t deadline_ns);

/* For the scheduler: this CPU wants sched_tick() at that time, and not at the one said before.
 * Interrupts off. */
void timer_preempt_at(uint64_t at_ns);

#endif

/* SPDX-License-Identifier: MIT
 *
 * The LAPIC is programmed by TSC deadline where there is one (Intel SDM vol. 3 §10.5.4.1), else by a
 * count. Programming it is an exit, so one that comes too early is left alone: it finds nothing due,
 * and sets the next.
 */
#include "guest/sched/timer.h"

#include <stddef.h>

#include "guest/arch/cpu.h"
#include "guest/arch/insn.h"
#include "guest/arch/lapic.h"
#include "guest/arch/spinlock.h"
#include "guest/arch/trap.h"
#include "guest/lib/errno.h"
#include "guest/lib/list.h"
#include "guest/sched/schedule.h"
#include "guest/sched/wait.h"
#include "guest/time/clock.h"

#define SOONEST_NS 2000
#define REPEAT_SOONEST_NS 100000

/* A CPU's. The lock guards the tree; the rest is its own CPU's, but for `running`. */
struct timer_base {
	struct spinlock lock;
	struct tree tree;      /* of timers, by at_ns */
	struct timer *running; /* whose expired() runs now */
	uint64_t armed_ns;     /* when the LAPIC interrupts at the latest */
	uint64_t preempt_ns;
};

static struct timer_base bases[CPU_MAX];

static struct timer *timer_of(const struct tree_node *node)
{
	return container_of(node, struct timer, node);
}

static bool before(const struct tree_node *a, const struct tree_node *b)
{
	return timer_of(a)->at_ns < timer_of(b)->at_ns;
}

static void arm(struct timer_base *base, uint64_t at_ns, uint64_t now_ns)
{
	uint64_t in_ns = at_ns > now_ns + SOONEST_NS ? at_ns - now_ns : SOONEST_NS;

	base->armed_ns = at_ns;
	if (cpu_features.tsc_deadline)
		lapic_timer_deadline(tsc_read() + clock_ns_to_tsc(in_ns));
	else
		lapic_timer_once(clock_ns_to_lapic(in_ns));
}

void timer_preempt_at(uint64_t at_ns)
{
	struct timer_base *base = &bases[cpu_this()->index];

	base->preempt_ns = at_ns;
	if (at_ns < base->armed_ns)
		arm(base, at_ns, clock_ns());
}

void timer_init(struct timer *timer, void (*expired)(struct timer *timer))
{
	*timer = (struct timer){.expired = expired};
}

/* The locked base that timer belongs to. Interrupts off. */
static struct timer_base *lock_base_of(const struct timer *timer)
{
	for (;;) {
		const uint32_t cpu = __atomic_load_n(&timer->cpu, __ATOMIC_RELAXED);

		spin_take(&bases[cpu].lock);
		if (timer->cpu == cpu)
			return &bases[cpu];
		spin_release(&bases[cpu].lock); /* set again elsewhere just then */
	}
}

static bool take_out(struct timer_base *base, struct timer *timer)
{
	const bool was_set = timer->set;

	if (was_set)
		tree_remove(&base->tree, &timer->node);
	timer->set = false;
	return was_set;
}

void timer_set(struct timer *timer, uint64_t at_ns)
{
	const uint64_t flags = irq_save();
	const uint32_t here = cpu_this()->index;
	struct timer_base *base;

	for (;;) {
		base = lock_base_of(timer);
		take_out(base, timer);
		if (base == &bases[here])
			break;
		__atomic_store_n(&timer->cpu, here, __ATOMIC_RELAXED);
		spin_release(&base->lock);
	}
	timer->at_ns = at_ns;
	timer->set = true;
	tree_insert(&base->tree, &timer->node);
	if (at_ns < base->armed_ns)
		arm(base, at_ns, clock_ns());
	spin_unlock(&base->lock, flags);
}

static bool is_running(struct timer_base *base, const struct timer *timer)
{
	return __atomic_load_n(&base->running, __ATOMIC_ACQUIRE) == timer;
}

bool timer_cancel(struct timer *timer)
{
	const uint64_t flags = irq_save();
	const uint32_t here = cpu_this()->index + 1;
	bool was_set = false, waited;

	do { /* expired() may have set it again, and somebody else may have done so on a third CPU */
		struct timer_base *base = lock_base_of(timer);
		const uint32_t ran_on = timer->ran_on;

		was_set |= take_out(base, timer);
		spin_release(&base->lock);
		waited = ran_on && ran_on != here && is_running(&bases[ran_on - 1], timer);
		while (waited && is_running(&bases[ran_on - 1], timer))
			tlb_serve();
	} while (waited);
	irq_restore(flags);
	return was_set;
}

uint64_t timer_repeat(struct timer *timer, uint64_t interval_ns, uint64_t not_before_ns)
{
	uint64_t soonest = clock_ns() + REPEAT_SOONEST_NS;
	uint64_t next = timer->at_ns + interval_ns, missed = 0;

	if (soonest < not_before_ns)
		soonest = not_before_ns;
	if (next < soonest) {
		missed = (soonest - timer->at_ns) / interval_ns;
		next = timer->at_ns + (missed + 1) * interval_ns;
	}
	timer_set(timer, next);
	return missed;
}

uint64_t timer_left(const struct timer *timer)
{
	const uint64_t now = clock_ns(), at = timer->at_ns;

	if (!__atomic_load_n(&timer->set, __ATOMIC_RELAXED))
		return 0;
	return at > now ? at - now : 1;
}

/* Calls what is due; base is locked. */
static void run_expired(struct timer_base *base, uint64_t now)
{
	while (base->tree.first) {
		struct timer *timer = timer_of(base->tree.first);

		if (timer->at_ns > now)
			return;
		take_out(base, timer);
		timer->ran_on = cpu_this()->index + 1;
		base->running = timer;
		spin_release(&base->lock);
		timer->expired(timer); /* which may free it */
		spin_take(&base->lock);
		/* release: pairs with timer_cancel() */
		__atomic_store_n(&base->running, NULL, __ATOMIC_RELEASE);
	}
}

static void timer_interrupt(unsigned vector)
{
	struct cpu *cpu = cpu_this();
	struct timer_base *base = &bases[cpu->index];
	const uint64_t now = clock_ns();
	uint64_t next;

	(void)vector;
	cpu->tick_count++;
	base->armed_ns = 0; /* nothing is armed from here: it is done once, below */
	if (now >= base->preempt_ns) {
		base->preempt_ns = TIMER_NEVER;
		sched_tick(now);
	}
	spin_take(&base->lock);
	run_expired(base, now);
	next = base->tree.first ? timer_of(base->tree.first)->at_ns : TIMER_NEVER;
	if (base->preempt_ns < next)
		next = base->preempt_ns;
	base->armed_ns = next;
	if (next != TIMER_NEVER)
		arm(base, next, clock_ns());
	spin_release(&base->lock);
}

void timer_start_cpu(void)
{
	struct timer_base *base = &bases[cpu_this()->index];

	base->tree.before = before;
	base->armed_ns = base->preempt_ns = TIMER_NEVER;
	trap_set_handler(VECTOR_TICK, timer_interrupt);
	if (cpu_features.tsc_deadline)
		lapic_timer_use_deadline(VECTOR_TICK);
	else
		lapic_timer_use_count(VECTOR_TICK);
}

int timer_sleep_until(uint64_t deadline_ns)
{
	int result = 0;

	while (!result) {
		task_sleep(TASK_SLEEPING);
		result = wait_sleep(TASK_SLEEPING, deadline_ns);
	}
	task_sleep(TASK_RUNNABLE);
	return result == -ETIMEDOUT ? 0 : result;
}

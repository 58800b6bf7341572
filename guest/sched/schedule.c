/* SPDX-License-Identifier: MIT
 *
 * Switching and waking. The lock of a CPU's queue is held from the choice of the next task until that
 * task runs on its own stack, so nobody can take the previous one elsewhere while its registers are
 * still being saved.
 *
 * A task that is runnable but neither queued nor running is on its way from one queue to another: its
 * sched.cpu is the new one already, and who moves it is about to take that queue's lock.
 */
#include "guest/sched/schedule.h"

#include "guest/arch/insn.h"
#include "guest/arch/lapic.h"
#include "guest/arch/stack.h"
#include "guest/arch/switch.h"
#include "guest/arch/trap.h"
#include "guest/hyper/strace.h"
#include "guest/lib/panic.h"
#include "guest/mm/slab.h"
#include "guest/sched/account.h"
#include "guest/sched/balance.h"
#include "guest/sched/run_queue.h"
#include "guest/sched/timer.h"
#include "guest/sched/trace.h"
#include "guest/time/clock.h"
#include "guest/time/cpu_timers.h"

uint64_t sched_online;

struct run_queue *sched_lock_queue_of(struct task *task, uint64_t *flags)
{
	*flags = irq_save();
	for (;;) {
		struct run_queue *queue = run_queue_of(
			__atomic_load_n(&task->sched.cpu, __ATOMIC_RELAXED));

		spin_take(&queue->lock);
		if (queue->cpu == task->sched.cpu)
			return queue;
		spin_release(&queue->lock); /* it moved just then */
	}
}

void sched_demand(struct run_queue *queue)
{
	struct cpu *cpu = cpu_at(queue->cpu);

	if (cpu->reschedule)
		return;
	cpu->reschedule = true;
	/* A kernel thread meets no end of a system call: it gets an interrupt too. */
	if (cpu != cpu_this() || (queue->current != queue->idle && !queue->current->frame))
		lapic_send(cpu->apic_id, VECTOR_WAKE);
}

/* The queue that is locked afterwards, which is the best one for task. */
static struct run_queue *move_to_best(struct run_queue *queue, struct task *task)
{
	for (;;) {
		struct run_queue *to = run_queue_of(balance_choose_cpu(&task->sched));

		if (to == queue)
			return queue;
		fair_leave(&queue->fair, &task->sched);
		trace_migration(task, queue->cpu, to->cpu);
		__atomic_store_n(&task->sched.cpu, to->cpu, __ATOMIC_RELAXED);
		spin_release(&queue->lock);
		spin_take(&to->lock);
		fair_join(&to->fair, &task->sched);
		queue = to;
		if (task->sched.allowed >> queue->cpu & 1)
			return queue;
	}
}

void sched_place(struct run_queue *from, struct task *task)
{
	struct run_queue *queue = move_to_best(from, task);

	fair_place_woken(&queue->fair, &task->sched);
	run_queue_arrive(queue, task, clock_ns());
	if (run_queue_preempts(queue, task))
		sched_demand(queue);
	spin_release(&queue->lock);
}

bool task_wake_from(struct task *task, unsigned mask)
{
	uint64_t flags;
	struct run_queue *queue = sched_lock_queue_of(task, &flags);
	const unsigned state = task->state;

	if (!(mask >> state & 1)) {
		spin_unlock(&queue->lock, flags);
		return false;
	}
	task->state = TASK_RUNNABLE;
	if (task->sched.queued || queue->current == task) {
		spin_unlock(&queue->lock, flags); /* it had not gone to sleep yet */
		return true;
	}
	queue->uninterruptible -= state == TASK_UNINTERRUPTIBLE;
	trace_wake(task);
	sched_place(queue, task);
	irq_restore(flags);
	return true;
}

/* What becomes of the task that has run. moves: it is runnable, but not on this CPU. */
static void put_previous(struct run_queue *queue, struct task *task, bool preempted)
{
	struct sched_entity *entity = &task->sched;

	queue->previous_moves = false;
	if (task == queue->idle)
		return;
	if (task->state != TASK_RUNNABLE && !preempted) {
		queue->uninterruptible += task->state == TASK_UNINTERRUPTIBLE;
		run_queue_depart(queue, task);
	} else if (entity->allowed >> queue->cpu & 1) {
		run_queue_insert(queue, task, preempted && entity->since_ns < entity->slice_end_ns);
	} else {
		run_queue_depart(queue, task);
		queue->previous_moves = true;
	}
}

/* How long next may run, and when this CPU has to look again. */
static void start_slice(struct run_queue *queue, struct task *next, uint64_t now)
{
	struct sched_entity *entity = &next->sched;
	uint64_t look_ns = now + SCHED_TICK_NS;

	if (next == queue->idle) {
		timer_preempt_at(TIMER_NEVER);
		return;
	}
	if (entity->policy == SCHED_FIFO)
		entity->slice_end_ns = UINT64_MAX;
	else
		entity->slice_end_ns = now + (entity->priority ? REALTIME_SLICE_NS : FAIR_SLICE_NS);
	if (queue->count > 1 && entity->slice_end_ns < look_ns)
		look_ns = entity->slice_end_ns;
	timer_preempt_at(look_ns);
}

void sched_finish_switch(struct task *previous)
{
	struct run_queue *queue = cpu_this()->queue;
	const bool ended = previous->state == TASK_ZOMBIE;

	if (queue->previous_moves)
		sched_place(queue, previous);
	else
		spin_release(&queue->lock);
	if (ended)
		task_put(previous);
}

static void switch_tasks(struct run_queue *queue, struct task *next, uint64_t now, bool preempted)
{
	struct task *previous = queue->current;

	if (preempted)
		previous->sched.switches_involuntary++;
	else
		previous->sched.switches_voluntary++;
	queue->switches++;
	next->sched.wait_ns += now - next->sched.since_ns;
	next->sched.since_ns = now;
	queue->current = next;
	trace_switch(now, previous, next, preempted);
	sched_finish_switch(switch_to(previous, next)); /* perhaps on another CPU */
}

static void reschedule(bool preempted)
{
	struct cpu *cpu = cpu_this();
	struct run_queue *queue = cpu->queue;
	struct task *next;
	uint64_t now;

	spin_take(&queue->lock);
	now = clock_ns();
	cpu->reschedule = false;
	run_queue_charge(queue, now);
	put_previous(queue, queue->current, preempted);
	next = run_queue_pick(queue);
	start_slice(queue, next, now);
	if (next != queue->current)
		switch_tasks(queue, next, now, preempted);
	else
		spin_release(&queue->lock);
}

void schedule(void)
{
	const uint64_t flags = irq_save();

	spin_check_none();
	reschedule(false);
	irq_restore(flags);
}

void sched_preempt(void)
{
	spin_check_none();
	reschedule(true);
}

void sched_yield(void)
{
	const uint64_t flags = irq_save();
	struct run_queue *queue = cpu_this()->queue;

	spin_take(&queue->lock);
	if (!queue->current->sched.priority)
		fair_yield(&queue->fair, &queue->current->sched);
	spin_release(&queue->lock);
	reschedule(false);
	irq_restore(flags);
}

static bool turn_is_over(const struct run_queue *queue, uint64_t now)
{
	const struct sched_entity *entity = &queue->current->sched;

	return (queue->count > 1 && now >= entity->slice_end_ns) ||
	       !(entity->allowed >> queue->cpu & 1);
}

/* Then the interrupt's own frame is the one at the top of the task's stack. But one that finds the program at the
 * first instruction after a system call (whose address syscall leaves in rcx) had to wait while the kernel had
 * interrupts off: the time was the kernel's. */
static bool was_in_user_mode(const struct task *task)
{
	const struct trap_frame *frame = task->frame;

	return frame && frame->vector == VECTOR_TICK && frame->rip != frame->rcx;
}

void sched_tick(uint64_t now_ns)
{
	struct cpu *cpu = cpu_this();
	struct run_queue *queue = cpu->queue;

	account_load(now_ns);
	if (queue->current == queue->idle)
		return;
	spin_take(&queue->lock);
	account_sample(queue->current, was_in_user_mode(queue->current));
	run_queue_charge(queue, now_ns);
	if (turn_is_over(queue, now_ns))
		cpu->reschedule = true;
	else
		timer_preempt_at(now_ns + SCHED_TICK_NS);
	spin_release(&queue->lock);
	cpu_timers_check(queue->current);
	balance_tick(queue, now_ns);
}

static void wake_interrupt(unsigned vector)
{
	(void)vector; /* sched_check() on the way out does the work */
}

void sched_start_cpu(void)
{
	struct cpu *cpu = cpu_this();
	struct run_queue *queue = kmalloc(sizeof(*queue));
	struct task *idle = task_create_idle(cpu->index);

	if (!queue || !idle)
		panic("no memory for the scheduler of CPU %u", cpu->index);
	queue->cpu = cpu->index;
	queue->idle = queue->current = idle;
	fair_init(&queue->fair);
	idle->sched.since_ns = clock_ns();
	cpu->queue = queue;
	trap_set_handler(VECTOR_WAKE, wake_interrupt);
	steal_start(cpu);
	if (cpu->index < SCHED_CPUS_MAX)
		__atomic_fetch_or(&sched_online, 1ull << cpu->index, __ATOMIC_RELEASE);
}

void sched_idle(void)
{
	struct run_queue *queue = cpu_this()->queue;

	irq_disable();
	for (;;) {
		if (sched_is_needed() || balance_pull(queue)) {
			schedule();
			continue;
		}
		if (strace_is_on)
			strace_flush();
		cpu_sleep();
	}
}

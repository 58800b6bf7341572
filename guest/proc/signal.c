/* SPDX-License-Identifier: MIT
 *
 * Sending signals: who gets them, what is dropped, what waits, and whom it wakes.
 */
#include "guest/proc/signal.h"

#include <stddef.h>

#include "guest/arch/cpu.h"
#include "guest/arch/lapic.h"
#include "guest/mm/slab.h"
#include "guest/proc/process.h"
#include "guest/proc/signal_sets.h"

struct queued_signal {
	struct queued_signal *next;
	struct signal_info info;
};

/* A CPU in user mode looks at signals when it leaves the kernel, so it is made to enter it. */
static void kick(const struct task *task)
{
	const struct cpu *cpu = cpu_at(task->sched.cpu);

	if (cpu != cpu_this() && __atomic_load_n(&cpu->base.task, __ATOMIC_RELAXED) == task)
		lapic_send(cpu->apic_id, VECTOR_WAKE);
}

void signal_interrupt(struct task *task, unsigned states)
{
	__atomic_store_n(&task->signals.pending, true, __ATOMIC_SEQ_CST);
	if (!task_wake_from(task, states))
		kick(task);
}

void signal_recalculate(struct task *task)
{
	const struct process *process = task->process;
	const signal_set waiting = task->signals.queue.set | process->signals.set;

	__atomic_store_n(&task->signals.pending,
			 (waiting & ~task->signals.blocked) || process->exiting ||
				 process->state == PROCESS_STOPPED ||
				 (process->execer && process->execer != task),
			 __ATOMIC_SEQ_CST);
}

bool signal_is_pending(void)
{
	return __atomic_load_n(&task_this()->signals.pending, __ATOMIC_SEQ_CST);
}

bool signal_is_ignored(const struct process *process, int number)
{
	const uint64_t handler = process->actions[number - 1].handler_gva;

	return handler == SIG_IGN ||
	       (handler == SIG_DFL && (SIGNAL_BIT(number) & SIGNALS_IGNORED_BY_DEFAULT));
}

void signal_discard(struct signal_queue *queue, signal_set set, struct process *process)
{
	struct queued_signal **at = &queue->first, *last = NULL;

	if (!(queue->set & set))
		return;
	queue->set &= ~set;
	while (*at) {
		struct queued_signal *queued = *at;

		if (SIGNAL_BIT(queued->info.number) & set) {
			*at = queued->next;
			process->queued_count--;
			kfree(queued);
		} else {
			last = queued;
			at = &queued->next;
		}
	}
	queue->last = last;
}

static void discard_everywhere(struct process *process, signal_set set)
{
	signal_discard(&process->signals, set, process);
	list_for_each(link, &process->threads) signal_discard(
		&container_of(link, struct task, in_process)->signals.queue, set, process);
}

/* A POSIX timer has one signal in the queue; what expires meanwhile is counted in that. */
static bool count_overrun(struct signal_queue *queue, const struct signal_info *info)
{
	struct queued_signal *queued = queue->first;

	while (queued && (queued->info.code != SI_TIMER || queued->info.number != info->number ||
			  queued->info.timer_id != info->timer_id))
		queued = queued->next;
	if (queued && queued->info.overrun < INT32_MAX - 1 - info->overrun)
		queued->info.overrun += 1 + info->overrun;
	return queued;
}

/* Without memory, or above the limit, only that there is a signal is kept; one whose sender must know
 * that all of it arrives is refused. */
static int enqueue(struct process *process, struct signal_queue *queue,
		   const struct signal_info *info)
{
	struct queued_signal *queued = NULL;

	if (info->code == SI_TIMER && count_overrun(queue, info))
		return -EEXIST;
	if (info->number < SIGRTMIN && (queue->set & SIGNAL_BIT(info->number)))
		return 0;
	if (process->queued_count < process->limits[RLIMIT_SIGPENDING].soft ||
	    info->number < SIGRTMIN)
		queued = kmalloc(sizeof(*queued));
	if (!queued && info->number >= SIGRTMIN && info->code != SI_USER)
		return -EAGAIN;
	queue->set |= SIGNAL_BIT(info->number);
	if (!queued)
		return 0;
	queued->info = *info;
	if (queue->first)
		queue->last->next = queued;
	else
		queue->first = queued;
	queue->last = queued;
	process->queued_count++;
	return 0;
}

/* A stop and a continuation annul what is pending of the other kind, whether or not they are handled. */
static void prepare_job_control(struct process *process, int number)
{
	if (SIGNAL_BIT(number) & SIGNALS_STOPPING)
		discard_everywhere(process, SIGNAL_BIT(SIGCONT));
	if (number != SIGCONT && number != SIGKILL)
		return;
	discard_everywhere(process, SIGNALS_STOPPING);
	if (process->state != PROCESS_STOPPED)
		return;
	process->state = PROCESS_ALIVE;
	process->stop_unreported = false;
	if (number == SIGCONT) {
		process->continue_unreported = true;
		process_report_to_parent(process, CLD_CONTINUED, SIGCONT);
	}
	list_for_each(link, &process->threads)
		task_wake_from(container_of(link, struct task, in_process), 1u << TASK_STOPPED);
}

/* The thread that takes a signal of the process: the first that doesn't block it; NULL: all do. */
static struct task *choose_thread(struct process *process, int number)
{
	list_for_each(link, &process->threads)
	{
		struct task *task = container_of(link, struct task, in_process);

		if (!(task->signals.blocked & SIGNAL_BIT(number)))
			return task;
	}
	return NULL;
}

bool signal_is_spared(const struct process *process, int number)
{
	return process == process_init && process->actions[number - 1].handler_gva == SIG_DFL;
}

int signal_send_locked(struct process *process, struct task *task, const struct signal_info *info)
{
	const int number = info->number;
	struct signal_queue *queue = task ? &task->signals.queue : &process->signals;
	int error;

	if (process->state >= PROCESS_ZOMBIE || process == &kernel_process ||
	    (task && list_is_empty(&task->in_process)))
		return 0; /* or the thread has ended: nobody would take it out of its queue any more */
	if ((SIGNAL_BIT(number) & SIGNALS_NEVER_BLOCKED) && signal_is_spared(process, number))
		return 0;
	if (number == SIGKILL) {
		prepare_job_control(process, number);
		process_begin_exit(process, SIGKILL);
		return 0;
	}
	prepare_job_control(process, number);
	if (!task)
		task = choose_thread(process, number);
	else if (task->signals.blocked & SIGNAL_BIT(number))
		task = NULL;
	if (task && (signal_is_ignored(process, number) || signal_is_spared(process, number)))
		return 0; /* a blocked one is kept: sigwait() may take it */
	error = enqueue(process, queue, info);
	if (error)
		return error;
	if (task)
		signal_interrupt(task, 1u << TASK_SLEEPING);
	waitq_wake(&process->signal_arrived);
	return 0;
}

void signal_send_number_locked(struct process *process, int number)
{
	signal_send_locked(process, NULL,
			   &(struct signal_info){.number = number, .code = SI_KERNEL});
}

int signal_send_group_locked(int32_t group, const struct signal_info *info)
{
	int result = -ESRCH;

	list_for_each(link, &process_all)
	{
		struct process *process = container_of(link, struct process, in_all);

		if (process->group == group) {
			signal_send_locked(process, NULL, info);
			result = 0;
		}
	}
	return result;
}

int signal_send(struct process *process, const struct signal_info *info)
{
	const uint64_t flags = spin_lock(&process_lock);
	const int result = signal_send_locked(process, NULL, info);

	spin_unlock(&process_lock, flags);
	return result;
}

int signal_send_task(struct task *task, const struct signal_info *info)
{
	const uint64_t flags = spin_lock(&process_lock);
	const int result = signal_send_locked(task->process, task, info);

	spin_unlock(&process_lock, flags);
	return result;
}

int signal_send_number(struct process *process, int number)
{
	return signal_send(process, &(struct signal_info){.number = number, .code = SI_KERNEL});
}

bool signal_is_fatal(int number)
{
	const struct task *task = task_this();
	const uint64_t handler = task->process->actions[number - 1].handler_gva;

	return handler == SIG_DFL || handler == SIG_IGN ||
	       (task->signals.blocked & SIGNAL_BIT(number));
}

void signal_set_default(int number)
{
	const uint64_t flags = spin_lock(&process_lock);

	process_this()->actions[number - 1].handler_gva = SIG_DFL;
	spin_unlock(&process_lock, flags);
}

void signal_force(int number, int code, uint64_t address_gva)
{
	const struct signal_info info = {
		.number = number, .code = code, .address_gva = address_gva};
	const uint64_t flags = spin_lock(&process_lock);
	struct task *task = task_this();

	if (signal_is_fatal(number)) {
		task->process->actions[number - 1].handler_gva = SIG_DFL;
		task->signals.blocked &= ~SIGNAL_BIT(number);
	}
	enqueue(task->process, &task->signals.queue, &info);
	signal_recalculate(task);
	spin_unlock(&process_lock, flags);
}

/* Takes the oldest information about number; the bit stays while there is more. */
static void take_number(struct process *process, struct signal_queue *queue, int number,
			struct signal_info *info)
{
	struct queued_signal **at = &queue->first, *previous = NULL, *queued;

	*info = (struct signal_info){.number = number, .code = SI_USER};
	while (*at && (*at)->info.number != number) {
		previous = *at;
		at = &previous->next;
	}
	queued = *at;
	if (queued) {
		*info = queued->info;
		*at = queued->next;
		if (queue->last == queued)
			queue->last = previous;
		process->queued_count--;
		kfree(queued);
	}
	for (queued = queued ? *at : NULL; queued; queued = queued->next)
		if (queued->info.number == number)
			return;
	queue->set &= ~SIGNAL_BIT(number);
}

bool signal_take_locked(signal_set wanted, struct signal_info *info)
{
	struct task *task = task_this();
	struct signal_queue *queue = &task->signals.queue;
	signal_set set = queue->set & wanted;

	if (set & SIGNALS_OF_FAULTS)
		set &= SIGNALS_OF_FAULTS;
	if (!set) {
		queue = &task->process->signals;
		set = queue->set & wanted;
	}
	if (!set)
		return false;
	take_number(task->process, queue, __builtin_ctzll(set) + 1, info);
	return true;
}

bool signal_take(signal_set wanted, struct signal_info *info)
{
	const uint64_t flags = spin_lock(&process_lock);
	const bool taken = signal_take_locked(wanted, info);

	signal_recalculate(task_this());
	spin_unlock(&process_lock, flags);
	return taken;
}

signal_set signal_pending_set(void)
{
	const struct task *task = task_this();

	return task->signals.queue.set | task->process->signals.set;
}

/* What this thread blocks from now on, another one may have to take. */
static void pass_on(struct process *process, signal_set newly_blocked)
{
	if (process->thread_count < 2 || !(process->signals.set & newly_blocked))
		return;
	list_for_each(link, &process->threads)
	{
		struct task *task = container_of(link, struct task, in_process);

		if (process->signals.set & newly_blocked & ~task->signals.blocked)
			signal_interrupt(task, 1u << TASK_SLEEPING);
	}
}

static void set_blocked_locked(struct task *task, signal_set blocked)
{
	const signal_set before = task->signals.blocked;

	task->signals.blocked = blocked & ~SIGNALS_NEVER_BLOCKED;
	pass_on(task->process, task->signals.blocked & ~before);
	signal_recalculate(task);
}

void signal_set_blocked(signal_set blocked)
{
	const uint64_t flags = spin_lock(&process_lock);

	set_blocked_locked(task_this(), blocked);
	spin_unlock(&process_lock, flags);
}

void signal_block_for_wait(signal_set blocked)
{
	struct task *task = task_this();
	const uint64_t flags = spin_lock(&process_lock);

	task->signals.saved = task->signals.blocked;
	task->signals.restore_saved = true;
	set_blocked_locked(task, blocked);
	spin_unlock(&process_lock, flags);
}

void signal_unblock_after_wait(void)
{
	struct task *task = task_this();

	if (!task->signals.restore_saved)
		return;
	task->signals.restore_saved = false;
	signal_set_blocked(task->signals.saved);
}

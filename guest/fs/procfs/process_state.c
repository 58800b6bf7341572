/* SPDX-License-Identifier: MIT
 *
 * /proc/PID/stat and status (Linux's proc(5)). A process's numbers are the sums over its threads; a
 * thread's directory shows the thread's own.
 */
#include "guest/fs/files.h"
#include "guest/fs/procfs/proc.h"
#include "guest/lib/print.h"
#include "guest/mm/page.h"
#include "guest/mm/space.h"
#include "guest/proc/process.h"
#include "guest/tty/tty.h"

#define PRIORITY_OF_NICE_0 20
#define SIG_IGN_GVA 1

/* All that both files say, gathered under process_lock. */
struct state {
	char letter;
	const char *word;
	int32_t parent, threads, foreground;
	uint64_t terminal;
	struct usage used, children;
	signal_set pending, shared_pending, blocked, ignored, caught;
	bool has_space;
	uint64_t bytes, resident, resident_peak, tables, swapped, code, data, stack;
	uint64_t start_stack, start_brk, arguments, arguments_end, environment, environment_end;
};

static void add_task(struct usage *sum, const struct task *task)
{
	sum->user_ns += task->sched.user_ns;
	sum->system_ns += task->sched.system_ns;
	sum->faults_minor += task->fault_count_minor;
	sum->faults_major += task->fault_count_major;
	sum->switches_voluntary += task->sched.switches_voluntary;
	sum->switches_involuntary += task->sched.switches_involuntary;
}

static void read_letter(struct state *s, const struct proc_subject *subject)
{
	static const struct {
		char letter;
		const char *word;
	} name[] = {
		[TASK_RUNNABLE] = {'R', "R (running)"},
		[TASK_SLEEPING] = {'S', "S (sleeping)"},
		[TASK_UNINTERRUPTIBLE] = {'D', "D (disk sleep)"},
		[TASK_STOPPED] = {'T', "T (stopped)"},
		[TASK_ZOMBIE] = {'Z', "Z (zombie)"},
	};
	const uint32_t state = subject->process->state == PROCESS_ZOMBIE ? TASK_ZOMBIE
									 : subject->task->state;

	const unsigned row = state < TASK_NEW ? state : TASK_RUNNABLE; /* about to be started */

	s->letter = name[row].letter;
	s->word = name[row].word;
}

static void read_signals(struct state *s, const struct proc_subject *subject)
{
	const struct process *process = subject->process;

	s->pending = subject->task->signals.queue.set;
	s->shared_pending = process->signals.set;
	s->blocked = subject->task->signals.blocked;
	for (int i = 1; i <= SIGNAL_MAX; i++) {
		const uint64_t handler = process->actions[i - 1].handler_gva;

		if (handler == SIG_IGN_GVA)
			s->ignored |= SIGNAL_BIT(i);
		else if (handler)
			s->caught |= SIGNAL_BIT(i);
	}
}

static void read_areas(struct state *s, struct space *space)
{
	mutex_lock(&space->lock);
	for (struct tree_node *node = space->areas.first; node; node = tree_next(node)) {
		const struct vm_area *area = container_of(node, struct vm_area, by_address);
		const uint64_t bytes = area->end_gva - area->start_gva;

		if (area->flags & MAP_GROWSDOWN)
			s->stack += bytes;
		else if (area->protection & PROT_EXEC)
			s->code += bytes;
		else if ((area->protection & PROT_WRITE) && (area->flags & MAP_PRIVATE))
			s->data += bytes;
	}
	mutex_unlock(&space->lock);
}

static void read_space(struct state *s, const struct proc_subject *subject)
{
	struct space *space = proc_space(subject);

	if (!space)
		return;
	s->has_space = true;
	s->bytes = space->mapped_pages * PAGE_BYTES;
	s->resident = space->resident;
	s->resident_peak = space->resident_peak;
	s->tables = space->table_pages;
	s->swapped = space->swapped;
	s->start_stack = space->stack_gva;
	s->start_brk = space->brk_start_gva;
	s->arguments = space->arguments_gva;
	s->arguments_end = space->arguments_end_gva;
	s->environment = space->environment_gva;
	s->environment_end = space->environment_end_gva;
	read_areas(s, space);
	space_put(space);
}

static void read_state(struct state *s, const struct proc_subject *subject)
{
	const struct process *process = subject->process;
	const uint64_t flags = spin_lock(&process_lock);

	*s = (struct state){.threads = process->thread_count};
	if (subject->task->tid == process->pid) {
		s->used = process->ended;
		list_for_each(link, &process->threads)
			add_task(&s->used, container_of(link, struct task, in_process));
	} else {
		add_task(&s->used, subject->task);
	}
	s->children = process->children_usage;
	s->parent = process->parent ? process->parent->pid : 0;
	s->foreground = process->tty ? process->tty->foreground : -1;
	s->terminal = process->tty ? process->tty->number : 0;
	read_letter(s, subject);
	read_signals(s, subject);
	spin_unlock(&process_lock, flags);
	read_space(s, subject);
}

static int shown_priority(const struct sched_entity *sched)
{
	return sched->policy == SCHED_FIFO || sched->policy == SCHED_RR
		       ? -1 - (int)sched->priority
		       : PRIORITY_OF_NICE_0 + sched->nice;
}

int proc_show_stat(const struct proc_subject *subject, struct text *text)
{
	const struct process *process = subject->process;
	const struct sched_entity *sched = &subject->task->sched;
	struct state s;

	read_state(&s, subject);
	text_print(text, "%d (%s) %c %d %d %d %lu %d 0 %lu %lu %lu %lu ", subject->task->tid,
		   subject->task->name, s.letter, s.parent, process->group, process->session,
		   s.terminal, s.foreground, s.used.faults_minor, s.children.faults_minor,
		   s.used.faults_major, s.children.faults_major);
	text_print(text, "%lu %lu %lu %lu %d %d %d 0 %lu ", s.used.user_ns / PROC_TICK_NS,
		   s.used.system_ns / PROC_TICK_NS, s.children.user_ns / PROC_TICK_NS,
		   s.children.system_ns / PROC_TICK_NS, shown_priority(sched), sched->nice,
		   s.threads, subject->task->started_ns / PROC_TICK_NS);
	text_print(text, "%lu %lu %lu 0 0 %lu 0 0 ", s.bytes, s.resident,
		   process->limits[RLIMIT_RSS].soft, s.start_stack);
	text_print(text, "%lu %lu %lu %lu 0 0 0 %d %u %u %u 0 0 0 ", s.pending & INT32_MAX,
		   s.blocked & INT32_MAX, s.ignored & INT32_MAX, s.caught & INT32_MAX,
		   process->exit_signal, sched->cpu, sched->priority, sched->policy);
	text_print(text, "0 0 %lu %lu %lu %lu %lu %d\n", s.start_brk, s.arguments, s.arguments_end,
		   s.environment, s.environment_end,
		   process->state == PROCESS_ZOMBIE ? process->exit_status : 0);
	return text->error;
}

static void show_memory(const struct state *s, struct text *text)
{
	const struct {
		const char *name;
		uint64_t bytes;
	} row[] = {
		{"VmSize", s->bytes},
		{"VmHWM", s->resident_peak * PAGE_BYTES},
		{"VmRSS", s->resident * PAGE_BYTES},
		{"VmData", s->data},
		{"VmStk", s->stack},
		{"VmExe", s->code},
		{"VmPTE", s->tables * PAGE_BYTES},
		{"VmSwap", s->swapped * PAGE_BYTES},
	};

	for (unsigned i = 0; s->has_space && i < sizeof(row) / sizeof(row[0]); i++)
		text_print(text, "%s:\t%8lu kB\n", row[i].name, row[i].bytes >> 10);
}

static void show_credentials(const struct credentials *who, struct text *text)
{
	text_print(text, "Uid:\t%u\t%u\t%u\t%u\n", who->uid, who->euid, who->suid, who->fsuid);
	text_print(text, "Gid:\t%u\t%u\t%u\t%u\n", who->gid, who->egid, who->sgid, who->fsgid);
	text_print(text, "FDSize:\t%u\nGroups:\t", FILES_MAX);
	for (uint32_t i = 0; i < who->group_count; i++)
		text_print(text, "%u ", who->groups[i]);
	text_print(text, "\n");
}

int proc_show_status(const struct proc_subject *subject, struct text *text)
{
	const struct process *process = subject->process;
	struct state s;

	read_state(&s, subject);
	text_print(text, "Name:\t%s\nState:\t%s\nTgid:\t%d\nPid:\t%d\nPPid:\t%d\nTracerPid:\t0\n",
		   subject->task->name, s.word, process->pid, subject->task->tid, s.parent);
	show_credentials(&process->credentials, text);
	show_memory(&s, text);
	text_print(text, "Threads:\t%d\n", s.threads);
	text_print(text, "SigPnd:\t%016lx\nShdPnd:\t%016lx\nSigBlk:\t%016lx\n", s.pending,
		   s.shared_pending, s.blocked);
	text_print(text, "SigIgn:\t%016lx\nSigCgt:\t%016lx\n", s.ignored, s.caught);
	text_print(text, "NoNewPrivs:\t%d\n", process->no_new_privileges);
	text_print(text, "Cpus_allowed:\t%lx\n", subject->task->sched.allowed);
	text_print(text, "voluntary_ctxt_switches:\t%lu\nnonvoluntary_ctxt_switches:\t%lu\n",
		   s.used.switches_voluntary, s.used.switches_involuntary);
	return text->error;
}

/* SPDX-License-Identifier: MIT
 *
 * The table of processes, and their tree.
 */
#include "guest/proc/process.h"

#include <stddef.h>

#include "guest/lib/string.h"
#include "guest/mm/slab.h"
#include "guest/time/clock.h"

#define UNLIMITED UINT64_MAX
#define STACK_LIMIT (8ull << 20)
#define FILES_SOFT 1024
#define FILES_HARD 1024
#define THREADS_MAX 6000 /* below what there are stacks for */
#define SIGNALS_QUEUED 1024
#define LOCKED_BYTES (8ull << 20)
#define QUEUE_BYTES 819200

/* What process->actions points into. */
struct actions {
	struct signal_action of[SIGNAL_MAX];
	uint32_t refs;
};

static struct actions kernel_actions = {.refs = 1};

struct spinlock process_lock;
struct list process_all = LIST_EMPTY(process_all);
struct process *process_init;

struct process kernel_process = {
	.refs = 1,
	.parent = &kernel_process,
	.children = LIST_EMPTY(kernel_process.children),
	.sibling = LIST_EMPTY(kernel_process.sibling),
	.in_all = LIST_EMPTY(kernel_process.in_all),
	.threads = LIST_EMPTY(kernel_process.threads),
	.child_changed = WAITQ_EMPTY(kernel_process.child_changed),
	.signal_arrived = WAITQ_EMPTY(kernel_process.signal_arrived),
	.threads_ended = WAITQ_EMPTY(kernel_process.threads_ended),
	.vforked = WAITQ_EMPTY(kernel_process.vforked),
	.actions = kernel_actions.of,
	.limits = {[RLIMIT_CPU] = {UNLIMITED, UNLIMITED},
		   [RLIMIT_FSIZE] = {UNLIMITED, UNLIMITED},
		   [RLIMIT_DATA] = {UNLIMITED, UNLIMITED},
		   [RLIMIT_STACK] = {STACK_LIMIT, UNLIMITED},
		   [RLIMIT_CORE] = {0, UNLIMITED},
		   [RLIMIT_RSS] = {UNLIMITED, UNLIMITED},
		   [RLIMIT_NOFILE] = {FILES_SOFT, FILES_HARD},
		   [RLIMIT_MEMLOCK] = {LOCKED_BYTES, LOCKED_BYTES},
		   [RLIMIT_AS] = {UNLIMITED, UNLIMITED},
		   [RLIMIT_LOCKS] = {UNLIMITED, UNLIMITED},
		   [RLIMIT_SIGPENDING] = {SIGNALS_QUEUED, SIGNALS_QUEUED},
		   [RLIMIT_MSGQUEUE] = {QUEUE_BYTES, QUEUE_BYTES},
		   [RLIMIT_RTTIME] = {UNLIMITED, UNLIMITED}},
};

uint64_t process_threads_max = THREADS_MAX;

void process_limit_threads(uint64_t ram_bytes)
{
	const uint64_t fitting = ram_bytes / 8 / STACK_BYTES;

	process_threads_max = fitting < THREADS_MAX ? fitting : THREADS_MAX;
	kernel_process.limits[RLIMIT_NPROC] = (struct limit){process_threads_max / 2,
							     process_threads_max / 2};
}

struct process *process_find(int32_t pid)
{
	const uint64_t flags = spin_lock(&process_lock);
	struct process *found = NULL;

	list_for_each(link, &process_all)
	{
		struct process *process = container_of(link, struct process, in_all);

		if (process->pid == pid) {
			found = process_get(process);
			break;
		}
	}
	spin_unlock(&process_lock, flags);
	return found;
}

bool process_id_is_used(int32_t id)
{
	const uint64_t flags = spin_lock(&process_lock);
	bool used = false;

	list_for_each(link, &process_all)
	{
		const struct process *process = container_of(link, struct process, in_all);

		used = used || process->pid == id || process->group == id || process->session == id;
	}
	spin_unlock(&process_lock, flags);
	return used;
}

struct process *process_get(struct process *process)
{
	__atomic_fetch_add(&process->refs, 1, __ATOMIC_RELAXED);
	return process;
}

static struct actions *actions_of(const struct process *process)
{
	return container_of(process->actions, struct actions, of);
}

static struct signal_action *share_actions(const struct process *from)
{
	__atomic_fetch_add(&actions_of(from)->refs, 1, __ATOMIC_RELAXED);
	return from->actions;
}

static struct signal_action *copy_actions(const struct process *from)
{
	struct actions *actions = kmalloc(sizeof(*actions));

	if (!actions)
		return NULL;
	memcpy(actions->of, from->actions, sizeof(actions->of));
	actions->refs = 1;
	return actions->of;
}

static void put_actions(struct actions *actions)
{
	if (__atomic_fetch_sub(&actions->refs, 1, __ATOMIC_ACQ_REL) == 1)
		kfree(actions);
}

int process_unshare_actions(void)
{
	struct process *process = process_this();
	struct actions *old = actions_of(process);
	struct signal_action *copy;
	uint64_t flags;

	if (__atomic_load_n(&old->refs, __ATOMIC_ACQUIRE) == 1)
		return 0;
	copy = copy_actions(process);
	if (!copy)
		return -ENOMEM;
	flags = spin_lock(&process_lock);
	process->actions = copy;
	spin_unlock(&process_lock, flags);
	put_actions(old);
	return 0;
}

void process_put(struct process *process)
{
	if (__atomic_fetch_sub(&process->refs, 1, __ATOMIC_ACQ_REL) != 1)
		return;
	put_actions(actions_of(process));
	kfree(process);
}

struct process *process_of(const struct task *task)
{
	const uint64_t flags = spin_lock(&process_lock);
	struct process *process = process_get(task->process);

	spin_unlock(&process_lock, flags);
	return process;
}

static void alarm_expired(struct timer *timer)
{
	struct process *process = container_of(timer, struct process, alarm);

	const uint64_t quiet_until = __atomic_load_n(&process->timers_quiet_until_ns,
						     __ATOMIC_RELAXED);

	if (!process->alarm_interval_ns || timer->at_ns >= quiet_until)
		signal_send_number(process, SIGALRM);
	if (process->alarm_interval_ns)
		timer_repeat(timer, process->alarm_interval_ns, quiet_until);
}

struct process *process_create(const struct process *parent, bool shares_actions)
{
	struct process *process = kmalloc(sizeof(*process));

	if (!process)
		return NULL;
	process->actions = shares_actions ? share_actions(parent) : copy_actions(parent);
	if (!process->actions) {
		kfree(process);
		return NULL;
	}
	process->refs = 1;
	list_init(&process->children);
	list_init(&process->sibling);
	list_init(&process->in_all);
	list_init(&process->threads);
	waitq_init(&process->child_changed);
	waitq_init(&process->signal_arrived);
	waitq_init(&process->threads_ended);
	waitq_init(&process->vforked);
	timer_init(&process->alarm, alarm_expired);
	process->credentials = parent->credentials;
	memcpy(process->limits, parent->limits, sizeof(process->limits));
	process->personality = parent->personality;
	process->no_new_privileges = parent->no_new_privileges;
	process->dumps_reset = parent->dumps_reset;
	process->oom_adjust = parent->oom_adjust;
	process->exit_signal = SIGCHLD;
	process->started_ns = clock_ns();
	return process;
}

/* Group, session, terminal and grandparent are read here, so that no setpgid(), hang-up or exit comes in
 * between. */
void process_link(struct process *process, struct process *parent, bool as_sibling,
		  struct task *leader)
{
	const uint64_t flags = spin_lock(&process_lock);

	process->leader = task_get(leader);
	process->pid = leader->tid;
	process->group = parent->group;
	process->session = parent->session;
	process->tty = parent->tty;
	if (as_sibling) { /* and the end of one is told as that of the other */
		process->exit_signal = parent->exit_signal;
		parent = parent->parent;
	}
	process->parent = parent;
	list_add_last(&parent->children, &process->sibling);
	list_add_last(&process_all, &process->in_all);
	spin_unlock(&process_lock, flags);
}

void process_unlink(struct process *process)
{
	process->state = PROCESS_DEAD;
	list_remove(&process->sibling);
	list_remove(&process->in_all);
}

void usage_add(struct usage *to, const struct usage *from)
{
	to->user_ns += from->user_ns;
	to->system_ns += from->system_ns;
	to->faults_minor += from->faults_minor;
	to->faults_major += from->faults_major;
	to->switches_voluntary += from->switches_voluntary;
	to->switches_involuntary += from->switches_involuntary;
	if (to->resident_peak < from->resident_peak)
		to->resident_peak = from->resident_peak;
}

struct usage task_usage(const struct task *task)
{
	return (struct usage){.user_ns = task->sched.user_ns,
			      .system_ns = task->sched.system_ns,
			      .faults_minor = task->fault_count_minor,
			      .faults_major = task->fault_count_major,
			      .switches_voluntary = task->sched.switches_voluntary,
			      .switches_involuntary = task->sched.switches_involuntary};
}

struct usage process_usage(const struct process *process)
{
	struct usage usage = process->ended;

	list_for_each(link, &process->threads)
	{
		const struct usage its = task_usage(container_of(link, struct task, in_process));

		usage_add(&usage, &its);
	}
	return usage;
}

/* SPDX-License-Identifier: MIT
 *
 * Tasks from birth to death, and their numbers. A number is given out again only when all others were,
 * and while no task, process, group or session has it.
 */
#include "guest/sched/task.h"

#include "guest/arch/cpu.h"
#include "guest/arch/insn.h"
#include "guest/arch/spinlock.h"
#include "guest/arch/stack.h"
#include "guest/arch/switch.h"
#include "guest/arch/trap.h"
#include "guest/arch/xstate.h"
#include "guest/lib/panic.h"
#include "guest/lib/print.h"
#include "guest/lib/string.h"
#include "guest/mm/slab.h"
#include "guest/mm/space.h"
#include "guest/proc/process.h"
#include "guest/sched/fair.h"
#include "guest/sched/priority.h"
#include "guest/sched/run_queue.h"
#include "guest/sched/schedule.h"
#include "guest/time/clock.h"

#define BUCKETS 256

static struct slab_cache *cache;
static struct spinlock id_lock;
static struct task *by_id[BUCKETS];
static int32_t last_id = 1; /* 1 is for the first process */
static bool ids_wrapped, init_has_id;

static struct task **bucket_of(int32_t tid)
{
	return &by_id[(uint32_t)tid % BUCKETS];
}

static struct task *find_locked(int32_t tid)
{
	struct task *task = *bucket_of(tid);

	while (task && task->tid != tid)
		task = task->next_of_id;
	return task;
}

static int32_t next_id(bool for_user)
{
	if (for_user && !init_has_id) {
		init_has_id = true;
		return 1;
	}
	do {
		if (++last_id > TID_MAX) {
			last_id = 2;
			ids_wrapped = true;
		}
	} while (ids_wrapped && (find_locked(last_id) || process_id_is_used(last_id)));
	return last_id;
}

/* A tid for task, which can be found by it from now on. */
static void take_id(struct task *task, bool for_user)
{
	const uint64_t flags = spin_lock(&id_lock);

	task->tid = next_id(for_user);
	task->next_of_id = *bucket_of(task->tid);
	*bucket_of(task->tid) = task;
	spin_unlock(&id_lock, flags);
}

static void unlink_locked(struct task *task)
{
	struct task **at = bucket_of(task->tid);

	while (*at && *at != task)
		at = &(*at)->next_of_id;
	if (*at)
		*at = task->next_of_id;
}

static void link_locked(struct task *task, int32_t tid)
{
	task->tid = tid;
	task->next_of_id = *bucket_of(tid);
	*bucket_of(tid) = task;
}

static void drop_id(struct task *task)
{
	const uint64_t flags = spin_lock(&id_lock);

	unlink_locked(task);
	spin_unlock(&id_lock, flags);
}

void task_take_tid(struct task *task, struct task *from)
{
	const uint64_t flags = spin_lock(&id_lock);
	const int32_t tid = task->tid, wanted = from->tid;

	unlink_locked(task);
	unlink_locked(from);
	link_locked(task, wanted);
	link_locked(from, tid);
	spin_unlock(&id_lock, flags);
}

struct task *task_find(int32_t tid)
{
	const uint64_t flags = spin_lock(&id_lock);
	struct task *task = find_locked(tid);
	uint32_t refs = task ? __atomic_load_n(&task->refs, __ATOMIC_RELAXED) : 0;

	/* With no references left it is about to be freed. */
	while (refs && !__atomic_compare_exchange_n(&task->refs, &refs, refs + 1, false,
						    __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
	spin_unlock(&id_lock, flags);
	return refs ? task : NULL;
}

static void init(struct task *task, const char *name)
{
	task->state = TASK_NEW;
	task->refs = 2; /* the caller's, and the scheduler's */
	task->sched.allowed = UINT64_MAX;
	task->sched.weight = FAIR_WEIGHT_NICE_0;
	task->sched.cpu = cpu_this()->index;
	list_init(&task->in_process);
	list_init(&task->sched.by_priority);
	print_to(task->name, sizeof(task->name), "%s", name);
	task->started_ns = clock_ns();
}

static void join(struct task *task, struct process *process)
{
	const uint64_t flags = spin_lock(&process_lock);

	task->process = process;
	list_add_last(&process->threads, &task->in_process);
	process->thread_count++;
	spin_unlock(&process_lock, flags);
}

static struct task *create(struct process *process, const char *name)
{
	struct task *task = slab_alloc(cache);

	if (!task)
		return NULL;
	task->kernel_stack = stack_create(task);
	if (!task->kernel_stack) {
		slab_free(cache, task);
		return NULL;
	}
	init(task, name);
	take_id(task, process != &kernel_process);
	join(task, process);
	return task;
}

struct task *task_create_idle(unsigned cpu)
{
	struct task *task;

	if (!cache)
		cache = slab_cache_create("task", sizeof(struct task), 16);
	task = slab_alloc(cache);
	if (!task)
		return NULL;
	init(task, "idle");
	task->state = TASK_RUNNABLE;
	task->sched.cpu = cpu;
	task->process = &kernel_process;
	stack_adopt(task);
	return task;
}

static void leave(struct task *task)
{
	const uint64_t flags = spin_lock(&process_lock);

	if (!list_is_empty(&task->in_process)) {
		list_remove(&task->in_process);
		task->process->thread_count--;
	}
	spin_unlock(&process_lock, flags);
}

static void start_kernel(struct task *previous)
{
	struct task *task = task_this();

	sched_finish_switch(previous);
	irq_enable();
	task->function(task->argument);
	leave(task);
	task_exit();
}

struct task *task_create(struct process *process, const char *name,
			 void (*function)(void *argument), void *argument)
{
	struct task *task = create(process, name);

	if (!task)
		return NULL;
	task->function = function;
	task->argument = argument;
	switch_prepare(task, start_kernel);
	return task;
}

static void start_user(struct task *previous)
{
	sched_finish_switch(previous);
	switch_to_user();
}

static void inherit(struct task *task, const struct task *from)
{
	const struct sched_entity *parent = &from->sched;

	memcpy(task->name, from->name, sizeof(task->name));
	task->fs_base = from->fs_base;
	task->gs_base = from->gs_base;
	task->sched.allowed = parent->allowed;
	task->sched.user_share = parent->user_share;
	task->sched.nice = parent->nice;
	if (!parent->reset_on_fork) {
		task->sched.policy = parent->policy;
		task->sched.priority = parent->priority;
	} else if (parent->nice < 0) {
		task->sched.nice = 0;
	}
	task->sched.weight = priority_weight(&task->sched);
}

/* Its own are the running task's, of now. */
static void copy_registers(struct task *task)
{
	const uint64_t flags = irq_save();

	fpu_save(&task->fpu);
	xstate_save(task);
	irq_restore(flags);
}

struct task *task_create_user(struct process *process, const struct trap_frame *frame)
{
	struct task *task = create(process, "");

	if (!task)
		return NULL;
	inherit(task, task_this());
	copy_registers(task);
	task->frame = stack_frame(task->kernel_stack);
	*task->frame = *frame;
	switch_prepare(task, start_user);
	return task;
}

void task_start(struct task *task)
{
	uint64_t flags;
	struct run_queue *queue = sched_lock_queue_of(task, &flags);

	task->state = TASK_RUNNABLE;
	fair_place_new(&queue->fair, &task->sched);
	sched_place(queue, task);
	irq_restore(flags);
}

struct task *kthread_start(const char *name, void (*function)(void *argument), void *argument)
{
	struct task *task = task_create(&kernel_process, name, function, argument);

	if (task) {
		task_start(task);
		task_put(task);
	}
	return task;
}

void task_put(struct task *task)
{
	if (__atomic_sub_fetch(&task->refs, 1, __ATOMIC_ACQ_REL))
		return;
	if (task->state != TASK_ZOMBIE && task->state != TASK_NEW)
		panic("task %d (%s) has no references, but lives", task->tid, task->name);
	drop_id(task);
	xstate_forget(task);
	stack_free(task->kernel_stack);
	slab_free(cache, task);
}

void task_exit(void)
{
	irq_disable();
	task_this()->state = TASK_ZOMBIE;
	schedule(); /* the next task's switch drops the scheduler's reference */
	panic("a task that has ended runs");
}

void task_sleep(enum task_state state)
{
	/* Sequentially consistent: the condition is looked at after this, and whoever changes it
	 * looks at the state afterwards (task_wake_from()), so one of the two sees the other. */
	__atomic_store_n(&task_this()->state, state, __ATOMIC_SEQ_CST);
}

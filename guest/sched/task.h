/* SPDX-License-Identifier: MIT
 *
 * A task: one thread of control with a kernel stack, known to the scheduler. What several threads of a
 * program share is in its struct process (proc/process.h); kernel threads belong to kernel_process.
 *
 *            task_create()                    schedule() picks it
 *   (new) ----------------> RUNNABLE <------------------------------> running on a CPU
 *                              ^                                         |
 *                              | task_wake()       task_sleep(), waits   |
 *                              '---- SLEEPING / UNINTERRUPTIBLE / STOPPED
 *                                                            task_exit() '----> ZOMBIE --> freed
 */
#ifndef GUEST_SCHED_TASK_H
#define GUEST_SCHED_TASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "guest/arch/stack.h"
#include "guest/lib/list.h"
#include "guest/proc/signal.h"
#include "guest/sched/entity.h"

struct cpu;
struct page;
struct process;
struct space;
struct trap_frame;

/* As procfs shows them: R S D T Z. */
enum task_state {
	TASK_RUNNABLE,
	TASK_SLEEPING,	      /* a signal ends it */
	TASK_UNINTERRUPTIBLE, /* only task_wake() ends it, within a bounded time */
	TASK_STOPPED,	      /* job control */
	TASK_ZOMBIE,
	TASK_NEW /* created, not started */
};

/* What fxsave writes, Intel SDM vol. 1 §10.5. OSXSAVE stays off, so programs see no AVX. */
struct fpu_state {
	uint8_t bytes[512];
} __attribute__((aligned(16)));

#define TASK_NAME_BYTES 16
#define TID_MAX 32767 /* as pid_max is without being set */

struct task {
	uint64_t kernel_rsp;   /* while it doesn't run; switch.S */
	uint64_t kernel_stack; /* lowest address of its stack */
	struct trap_frame
		*frame; /* registers of user mode, at the top of that stack; NULL: kernel thread */
	struct sched_entity sched;
	uint32_t state; /* enum task_state; written under the lock of its run queue */
	uint32_t refs;	/* task_put() */
	int32_t tid;	/* thread ID; equal to the process ID in the first thread */
	char name[TASK_NAME_BYTES];
	struct process *process;
	struct space *space;	/* NULL in a kernel thread */
	struct list in_process; /* of process->threads */
	uint64_t fs_base, gs_base;
	uint64_t try_rsp; /* of trap_catch(), 0: an exception in the kernel is a panic */
	struct fpu_state fpu;
	struct page *xstate; /* upper halves of vector registers; xstate.h */
	uint32_t fpu_cpu;    /* 1 + the CPU that last loaded it; 0: none yet */
	struct task_signals signals;
	uint64_t clear_tid_gva; /* set_tid_address(): zeroed and woken at exit; 0: none */
	uint64_t robust_list_gva;
	int32_t exit_status;	 /* as wait4() reports it */
	uint64_t sleep_until_ns; /* of a sleep that a signal without handler interrupted; 0: none */
	uint8_t fs_role;	 /* enum fs_role, fs/vfs.h */
	uint64_t fault_count_minor, fault_count_major;
	uint64_t started_ns;
	struct task *next_of_id;	  /* of those with the same hash of tid */
	void (*function)(void *argument); /* of a kernel thread */
	void *argument;
};

/* A task of process that starts in function(argument), in no run queue yet; one reference is the
 * caller's. It is in process->threads, where it stays until its process takes it out. Nice level, policy
 * and affinity are the caller's own for a thread in user mode, the usual ones for others. NULL: no memory. */
struct task *task_create(struct process *process, const char *name,
			 void (*function)(void *argument), void *argument);

/* The same for a thread that starts in user mode with a copy of frame. */
struct task *task_create_user(struct process *process, const struct trap_frame *frame);

/* Lets a new task run. */
void task_start(struct task *task);

/* A kernel thread, created and started; it may return from function. The caller has no reference: what
 * is returned is good as long as the thread lives. NULL: no memory. */
struct task *kthread_start(const char *name, void (*function)(void *argument), void *argument);

static inline struct task *task_get(struct task *task)
{
	__atomic_fetch_add(&task->refs, 1, __ATOMIC_RELAXED);
	return task;
}

/* Gives a reference back; the last one frees it, and it must have ended. */
void task_put(struct task *task);

/* Ends the running task, which is out of all lists but its process's. The scheduler drops the reference
 * that it holds on every living task. */
_Noreturn void task_exit(void);

/* Says that the running task is about to wait, before it looks at its condition once more: a
 * task_wake() in between is not lost. Then schedule(). */
void task_sleep(enum task_state state);

/* Makes a task in one of the states of mask (1 << state) runnable. false: it was in another. */
bool task_wake_from(struct task *task, unsigned mask);

/* From any wait, but not from a stop. */
static inline bool task_wake(struct task *task)
{
	return task_wake_from(task, 1u << TASK_SLEEPING | 1u << TASK_UNINTERRUPTIBLE);
}

/* For sched_start_cpu(): what runs already becomes this CPU's idle task. NULL: no memory. */
struct task *task_create_idle(unsigned cpu);

/* task gets the number of from, which has ended, and from task's: a thread becomes its process's first. */
void task_take_tid(struct task *task, struct task *from);

/* All tasks, for procfs and signals: the task with this thread ID, referenced, or NULL. */
struct task *task_find(int32_t tid);

#endif

/* SPDX-License-Identifier: MIT
 *
 * A process: what the threads of one program share, and its place among parents, groups and sessions.
 *
 * process_lock, a spinlock, guards the tree, groups, sessions, exit states and all signal state. Order of
 * locks: any mutex, process_lock, a wait queue's lock, a run queue's lock.
 */
#ifndef GUEST_PROC_PROCESS_H
#define GUEST_PROC_PROCESS_H

#include <stdbool.h>
#include <stdint.h>

#include "guest/arch/spinlock.h"
#include "guest/lib/list.h"
#include "guest/proc/signal.h"
#include "guest/sched/task.h"
#include "guest/sched/timer.h"
#include "guest/sched/wait.h"
#include "guest/time/cpu_timers.h"

struct files;
struct place;
struct trap_frame;
struct tty;

#define GROUPS_MAX 32

struct credentials {
	uint32_t uid, euid, suid, fsuid;
	uint32_t gid, egid, sgid, fsgid;
	uint32_t group_count;
	uint32_t groups[GROUPS_MAX];
};

struct limit { /* struct rlimit */
	uint64_t soft, hard;
};
#define RLIM_INFINITY UINT64_MAX
enum limit_kind { /* Linux's numbers */
		  RLIMIT_CPU,
		  RLIMIT_FSIZE,
		  RLIMIT_DATA,
		  RLIMIT_STACK,
		  RLIMIT_CORE,
		  RLIMIT_RSS,
		  RLIMIT_NPROC,
		  RLIMIT_NOFILE,
		  RLIMIT_MEMLOCK,
		  RLIMIT_AS,
		  RLIMIT_LOCKS,
		  RLIMIT_SIGPENDING,
		  RLIMIT_MSGQUEUE,
		  RLIMIT_NICE,
		  RLIMIT_RTPRIO,
		  RLIMIT_RTTIME,
		  RLIMIT_COUNT
};

/* How a signal is handled; struct sigaction. */
struct signal_action {
	uint64_t handler_gva; /* or SIG_DFL 0, SIG_IGN 1 */
	uint64_t flags;
	uint64_t restorer_gva;
	signal_set mask;
};

struct usage { /* of threads or children that have ended */
	uint64_t user_ns, system_ns, faults_minor, faults_major, switches_voluntary,
		switches_involuntary, resident_peak;
};

enum process_state { PROCESS_ALIVE, PROCESS_STOPPED, PROCESS_ZOMBIE, PROCESS_DEAD };

struct process {
	int32_t pid;
	uint32_t refs;
	enum process_state state;
	struct process *parent;
	struct list children, sibling;
	struct list in_all;
	struct list threads; /* struct task by in_process; living ones */
	unsigned thread_count;
	struct task *leader; /* the first thread, even when it has ended */

	int32_t group, session; /* process group and session: the IDs of their leaders */
	struct tty *tty;	/* controlling terminal, until that hangs up; NULL: none */
	bool has_execed;	/* setpgid() by the parent is over */

	struct space *space;
	struct files *files;
	struct place *place;
	struct credentials credentials;
	struct limit limits[RLIMIT_COUNT];

	struct signal_action *actions; /* of signal n at n - 1; perhaps shared (CLONE_SIGHAND) */
	struct signal_queue signals;
	int32_t exit_status;			   /* as wait4() gives it; of a process that ends */
	int32_t exit_signal;			   /* that the parent gets; SIGCHLD */
	bool exiting;				   /* exit_group(): all threads are to end */
	struct task *execer;			   /* whose exec waits for the others to end */
	unsigned queued_count;			   /* signals with information */
	int32_t stop_signal;			   /* of the stop under way or reported; 0: none */
	bool stop_unreported, continue_unreported; /* for the parent's wait4() */
	bool dumps_reset;			   /* prctl(PR_SET_DUMPABLE) */
	bool no_new_privileges, is_subreaper;	   /* prctl() */
	int32_t parent_death_signal;		   /* prctl() */
	uint32_t personality;
	struct waitq child_changed;  /* parents sleep here in wait4() */
	struct waitq signal_arrived; /* sigtimedwait() and signalfd sleep here */
	struct waitq threads_ended;  /* exec sleeps here */
	struct waitq vforked;	     /* the parent of a vfork() sleeps here */
	bool vfork_done;

	struct timer alarm; /* setitimer(ITIMER_REAL) */
	uint64_t alarm_interval_ns;
	uint64_t timers_quiet_until_ns; /* repeating ones send no signal: signal_deliver.c */
	struct cpu_timer cpu_timers[CPU_TIMER_COUNT]; /* ITIMER_VIRTUAL and _PROF */
	uint64_t cpu_limit_warned;		      /* s of CPU time at the last SIGXCPU */
	struct list timers; /* POSIX timers, time/posix_timers.c; next NULL: none ever */
	struct usage ended, children_usage;
	uint64_t started_ns;
	int32_t oom_adjust; /* -1000 to 1000 */
};

extern struct spinlock process_lock;
extern struct list process_all;	     /* by in_all */
extern struct process *process_init; /* number 1, to whom orphans go; NULL before it starts */

/* All threads that there may be: their stacks take an eighth of RAM at most. One user's processes may have
 * half of them (RLIMIT_NPROC), unless root says otherwise. */
extern uint64_t process_threads_max;
void process_limit_threads(uint64_t ram_bytes);
extern struct process kernel_process; /* number 0: kernel threads */

static inline struct process *process_this(void)
{
	return task_this()->process;
}

/* The process with this ID, referenced, zombie or not; or NULL. */
struct process *process_find(int32_t pid);
/* Whether a process, zombie or not, a group or a session has this number. From task_create(), with a
 * spinlock held; process_lock is free then. */
bool process_id_is_used(int32_t id);
struct process *process_get(struct process *process);
void process_put(struct process *process);

/* A reference to the process of any task: it may be ending, with process_lock held. */
struct process *process_of(const struct task *task);

/* Whether a process, a group or a session has this number, so that no task may get it. */
bool process_id_is_used(int32_t id);

/* A copy of what parent passes on by fork(), in no tree, without threads, memory and files, with one
 * reference; NULL: no memory. shares_actions: of its signals it has not a copy, but the same.
 * process_link() gives it its number and its place below parent, or beside it. */
struct process *process_create(const struct process *parent, bool shares_actions);
/* Makes the running process's actions its own. 0 or -ENOMEM. */
int process_unshare_actions(void);
void process_link(struct process *process, struct process *parent, bool as_sibling,
		  struct task *leader);
/* Takes a zombie out of the tree, with process_lock held; then process_put(), without. */
void process_unlink(struct process *process);

/* Makes all threads but keep end, with process_lock held. */
void process_interrupt_threads(struct process *process, const struct task *keep);
/* Begins exit_group() unless it has begun, with process_lock held. */
void process_begin_exit(struct process *process, int32_t status);

/* Whether no member of the group has a parent in another group of the session (POSIX 3.264), apart from
 * ignored; and SIGHUP and SIGCONT to it if it became so with a stopped member. Under process_lock. */
bool process_group_is_orphaned(int32_t group, const struct process *ignored);
void process_group_check_orphaned(int32_t group, const struct process *ignored);

/* Tells the parent about a stop or a continuation, with process_lock held. */
void process_report_to_parent(struct process *process, int code, int status);

/* What a process has used: its threads that live and those that have ended. Under process_lock. */
struct usage process_usage(const struct process *process);
struct usage task_usage(const struct task *task);
void usage_add(struct usage *to, const struct usage *from);

/* In seconds and microseconds, with usage's other fields: struct rusage at gva. 0 or -EFAULT. */
int usage_write(uint64_t gva, const struct usage *usage);

/* Whether the running process may do what only root may. */
static inline bool process_is_root(void)
{
	return process_this()->credentials.euid == 0;
}

/* Starts /sbin/init (or what init= says) as process 1. Panics, saying why, if it can't. */
void process_start_init(void);

/* Ends the running thread, or the whole process, with a wait4() status. Never return. */
_Noreturn void process_exit_thread(int32_t status);
_Noreturn void process_exit(int32_t status);

/* Replaces the program of the running process: 0 (and the frame is the new program's), or -errno. The
 * strings are in kernel memory. */
int process_exec(const char *path, char *const *arguments, char *const *environment);

/* Exception of user code, and page faults: a signal, or the page. */
void process_exception(struct trap_frame *frame);

#endif

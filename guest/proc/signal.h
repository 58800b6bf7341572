/* SPDX-License-Identifier: MIT
 *
 * Signals: sent to a process or a thread, delivered on the way back to user mode (POSIX 2.4).
 */
#ifndef GUEST_PROC_SIGNAL_H
#define GUEST_PROC_SIGNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "guest/lib/list.h"

struct process;
struct task;
struct trap_frame;

/* Linux's numbers. */
enum signal_number {
	SIGHUP = 1,
	SIGINT = 2,
	SIGQUIT = 3,
	SIGILL = 4,
	SIGTRAP = 5,
	SIGABRT = 6,
	SIGBUS = 7,
	SIGFPE = 8,
	SIGKILL = 9,
	SIGUSR1 = 10,
	SIGSEGV = 11,
	SIGUSR2 = 12,
	SIGPIPE = 13,
	SIGALRM = 14,
	SIGTERM = 15,
	SIGSTKFLT = 16,
	SIGCHLD = 17,
	SIGCONT = 18,
	SIGSTOP = 19,
	SIGTSTP = 20,
	SIGTTIN = 21,
	SIGTTOU = 22,
	SIGURG = 23,
	SIGXCPU = 24,
	SIGXFSZ = 25,
	SIGVTALRM = 26,
	SIGPROF = 27,
	SIGWINCH = 28,
	SIGIO = 29,
	SIGPWR = 30,
	SIGSYS = 31,
	SIGRTMIN = 32,
	SIGNAL_MAX = 64
};

enum signal_code {
	SI_USER = 0,
	SI_KERNEL = 128,
	SI_QUEUE = -1,
	SI_TIMER = -2,
	SI_TKILL = -6,
	ILL_ILLOPN = 2,
	FPE_INTDIV = 1,
	FPE_FLTINV = 7,
	SEGV_MAPERR = 1,
	SEGV_ACCERR = 2,
	ILL_PRVOPC = 5,
	BUS_ADRALN = 1,
	BUS_ADRERR = 2,
	TRAP_BRKPT = 1,
	TRAP_TRACE = 2,
	CLD_EXITED = 1,
	CLD_KILLED = 2,
	CLD_DUMPED = 3,
	CLD_STOPPED = 5,
	CLD_CONTINUED = 6
};

/* A set of signals, bit n - 1 for signal n, as user programs have it. */
typedef uint64_t signal_set;
#define SIGNAL_BIT(number) ((uint64_t)1 << ((number)-1))

/* Linux's siginfo_t on x86-64: 128 bytes. */
struct signal_info {
	int32_t number, error, code, reserved;
	union {
		struct {
			int32_t pid;
			uint32_t uid;
			union {
				struct {
					int32_t status;
					int64_t user_ticks, system_ticks;
				};
				uint64_t value; /* union sigval */
			};
		};
		struct {
			int32_t timer_id, overrun;
			uint64_t timer_value;
		};
		uint64_t address_gva;
		uint8_t bytes[112];
	};
};
_Static_assert(sizeof(struct signal_info) == 128, "siginfo_t");

struct queued_signal;

/* All zeroes is an empty one. */
struct signal_queue {
	signal_set set;
	struct queued_signal *first, *last; /* oldest first; of a signal in set there may be none */
};

/* In each task. Guarded by process_lock (proc/process.h), but for `pending`, which the task reads. */
struct task_signals {
	signal_set blocked;
	signal_set saved; /* by sigsuspend(): restored after the handler */
	bool restore_saved;
	bool pending; /* something is to be done before user mode; atomic */
	struct signal_queue queue;
	uint64_t stack_gva, stack_bytes; /* sigaltstack() */
	uint32_t stack_flags;
	uint64_t fault_vector, fault_error, fault_gva; /* of the last exception, for handlers */
	uint64_t entered_tsc, left_tsc;		       /* the last handler */
};

/* Whether the running task should give up its wait. */
bool signal_is_pending(void);

/* Sends to a process (any thread takes it) or to one thread. Takes process_lock itself. info is copied.
 * 0; -EAGAIN: too many queued; -EEXIST: this POSIX timer's last signal still is, and counts it. */
int signal_send(struct process *process, const struct signal_info *info);
int signal_send_task(struct task *task, const struct signal_info *info);
/* A plain one from the kernel. */
int signal_send_number(struct process *process, int number);

/* Takes the handler of the running process away. */
void signal_set_default(int number);

/* For a fault of the running task: can't be ignored or blocked. */
void signal_force(int number, int code, uint64_t address_gva);

/* On the way to user mode, interrupts on: delivers what is pending, stops, or ends the process.
 * in_syscall: frame->rax is what a system call returned, and frame->error its number, for restarting it,
 * or NO_RESTART. */
#define NO_RESTART (~0ull)
void signal_deliver(struct trap_frame *frame, bool in_syscall);

/* Whether number would end the running process. */
bool signal_is_fatal(int number);

/* Takes the oldest pending signal of wanted from the running task or its process; false: there is none.
 * For sigtimedwait() and signalfd, which wait on process->signal_arrived. */
bool signal_take(signal_set wanted, struct signal_info *info);
signal_set signal_pending_set(void);

/* Changes the running task's mask; SIGKILL and SIGSTOP stay out of it. */
void signal_set_blocked(signal_set blocked);
/* The same until the next delivery, for sigsuspend(), ppoll(), pselect(), epoll_pwait(). */
void signal_block_for_wait(signal_set blocked);
/* Ends that early, after a wait that no signal ended. */
void signal_unblock_after_wait(void);

/* --- For proc/ and tty/ only, under process_lock. */
int signal_send_locked(struct process *process, struct task *task, const struct signal_info *info);
void signal_send_number_locked(struct process *process, int number);
int signal_send_group_locked(int32_t group, const struct signal_info *info);
/* Sets task->signals.pending to what is true. */
void signal_recalculate(struct task *task);
/* Makes task look at its signals soon, if it is in one of these states or running. */
void signal_interrupt(struct task *task, unsigned states);
/* Drops what is pending of set. */
void signal_discard(struct signal_queue *queue, signal_set set, struct process *process);
bool signal_is_ignored(const struct process *process, int number);

#endif

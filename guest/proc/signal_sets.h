/* SPDX-License-Identifier: MIT
 *
 * Sets of signals by what they do, flags of actions and stacks (Linux's numbers), and what the files that
 * send and deliver signals share.
 */
#ifndef GUEST_PROC_SIGNAL_SETS_H
#define GUEST_PROC_SIGNAL_SETS_H

#include "guest/proc/signal.h"

struct signal_action;

#define SIG_DFL 0
#define SIG_IGN 1

#define SIGNALS_NEVER_BLOCKED (SIGNAL_BIT(SIGKILL) | SIGNAL_BIT(SIGSTOP))
#define SIGNALS_IGNORED_BY_DEFAULT \
	(SIGNAL_BIT(SIGCHLD) | SIGNAL_BIT(SIGCONT) | SIGNAL_BIT(SIGURG) | SIGNAL_BIT(SIGWINCH))
#define SIGNALS_STOPPING \
	(SIGNAL_BIT(SIGSTOP) | SIGNAL_BIT(SIGTSTP) | SIGNAL_BIT(SIGTTIN) | SIGNAL_BIT(SIGTTOU))
#define SIGNALS_OF_FAULTS                                                                      \
	(SIGNAL_BIT(SIGSEGV) | SIGNAL_BIT(SIGBUS) | SIGNAL_BIT(SIGILL) | SIGNAL_BIT(SIGTRAP) | \
	 SIGNAL_BIT(SIGFPE) | SIGNAL_BIT(SIGSYS))

enum action_flag {
	SA_NOCLDSTOP = 1,
	SA_NOCLDWAIT = 2,
	SA_SIGINFO = 4,
	SA_RESTORER = 0x04000000,
	SA_ONSTACK = 0x08000000,
	SA_RESTART = 0x10000000,
	SA_NODEFER = 0x40000000
};
#define SA_RESETHAND 0x80000000u

enum stack_flag { SS_ONSTACK = 1, SS_DISABLE = 2 };
#define SS_AUTODISARM (1u << 31)

/* signal_take() under process_lock, and without recalculation. */
bool signal_take_locked(signal_set wanted, struct signal_info *info);

/* Process 1 gets only what it has a handler for: nobody could take its place. */
bool signal_is_spared(const struct process *process, int number);

/* Whether the stack pointer rsp is on the running task's signal stack. */
bool signal_is_on_stack(uint64_t rsp);

/* Puts a frame for a handler on the user's stack, and makes *frame enter that. false: no room there. */
bool signal_frame_push(struct trap_frame *frame, const struct signal_action *action,
		       const struct signal_info *info, signal_set mask);

/* What rt_sigreturn() does: the frame's registers, mask and stack. false: it can't be read, or its rip is
 * no user address. Selectors and system flags are ours, whatever it says. */
bool signal_frame_pop(struct trap_frame *frame, signal_set *mask);

#endif

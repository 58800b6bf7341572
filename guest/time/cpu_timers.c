/* SPDX-License-Identifier: MIT
 *
 * A limit of CPU time warns once a second (SIGXCPU) from the soft limit on, and kills at the hard one.
 */
#include "guest/time/cpu_timers.h"

#include "guest/arch/insn.h"
#include "guest/proc/process.h"
#include "guest/sched/account.h"
#include "guest/time/time_calls.h"

/* Sends nothing, or what is due; the timer's next time is after cpu_ns. */
static bool is_due(struct cpu_timer *timer, uint64_t cpu_ns)
{
	if (!timer->at_ns || cpu_ns < timer->at_ns)
		return false;
	timer->at_ns = timer->interval_ns ? cpu_ns + timer->interval_ns : 0;
	return true;
}

static void check_limit(struct process *process, uint64_t cpu_ns)
{
	const struct limit *limit = &process->limits[RLIMIT_CPU];
	const uint64_t seconds = cpu_ns / NS_PER_SECOND;

	if (seconds < limit->soft)
		return;
	if (seconds >= limit->hard) {
		signal_send_number(process, SIGKILL);
	} else if (seconds > process->cpu_limit_warned) {
		process->cpu_limit_warned = seconds;
		signal_send_number(process, SIGXCPU);
	}
}

static bool wants_a_look(const struct process *process)
{
	return process->cpu_timers[CPU_TIMER_VIRTUAL].at_ns ||
	       process->cpu_timers[CPU_TIMER_PROF].at_ns ||
	       process->limits[RLIMIT_CPU].soft != RLIM_INFINITY;
}

void cpu_timers_check(struct task *task)
{
	struct process *process = task->process;
	struct task_times times;

	if (!task->frame || !wants_a_look(process))
		return;
	account_process(process, &times);
	if (is_due(&process->cpu_timers[CPU_TIMER_VIRTUAL], times.user))
		signal_send_number(process, SIGVTALRM);
	if (is_due(&process->cpu_timers[CPU_TIMER_PROF], times.user + times.system))
		signal_send_number(process, SIGPROF);
	check_limit(process, times.user + times.system);
}

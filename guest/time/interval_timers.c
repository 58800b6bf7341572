/* SPDX-License-Identifier: MIT
 *
 * alarm() and setitimer(): one timer of each kind for a process. ITIMER_REAL is a kernel timer, the other
 * two run with CPU time (cpu_timers.c).
 */
#include "guest/lib/errno.h"
#include "guest/mm/user.h"
#include "guest/proc/process.h"
#include "guest/sched/account.h"
#include "guest/time/clock.h"
#include "guest/time/time_calls.h"

enum itimer_kind { ITIMER_REAL, ITIMER_VIRTUAL, ITIMER_PROF };

int64_t sys_alarm(uint32_t seconds);
int64_t sys_getitimer(int kind, uint64_t value_gva);
int64_t sys_setitimer(int kind, uint64_t value_gva, uint64_t old_gva);

struct interval_timer {
	uint64_t left_ns, interval_ns; /* left_ns 0: not set */
};

static struct interval_timer get_real(const struct process *process)
{
	return (struct interval_timer){timer_left(&process->alarm), process->alarm_interval_ns};
}

static void set_real(struct process *process, const struct interval_timer *new)
{
	timer_cancel(&process->alarm);
	process->alarm_interval_ns = new->interval_ns;
	if (new->left_ns)
		timer_set(&process->alarm, clock_ns() + new->left_ns);
}

static uint64_t cpu_ns(struct process *process, int kind)
{
	struct task_times times;

	account_process(process, &times);
	return kind == ITIMER_VIRTUAL ? times.user : times.user + times.system;
}

static struct interval_timer get(struct process *process, int kind)
{
	const struct cpu_timer *timer;
	uint64_t now;

	if (kind == ITIMER_REAL)
		return get_real(process);
	timer = &process->cpu_timers[kind - ITIMER_VIRTUAL];
	now = cpu_ns(process, kind);
	return (struct interval_timer){!timer->at_ns	    ? 0
				       : timer->at_ns > now ? timer->at_ns - now
							    : 1,
				       timer->interval_ns};
}

static void set(struct process *process, int kind, const struct interval_timer *new)
{
	struct cpu_timer *timer;

	if (kind == ITIMER_REAL) {
		set_real(process, new);
		return;
	}
	timer = &process->cpu_timers[kind - ITIMER_VIRTUAL];
	timer->interval_ns = new->interval_ns;
	timer->at_ns = new->left_ns ? cpu_ns(process, kind) + new->left_ns : 0;
}

static int write_timer(uint64_t gva, const struct interval_timer *timer)
{
	const struct user_itimerval value = {time_to_val(timer->interval_ns),
					     time_to_val(timer->left_ns)};

	return user_write(gva, &value, sizeof(value));
}

int64_t sys_getitimer(int kind, uint64_t value_gva)
{
	struct interval_timer timer;

	if (kind < ITIMER_REAL || kind > ITIMER_PROF)
		return -EINVAL;
	timer = get(process_this(), kind);
	return write_timer(value_gva, &timer);
}

int64_t sys_setitimer(int kind, uint64_t value_gva, uint64_t old_gva)
{
	struct user_itimerval value = {0};
	struct interval_timer new, old;

	if (kind < ITIMER_REAL || kind > ITIMER_PROF)
		return -EINVAL;
	if (value_gva && user_read(&value, value_gva, sizeof(value)))
		return -EFAULT;
	if (time_from_val(&value.value, &new.left_ns) ||
	    time_from_val(&value.interval, &new.interval_ns))
		return -EINVAL;
	old = get(process_this(), kind);
	set(process_this(), kind, &new);
	return old_gva ? write_timer(old_gva, &old) : 0;
}

int64_t sys_alarm(uint32_t seconds)
{
	struct process *process = process_this();
	const struct interval_timer old = get_real(process);
	const struct interval_timer new = {seconds * NS_PER_SECOND, 0};

	set_real(process, &new);
	/* Rounded, but what is set is never "not set". */
	return old.left_ns && old.left_ns < NS_PER_SECOND
		       ? 1
		       : (old.left_ns + NS_PER_SECOND / 2) / NS_PER_SECOND;
}

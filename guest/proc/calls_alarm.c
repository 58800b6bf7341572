/* SPDX-License-Identifier: MIT
 *
 * alarm() and the interval timer that is behind it: SIGALRM for the whole process.
 */
#include "guest/mm/user.h"
#include "guest/proc/process.h"
#include "guest/syscall/calls.h"
#include "guest/time/clock.h"

#define ITIMER_REAL 0
#define NS_PER_S 1000000000ull
#define NS_PER_US 1000
#define US_PER_S 1000000
#define SECONDS_MAX 4000000000ll /* more is as good as for ever, and does not overflow */

struct user_interval { /* struct itimerval */
	struct {
		int64_t s, us;
	} interval, value;
};

/* 0: it isn't running. */
static uint64_t left_ns(const struct process *process)
{
	const uint64_t now = clock_ns();

	if (!process->alarm.set)
		return 0;
	return process->alarm.at_ns > now ? process->alarm.at_ns - now : 1;
}

static void set_alarm(struct process *process, uint64_t value_ns, uint64_t interval_ns)
{
	timer_cancel(&process->alarm);
	process->alarm_interval_ns = interval_ns;
	if (value_ns)
		timer_set(&process->alarm, clock_ns() + value_ns);
}

int64_t sys_alarm(unsigned seconds)
{
	struct process *process = process_this();
	const uint64_t left = left_ns(process);

	set_alarm(process, seconds * NS_PER_S, 0);
	return (int64_t)((left + NS_PER_S - 1) / NS_PER_S);
}

static struct user_interval read_timer(const struct process *process)
{
	const uint64_t left_us = (left_ns(process) + NS_PER_US - 1) / NS_PER_US;
	const uint64_t interval_us = process->alarm_interval_ns / NS_PER_US;
	struct user_interval user;

	user.value.s = (int64_t)(left_us / US_PER_S);
	user.value.us = (int64_t)(left_us % US_PER_S);
	user.interval.s = (int64_t)(interval_us / US_PER_S);
	user.interval.us = (int64_t)(interval_us % US_PER_S);
	return user;
}

int64_t sys_getitimer(int which, uint64_t timer_gva)
{
	const struct user_interval user = read_timer(process_this());

	if (which != ITIMER_REAL)
		return -EINVAL;
	return user_write(timer_gva, &user, sizeof(user)) ? -EFAULT : 0;
}

static bool to_ns(int64_t s, int64_t us, uint64_t *ns)
{
	if (s < 0 || us < 0 || us >= US_PER_S)
		return false;
	if (s > SECONDS_MAX)
		s = SECONDS_MAX;
	*ns = (uint64_t)s * NS_PER_S + (uint64_t)us * NS_PER_US;
	return true;
}

int64_t sys_setitimer(int which, uint64_t new_gva, uint64_t old_gva)
{
	struct process *process = process_this();
	const struct user_interval old = read_timer(process);
	uint64_t value_ns, interval_ns;
	struct user_interval user = {0};

	if (which != ITIMER_REAL)
		return -EINVAL;
	if (new_gva && user_read(&user, new_gva, sizeof(user)))
		return -EFAULT;
	if (!to_ns(user.value.s, user.value.us, &value_ns) ||
	    !to_ns(user.interval.s, user.interval.us, &interval_ns))
		return -EINVAL;
	set_alarm(process, value_ns, interval_ns);
	return old_gva && user_write(old_gva, &old, sizeof(old)) ? -EFAULT : 0;
}

/* SPDX-License-Identifier: MIT
 *
 * Sleeping. A sleep that a signal without a handler interrupts (a stop and SIGCONT) goes on by itself.
 */
#include "guest/lib/errno.h"
#include "guest/mm/user.h"
#include "guest/sched/schedule.h"
#include "guest/sched/task.h"
#include "guest/sched/timer.h"
#include "guest/time/clock.h"
#include "guest/time/time_calls.h"

int64_t sys_nanosleep(uint64_t time_gva, uint64_t left_gva);
int64_t sys_clock_nanosleep(int clock, int flags, uint64_t time_gva, uint64_t left_gva);

static int64_t interrupted(uint64_t deadline_ns, uint64_t left_gva)
{
	const uint64_t now = clock_ns();
	const struct user_timespec left = time_to_spec(deadline_ns > now ? deadline_ns - now : 0);

	if (left_gva && user_write(left_gva, &left, sizeof(left)))
		return -EFAULT;
	task_this()->sleep_until_ns = deadline_ns;
	return -ERESTART_NO_HANDLER;
}

int64_t sys_clock_nanosleep(int clock, int flags, uint64_t time_gva, uint64_t left_gva)
{
	const bool absolute = flags & TIMER_ABSTIME;
	uint64_t deadline_ns;
	int result = time_read_deadline(time_gva, clock, absolute, &deadline_ns);

	if (result)
		return result;
	if (!absolute && task_this()->sleep_until_ns)
		deadline_ns = task_this()->sleep_until_ns; /* the call goes on */
	task_this()->sleep_until_ns = 0;
	result = timer_sleep_until(deadline_ns);
	if (!result)
		return 0;
	return absolute ? result : interrupted(deadline_ns, left_gva);
}

int64_t sys_nanosleep(uint64_t time_gva, uint64_t left_gva)
{
	return sys_clock_nanosleep(CLOCK_MONOTONIC, 0, time_gva, left_gva);
}

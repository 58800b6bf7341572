/* SPDX-License-Identifier: MIT
 *
 * Reading and setting clocks. The coarse ones are exact here, and TAI is real time.
 */
#include <stddef.h>

#include "guest/lib/errno.h"
#include "guest/mm/user.h"
#include "guest/proc/process.h"
#include "guest/sched/account.h"
#include "guest/time/clock.h"
#include "guest/time/time_calls.h"
#include "guest/time/wall.h"

#define TICKS_PER_SECOND 100 /* USER_HZ */

int64_t sys_clock_gettime(int clock, uint64_t spec_gva);
int64_t sys_clock_getres(int clock, uint64_t spec_gva);
int64_t sys_clock_settime(int clock, uint64_t spec_gva);
int64_t sys_gettimeofday(uint64_t val_gva, uint64_t zone_gva);
int64_t sys_settimeofday(uint64_t val_gva, uint64_t zone_gva);
int64_t sys_time(uint64_t seconds_gva);
int64_t sys_times(uint64_t tms_gva);

static uint64_t sum_of(const struct task_times *times)
{
	return times->user + times->system;
}

/* The clocks of clock_getcpuclockid(): ~ID in the upper bits, then "of a thread", then which time. */
static int read_cpu_clock(int clock, uint64_t *ns)
{
	const int32_t id = ~(clock >> 3);
	struct task_times times;
	struct task *task = id ? task_find(id) : task_get(task_this());
	struct process *process;

	if (!task)
		return -EINVAL;
	process = process_of(task);
	if (clock & 4)
		account_task(task, &times);
	else
		account_process(process, &times);
	process_put(process);
	task_put(task);
	*ns = (clock & 3) == 1 ? times.user : sum_of(&times);
	return (clock & 3) == 3 ? -EINVAL : 0;
}

static int read_clock(int clock, uint64_t *ns)
{
	struct task_times times;

	if (clock < 0)
		return read_cpu_clock(clock, ns);
	switch (clock) {
	case CLOCK_REALTIME:
	case CLOCK_REALTIME_COARSE:
	case CLOCK_REALTIME_ALARM:
	case CLOCK_TAI: *ns = wall_ns(); return 0;
	case CLOCK_MONOTONIC:
	case CLOCK_MONOTONIC_RAW:
	case CLOCK_MONOTONIC_COARSE:
	case CLOCK_BOOTTIME:
	case CLOCK_BOOTTIME_ALARM: *ns = clock_ns(); return 0;
	case CLOCK_PROCESS_CPUTIME_ID: account_process(process_this(), &times); break;
	case CLOCK_THREAD_CPUTIME_ID: account_task(task_this(), &times); break;
	default: return -EINVAL;
	}
	*ns = sum_of(&times);
	return 0;
}

static int write_spec(uint64_t gva, uint64_t ns)
{
	const struct user_timespec spec = time_to_spec(ns);

	return user_write(gva, &spec, sizeof(spec));
}

int64_t sys_clock_gettime(int clock, uint64_t spec_gva)
{
	uint64_t ns;
	const int result = read_clock(clock, &ns);

	return result ? result : write_spec(spec_gva, ns);
}

int64_t sys_clock_getres(int clock, uint64_t spec_gva)
{
	uint64_t ns;
	const int result = read_clock(clock, &ns);

	return result || !spec_gva ? result : write_spec(spec_gva, 1);
}

int64_t sys_clock_settime(int clock, uint64_t spec_gva)
{
	struct user_timespec spec;
	uint64_t ns;

	if (clock != CLOCK_REALTIME)
		return -EINVAL;
	if (user_read(&spec, spec_gva, sizeof(spec)))
		return -EFAULT;
	if (time_from_spec(&spec, &ns))
		return -EINVAL;
	if (!process_is_root())
		return -EPERM;
	wall_set(ns);
	return 0;
}

int64_t sys_gettimeofday(uint64_t val_gva, uint64_t zone_gva)
{
	const struct user_timeval val = time_to_val(wall_ns());
	const int32_t zone[2] = {0, 0};

	if (val_gva && user_write(val_gva, &val, sizeof(val)))
		return -EFAULT;
	return zone_gva ? user_write(zone_gva, zone, sizeof(zone)) : 0;
}

int64_t sys_settimeofday(uint64_t val_gva, uint64_t zone_gva)
{
	struct user_timeval val;
	uint64_t ns;

	(void)zone_gva; /* time zones are the programs' affair */
	if (!process_is_root())
		return -EPERM;
	if (!val_gva)
		return 0;
	if (user_read(&val, val_gva, sizeof(val)))
		return -EFAULT;
	if (time_from_val(&val, &ns))
		return -EINVAL;
	wall_set(ns);
	return 0;
}

int64_t sys_time(uint64_t seconds_gva)
{
	const uint64_t seconds = wall_ns() / NS_PER_SECOND;

	if (seconds_gva && user_write(seconds_gva, &seconds, sizeof(seconds)))
		return -EFAULT;
	return seconds;
}

int64_t sys_times(uint64_t tms_gva)
{
	const uint64_t tick_ns = NS_PER_SECOND / TICKS_PER_SECOND;
	const struct process *process = process_this();
	struct task_times times;
	uint64_t tms[4];

	account_process(process_this(), &times);
	tms[0] = times.user / tick_ns;
	tms[1] = times.system / tick_ns;
	tms[2] = process->children_usage.user_ns / tick_ns;
	tms[3] = process->children_usage.system_ns / tick_ns;
	if (tms_gva && user_write(tms_gva, tms, sizeof(tms)))
		return -EFAULT;
	return clock_ns() / tick_ns;
}

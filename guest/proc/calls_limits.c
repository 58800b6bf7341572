/* SPDX-License-Identifier: MIT
 *
 * System calls about limits, and about what the machine has.
 */
#include <stddef.h>

#include "guest/fs/files.h"
#include "guest/mm/page.h"
#include "guest/mm/user.h"
#include "guest/proc/process.h"
#include "guest/syscall/calls.h"
#include "guest/time/clock.h"

#define NS_PER_S 1000000000

static int set_limit(struct process *process, unsigned kind, const struct limit *limit)
{
	struct limit *current = &process->limits[kind];

	if (limit->soft > limit->hard)
		return -EINVAL;
	if (limit->hard > current->hard && !process_is_root())
		return -EPERM;
	if (kind == RLIMIT_NOFILE && limit->hard > FILES_MAX && limit->hard > current->hard)
		return -EPERM;
	*current = *limit;
	return 0;
}

static bool may_change(const struct process *other)
{
	const struct credentials *mine = &process_this()->credentials;
	const struct credentials *theirs = &other->credentials;

	return mine->euid == 0 || other == process_this() ||
	       (mine->uid == theirs->euid && mine->uid == theirs->suid &&
		mine->uid == theirs->uid && mine->gid == theirs->gid);
}

int64_t sys_prlimit64(int pid, unsigned kind, uint64_t new_gva, uint64_t old_gva)
{
	struct process *process;
	struct limit limit = {0}, old;
	int error = 0;

	if (kind >= RLIMIT_COUNT)
		return -EINVAL;
	if (new_gva && user_read(&limit, new_gva, sizeof(limit)))
		return -EFAULT;
	process = pid ? process_find(pid) : process_get(process_this());
	if (!process)
		return -ESRCH;
	old = process->limits[kind];
	if (!may_change(process))
		error = -EPERM;
	else if (new_gva)
		error = set_limit(process, kind, &limit);
	process_put(process);
	if (!error && old_gva && user_write(old_gva, &old, sizeof(old)))
		return -EFAULT;
	return error;
}

int64_t sys_getrlimit(unsigned kind, uint64_t limit_gva)
{
	return limit_gva ? sys_prlimit64(0, kind, 0, limit_gva) : -EFAULT;
}

int64_t sys_setrlimit(unsigned kind, uint64_t limit_gva)
{
	return limit_gva ? sys_prlimit64(0, kind, limit_gva, 0) : -EFAULT;
}

struct user_sysinfo { /* struct sysinfo */
	int64_t uptime_s;
	uint64_t loads[3], total, free, shared, buffers, swap_total, swap_free;
	uint16_t processes, padding;
	uint64_t high_total, high_free;
	uint32_t unit;
	uint32_t padding_too;
};
_Static_assert(sizeof(struct user_sysinfo) == 112, "struct sysinfo");

static uint16_t count_threads(void)
{
	const uint64_t flags = spin_lock(&process_lock);
	unsigned count = 0;

	list_for_each(link, &process_all)
		count += container_of(link, struct process, in_all)->thread_count;
	spin_unlock(&process_lock, flags);
	return (uint16_t)count;
}

int64_t sys_sysinfo(uint64_t info_gva)
{
	struct page_stats stats;
	struct user_sysinfo info;

	page_stats_read(&stats);
	info = (struct user_sysinfo){.uptime_s = (int64_t)(clock_ns() / NS_PER_S),
				     .total = stats.total,
				     .free = stats.free,
				     .buffers = 0, /* free(1) adds what /proc/meminfo says is cached */
				     .swap_total = stats.swap_total,
				     .swap_free = stats.swap_free,
				     .processes = count_threads(),
				     .unit = PAGE_BYTES};
	return user_write(info_gva, &info, sizeof(info)) ? -EFAULT : 0;
}

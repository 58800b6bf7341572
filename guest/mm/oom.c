/* SPDX-License-Identifier: MIT
 *
 * The choice of a victim. It may use the reserve from then on (page_low_mark), and its faults fail, so that
 * it gets to its end.
 */
#include "guest/mm/oom.h"

#include "guest/lib/print.h"
#include "guest/lib/string.h"
#include "guest/mm/page.h"
#include "guest/mm/space.h"
#include "guest/proc/process.h"

static bool (*relief)(void);
static uint32_t dying; /* spaces of victims that haven't given back all */

static int64_t score(const struct process *process, uint64_t all_pages)
{
	const struct space *space = process->space;

	if (!space || process->pid <= 1 || (process_init && space == process_init->space) ||
	    process->state == PROCESS_ZOMBIE || process->state == PROCESS_DEAD ||
	    process->oom_adjust <= -1000)
		return 0;
	return (int64_t)(space->resident + space->swapped + space->table_pages) +
	       process->oom_adjust * (int64_t)all_pages / 1000;
}

/* With everybody who shares its memory, or none of that would come back. process_lock is held. */
static void doom(const struct space *space)
{
	list_for_each(link, &process_all)
	{
		struct process *process = container_of(link, struct process, in_all);

		if (process->space == space)
			signal_send_number_locked(process, SIGKILL);
	}
}

/* The one with the highest score, or NULL. process_lock is held. */
static struct process *choose(uint64_t all_pages)
{
	struct process *victim = NULL;
	int64_t most = 0;

	list_for_each(link, &process_all)
	{
		struct process *process = container_of(link, struct process, in_all);
		const int64_t its = score(process, all_pages);

		if (its > most) {
			most = its;
			victim = process;
		}
	}
	return victim;
}

/* Whom a space belongs to, for the log. */
struct obituary {
	int32_t pid, adjust;
	char name[sizeof(((struct task *)0)->name)];
	uint64_t resident_kib, swapped_kib;
};

static bool kill_one(uint64_t all_pages, struct obituary *obituary)
{
	const uint64_t flags = spin_lock(&process_lock);
	struct process *victim = choose(all_pages);

	if (victim) {
		struct space *space = victim->space;

		*obituary = (struct obituary){victim->pid, victim->oom_adjust, "",
					      space->resident * 4, space->swapped * 4};
		if (victim->leader)
			memcpy(obituary->name, victim->leader->name, sizeof(obituary->name));
		if (!__atomic_exchange_n(&space->doomed, true, __ATOMIC_RELAXED))
			__atomic_fetch_add(&dying, 1, __ATOMIC_RELAXED);
		doom(space);
	}
	spin_unlock(&process_lock, flags);
	return victim;
}

void oom_victim_gone(void)
{
	__atomic_fetch_sub(&dying, 1, __ATOMIC_RELAXED);
}

void oom_set_relief(bool (*relieve)(void))
{
	relief = relieve;
}

bool oom_kill(void)
{
	struct page_stats stats;
	struct obituary dead;

	if (__atomic_load_n(&dying, __ATOMIC_RELAXED) || (relief && relief()))
		return true;
	page_stats_read(&stats);
	if (!kill_one(stats.total, &dead))
		return false;
	page_count(oom_kills, 1);
	print("out of memory: killed process %d (%s): %lu KiB in memory, %lu KiB in swap, oom_score_adj %d\n",
	      dead.pid, dead.name, dead.resident_kib, dead.swapped_kib, dead.adjust);
	return true;
}

/* SPDX-License-Identifier: MIT
 *
 * The choice of a victim. It may use the reserve from then on (page_low_mark), and its faults fail, so that
 * it gets to its end.
 */
#include "guest/mm/oom.h"

#include "guest/lib/print.h"
#include "guest/mm/page.h"
#include "guest/mm/space.h"
#include "guest/proc/process.h"

static int64_t score(const struct process *process, uint64_t all_pages)
{
	const struct space *space = process->space;

	if (!space || process->pid <= 1 || process->state == PROCESS_ZOMBIE ||
	    process->state == PROCESS_DEAD || process->oom_adjust <= -1000)
		return 0;
	return (int64_t)(space->resident + space->swapped + space->table_pages) +
	       process->oom_adjust * (int64_t)all_pages / 1000;
}

/* The victim, referenced, and what it had; NULL: none. *pending: one was chosen before and hasn't ended
 * yet. */
static struct process *choose(uint64_t all_pages, bool *pending, uint64_t *resident,
			      uint64_t *swapped)
{
	const uint64_t flags = spin_lock(&process_lock);
	struct process *victim = NULL;
	int64_t most = 0;

	*pending = false;
	list_for_each(link, &process_all)
	{
		struct process *process = container_of(link, struct process, in_all);
		const int64_t its = score(process, all_pages);

		if (its > 0 && process->space->doomed)
			*pending = true;
		if (its > most) {
			most = its;
			victim = process;
		}
	}
	if (*pending)
		victim = NULL;
	if (victim) {
		victim->space->doomed = true;
		*resident = victim->space->resident;
		*swapped = victim->space->swapped;
		process_get(victim);
	}
	spin_unlock(&process_lock, flags);
	return victim;
}

bool oom_kill(void)
{
	struct page_stats stats;
	struct process *victim;
	uint64_t resident = 0, swapped = 0; /* gcc does not see that they are set */
	bool pending;

	page_stats_read(&stats);
	victim = choose(stats.total, &pending, &resident, &swapped);
	if (!victim)
		return pending;
	print("out of memory: killed process %d (%s): %lu KiB in memory, %lu KiB in swap, oom_score_adj %d\n",
	      victim->pid, victim->leader ? victim->leader->name : "?", resident * 4, swapped * 4,
	      victim->oom_adjust);
	page_count(oom_kills, 1);
	signal_send_number(victim, SIGKILL);
	process_put(victim);
	return true;
}

/* SPDX-License-Identifier: MIT
 *
 * Signals that are only counted, and processes that are never freed.
 */
#include "guest/proc/process.h"
#include "tests/kernel/host.h"

unsigned host_signals_sent;

void signal_send_number_locked(struct process *process, int number)
{
	(void)process, (void)number;
	host_signals_sent++;
}

int signal_send_number(struct process *process, int number)
{
	signal_send_number_locked(process, number);
	return 0;
}

struct process *process_get(struct process *process)
{
	__atomic_fetch_add(&process->refs, 1, __ATOMIC_RELAXED);
	return process;
}

void process_put(struct process *process)
{
	__atomic_fetch_sub(&process->refs, 1, __ATOMIC_RELAXED);
}

/* None ever comes. */
bool signal_is_pending(void)
{
	return false;
}

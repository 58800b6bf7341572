/* SPDX-License-Identifier: MIT
 *
 * One task of one process, which runs for ever.
 */
#include "guest/sched/task.h"

#include <stdlib.h>

#include "guest/proc/process.h"
#include "guest/sched/schedule.h"
#include "tests/kernel/host.h"

#define NO_LIMIT             \
	{                    \
		-1ull, -1ull \
	}

static struct process process = {.pid = 1,
				 .refs = 1,
				 .limits = {[0 ... RLIMIT_DATA] = NO_LIMIT,
					    [RLIMIT_STACK] = {8 << 20, -1ull},
					    [RLIMIT_CORE... RLIMIT_COUNT - 1] = NO_LIMIT},
				 .threads = LIST_EMPTY(process.threads)};
static struct task task = {.tid = 1, .refs = 1, .process = &process, .name = "test"};
struct task *host_task = &task;

/* Nobody else could run, so this would be for ever. */
void sched_yield(void)
{
}

void schedule(void)
{
	abort();
}

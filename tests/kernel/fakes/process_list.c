/* SPDX-License-Identifier: MIT
 *
 * No other processes than those that a test lists, and theirs live for ever.
 */
#include "guest/proc/process.h"

struct spinlock process_lock;
struct list process_all = LIST_EMPTY(process_all);
struct process *process_init;
struct process kernel_process;

struct process *process_of(const struct task *task)
{
	return process_get(task->process);
}

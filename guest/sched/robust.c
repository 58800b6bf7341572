/* SPDX-License-Identifier: MIT
 *
 * What is left of a thread in user memory: mutexes that it holds. A program keeps them in a list of its
 * own, which is read with suspicion: bounded, and given up at the first thing that can't be read.
 */
#include <stddef.h>
#include <stdint.h>

#include "guest/lib/errno.h"
#include "guest/mm/user.h"
#include "guest/proc/process.h"
#include "guest/sched/futex.h"
#include "guest/sched/task.h"

#define ENTRIES_MAX 2048
#define FUTEX_WAITERS 0x80000000u
#define FUTEX_OWNER_DIED 0x40000000u
#define FUTEX_TID_MASK 0x3fffffffu
#define ENTRY_PI 1 /* in an entry's address: priority inheritance, which we don't have */

struct robust_list_head { /* Linux's */
	uint64_t first_gva;
	int64_t word_offset;  /* from an entry to its futex */
	uint64_t pending_gva; /* an entry that is being locked or unlocked */
};
_Static_assert(sizeof(struct robust_list_head) == 24, "robust_list_head");

int64_t sys_set_robust_list(uint64_t head_gva, uint64_t bytes);
int64_t sys_get_robust_list(int tid, uint64_t head_gva, uint64_t bytes_gva);

int64_t sys_set_robust_list(uint64_t head_gva, uint64_t bytes)
{
	if (bytes != sizeof(struct robust_list_head))
		return -EINVAL;
	task_this()->robust_list_gva = head_gva;
	return 0;
}

int64_t sys_get_robust_list(int tid, uint64_t head_gva, uint64_t bytes_gva)
{
	const uint64_t bytes = sizeof(struct robust_list_head);
	struct task *task = tid ? task_find(tid) : task_get(task_this());
	uint64_t list_gva;
	bool permitted;

	if (!task)
		return -ESRCH;
	list_gva = task->robust_list_gva;
	permitted = task->process == process_this() || process_is_root();
	task_put(task);
	if (!permitted)
		return -EPERM;
	if (user_write(head_gva, &list_gva, sizeof(list_gva)) ||
	    user_write(bytes_gva, &bytes, sizeof(bytes)))
		return -EFAULT;
	return 0;
}

/* Marks the futex as one whose owner has died, if that is us. */
static int owner_died(uint64_t word_gva)
{
	uint32_t value, seen;
	int result = word_gva % 4 ? -EINVAL : user_load32(word_gva, &value);

	while (!result && (value & FUTEX_TID_MASK) == (uint32_t)task_this()->tid) {
		result = user_exchange32(word_gva, value,
					 (value & FUTEX_WAITERS) | FUTEX_OWNER_DIED, &seen);
		if (!result && seen == value) {
			if (value & FUTEX_WAITERS)
				futex_wake(word_gva, 1);
			return 0;
		}
		value = seen;
	}
	return result;
}

static void pass_on(uint64_t head_gva)
{
	struct robust_list_head head;
	uint64_t entry_gva, next_gva;

	if (user_read(&head, head_gva, sizeof(head)))
		return;
	entry_gva = head.first_gva;
	for (unsigned i = 0; i < ENTRIES_MAX && (entry_gva & ~1ull) != head_gva; i++) {
		if (user_read(&next_gva, entry_gva & ~1ull, sizeof(next_gva)))
			break;
		if (entry_gva != head.pending_gva && !(entry_gva & ENTRY_PI) &&
		    owner_died(entry_gva + head.word_offset))
			break;
		entry_gva = next_gva;
	}
	if (head.pending_gva && !(head.pending_gva & ENTRY_PI))
		owner_died(head.pending_gva + head.word_offset);
}

void futex_thread_exit(void)
{
	struct task *task = task_this();
	const uint32_t zero = 0;

	if (task->robust_list_gva)
		pass_on(task->robust_list_gva);
	if (task->clear_tid_gva && !user_write(task->clear_tid_gva, &zero, sizeof(zero)))
		futex_wake(task->clear_tid_gva, 1);
	task->robust_list_gva = task->clear_tid_gva = 0;
}

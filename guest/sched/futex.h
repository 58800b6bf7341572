/* SPDX-License-Identifier: MIT
 *
 * Futexes (futex(2)): sleeping until a word of user memory changes.
 */
#ifndef GUEST_SCHED_FUTEX_H
#define GUEST_SCHED_FUTEX_H

#include <stdint.h>

/* Wakes up to count sleepers on the word at gva, in the running process or through shared memory: how
 * many, or -EFAULT, -EINVAL. */
int64_t futex_wake(uint64_t gva, unsigned count);

/* When a thread ends, before its address space goes: robust mutexes that it holds are marked and passed
 * on (set_robust_list(2)), and the word of set_tid_address() is zeroed and woken. */
void futex_thread_exit(void);

#endif

/* SPDX-License-Identifier: MIT
 *
 * On the host: with one thread, a lock that is held already is a deadlock, and the test ends there.
 */
#ifndef GUEST_ARCH_SPINLOCK_H
#define GUEST_ARCH_SPINLOCK_H

#include <stdint.h>

#include "guest/arch/insn.h"

struct spinlock {
	uint32_t held;
};

/* With interrupts off already. */
static inline void spin_take(struct spinlock *lock)
{
	if (lock->held)
		abort();
	lock->held = 1;
	host_spinlocks_held++;
}

static inline void spin_release(struct spinlock *lock)
{
	if (!lock->held)
		abort();
	lock->held = 0;
	host_spinlocks_held--;
}

static inline uint64_t spin_lock(struct spinlock *lock)
{
	const uint64_t flags = irq_save();

	spin_take(lock);
	return flags;
}

static inline void spin_unlock(struct spinlock *lock, uint64_t flags)
{
	spin_release(lock);
	irq_restore(flags);
}

static inline void spin_check_none(void)
{
	if (host_spinlocks_held)
		abort();
}

static inline void spin_check_may_sleep(void)
{
	spin_check_none();
}

#endif

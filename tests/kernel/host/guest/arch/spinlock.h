/* SPDX-License-Identifier: MIT
 *
 * On the host: with one thread, a lock that is held already is a deadlock, and the test ends there.
 */
#ifndef GUEST_ARCH_SPINLOCK_H
#define GUEST_ARCH_SPINLOCK_H

#include <stdint.h>
#include <stdlib.h>

#include "guest/arch/insn.h"

struct spinlock {
	uint32_t held;
};

static inline uint64_t spin_lock(struct spinlock *lock)
{
	const uint64_t flags = rflags_read();

	irq_disable();
	if (lock->held)
		abort();
	lock->held = 1;
	host_spinlocks_held++;
	return flags;
}

static inline void spin_unlock(struct spinlock *lock, uint64_t flags)
{
	if (!lock->held)
		abort();
	lock->held = 0;
	host_spinlocks_held--;
	if (flags & RFLAGS_IF)
		irq_enable();
}

#endif

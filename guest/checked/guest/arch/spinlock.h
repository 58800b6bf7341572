/* SPDX-License-Identifier: MIT
 *
 * The spinlock of a checked build, in place of guest/arch/spinlock.h: who holds what is known, and misuse
 * ends in a panic that says where the lock was taken.
 */
#ifndef GUEST_ARCH_SPINLOCK_H
#define GUEST_ARCH_SPINLOCK_H

#include <stdint.h>

#include "guest/arch/insn.h"

void tlb_serve(void);

struct spinlock {
	uint32_t held;
};

/* With interrupts off, and not what this CPU has already. A wait without end is a deadlock. */
void spin_take(struct spinlock *lock);

/* Taken by this CPU. */
void spin_release(struct spinlock *lock);

/* Where a task may go to sleep: no lock is held, and this is no interrupt. */
void spin_check_may_sleep(void);

/* Where schedule() begins: no lock is held. */
void spin_check_none(void);

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

#endif

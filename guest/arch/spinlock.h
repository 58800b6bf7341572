/* SPDX-License-Identifier: MIT
 *
 * The one kind of lock: held briefly, with interrupts off, never twice by one CPU.
 */
#ifndef GUEST_ARCH_SPINLOCK_H
#define GUEST_ARCH_SPINLOCK_H

#include <stdint.h>

#include "guest/arch/insn.h"

/* tlb.c: until *held is 0 for a moment. A CPU that waits with interrupts off must still answer the others. */
void spin_wait(const uint32_t *held);
void tlb_serve(void);

struct spinlock {
	uint32_t held;
};

/* With interrupts off already. */
static inline void spin_take(struct spinlock *lock)
{
	while (__atomic_exchange_n(&lock->held, 1, __ATOMIC_ACQUIRE)) /* pairs with spin_release */
		spin_wait(&lock->held);
}

static inline void spin_release(struct spinlock *lock)
{
	__atomic_store_n(&lock->held, 0, __ATOMIC_RELEASE); /* pairs with spin_take */
}

/* Assertions of a checked build (guest/checked): a task may sleep here; no lock is held. */
static inline void spin_check_may_sleep(void)
{
}

static inline void spin_check_none(void)
{
}

/* Returns the interrupt state for spin_unlock(). */
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

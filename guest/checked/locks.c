/* SPDX-License-Identifier: MIT
 *
 * Part of a checked build only (make guest-checked): what each CPU holds, and the rules of locking.
 */
#include <stdbool.h>

#include "guest/arch/cpu.h"
#include "guest/arch/spinlock.h"
#include "guest/lib/panic.h"
#include "guest/lib/print.h"
#include "guest/lib/symbols.h"

#define HELD_MAX 12
#define DEADLOCK_TICKS 60000000000ull /* of the TSC: half a minute at 2 GHz */

struct held {
	struct spinlock *lock;
	uint64_t taken_at; /* return address */
};

static struct cpu_locks {
	unsigned count; /* its own CPU's; others look at it only before they panic */
	struct held held[HELD_MAX];
} locks[CPU_MAX];

static bool over; /* a panic takes no more notice */

/* On the boot stack there is no CPU yet. */
static unsigned this_index(void)
{
	return (uint64_t)__builtin_frame_address(0) >= CPU_AREA_BASE ? cpu_this()->index : 0;
}

static const char *name_of(uint64_t address)
{
	uint64_t offset;

	return symbol_name(address, &offset);
}

static void print_all(void)
{
	for (unsigned i = 0; i < CPU_MAX; i++)
		for (unsigned n = 0; n < locks[i].count && n < HELD_MAX; n++)
			print("CPU %u holds %p, taken in %s\n", i, (void *)locks[i].held[n].lock,
			      name_of(locks[i].held[n].taken_at));
}

static bool begin_panic(void)
{
	return !__atomic_exchange_n(&over, true, __ATOMIC_SEQ_CST);
}

static void find_twice(const struct cpu_locks *mine, const struct spinlock *lock)
{
	for (unsigned i = 0; i < mine->count; i++)
		if (mine->held[i].lock == lock && begin_panic())
			panic("spinlock %p is taken twice, first in %s", (const void *)lock,
			      name_of(mine->held[i].taken_at));
}

static void wait_for(struct spinlock *lock)
{
	const uint64_t start = tsc_read();

	while (__atomic_load_n(&lock->held, __ATOMIC_RELAXED)) {
		tlb_serve();
		if (tsc_read() - start > DEADLOCK_TICKS && begin_panic()) {
			print_all();
			panic("spinlock %p: waited for too long", (void *)lock);
		}
	}
}

void spin_take(struct spinlock *lock)
{
	struct cpu_locks *mine = &locks[this_index()];

	if (over) {
		__atomic_store_n(&lock->held, 1, __ATOMIC_RELAXED);
		return;
	}
	if ((rflags_read() & RFLAGS_IF) && begin_panic())
		panic("spinlock %p is taken with interrupts on", (void *)lock);
	find_twice(mine, lock);
	while (__atomic_exchange_n(&lock->held, 1, __ATOMIC_ACQUIRE)) /* pairs with spin_release */
		wait_for(lock);
	if (mine->count == HELD_MAX && begin_panic())
		panic("too many spinlocks are held");
	mine->held[mine->count++] = (struct held){lock, (uint64_t)__builtin_return_address(0)};
}

void spin_release(struct spinlock *lock)
{
	struct cpu_locks *mine = &locks[this_index()];
	unsigned i = mine->count;

	while (i-- > 0 && mine->held[i].lock != lock)
		;
	if (i < mine->count)
		for (mine->count--; i < mine->count; i++)
			mine->held[i] = mine->held[i + 1];
	else if (!over && begin_panic())
		panic("spinlock %p is released by a CPU that hasn't taken it", (void *)lock);
	__atomic_store_n(&lock->held, 0, __ATOMIC_RELEASE); /* pairs with spin_take */
}

void spin_check_none(void)
{
	const struct cpu_locks *mine = &locks[this_index()];

	if (mine->count && begin_panic())
		panic("a task sleeps with spinlock %p held, taken in %s",
		      (void *)mine->held[0].lock, name_of(mine->held[0].taken_at));
}

void spin_check_may_sleep(void)
{
	/* With interrupts on, a moment later this may be another CPU: nothing is held then, by spin_take(). */
	if (rflags_read() & RFLAGS_IF)
		return;
	spin_check_none();
	if (!over && begin_panic())
		panic("a task may sleep here, but interrupts are off");
}

/* SPDX-License-Identifier: MIT
 *
 * A sleeper is in the list of its key's bucket before it looks at the word, and a waker changes the word
 * before it looks into the list: so a wake-up is never lost, without a lock held while user memory is
 * read (which may fault).
 */
#include "guest/sched/futex.h"

#include <stdbool.h>

#include "guest/arch/spinlock.h"
#include "guest/lib/errno.h"
#include "guest/mm/user.h"
#include "guest/sched/schedule.h"
#include "guest/sched/task.h"
#include "guest/sched/wait.h"
#include "guest/time/clock.h"
#include "guest/time/time_calls.h"

#define BUCKETS 64
#define SPACE_OF_KEY 6 /* low bits of addresses say little */

/* Linux's numbers. */
enum futex_operation {
	FUTEX_WAIT = 0,
	FUTEX_WAKE = 1,
	FUTEX_REQUEUE = 3,
	FUTEX_CMP_REQUEUE = 4,
	FUTEX_WAKE_OP = 5,
	FUTEX_WAIT_BITSET = 9,
	FUTEX_WAKE_BITSET = 10,
	FUTEX_PRIVATE_FLAG = 128,
	FUTEX_CLOCK_REALTIME = 256
};
#define ALL_BITS UINT32_MAX

struct bucket {
	struct spinlock lock;
	struct list sleepers; /* next NULL: never used */
};

/* On the sleeper's stack. */
struct sleeper {
	struct list link;
	struct bucket
		*bucket; /* NULL: woken; changed under the bucket's lock, which may change too */
	struct futex_key key;
	struct task *task;
	uint32_t bits;
};

static struct bucket buckets[BUCKETS];

int64_t sys_futex(uint64_t word_gva, int operation, uint32_t value, uint64_t timeout_gva,
		  uint64_t word2_gva, uint32_t value3);

static struct bucket *bucket_of(const struct futex_key *key)
{
	const uint64_t mixed = ((uint64_t)key->of >> SPACE_OF_KEY) * 0x9e3779b97f4a7c15 +
			       (key->at >> 2);

	return &buckets[(mixed ^ mixed >> 12 ^ mixed >> 6) % BUCKETS];
}

static bool same_key(const struct futex_key *a, const struct futex_key *b)
{
	return a->of == b->of && a->at == b->at;
}

static void add(struct bucket *bucket, struct sleeper *sleeper)
{
	if (!bucket->sleepers.next)
		list_init(&bucket->sleepers);
	list_add_last(&bucket->sleepers, &sleeper->link);
	__atomic_store_n(&sleeper->bucket, bucket, __ATOMIC_RELAXED);
}

/* The bucket that a sleeper is in, locked; NULL: it was woken. */
static struct bucket *lock_bucket_of(struct sleeper *sleeper, uint64_t *flags)
{
	for (;;) {
		struct bucket *bucket = __atomic_load_n(&sleeper->bucket, __ATOMIC_ACQUIRE);

		if (!bucket)
			return NULL;
		*flags = spin_lock(&bucket->lock);
		if (bucket == sleeper->bucket)
			return bucket;
		spin_unlock(&bucket->lock, *flags);
	}
}

/* Takes it out of the list if it is still there. Whether it was. */
static bool give_up(struct sleeper *sleeper)
{
	uint64_t flags;
	struct bucket *bucket = lock_bucket_of(sleeper, &flags);

	if (!bucket)
		return false;
	list_remove(&sleeper->link);
	sleeper->bucket = NULL;
	spin_unlock(&bucket->lock, flags);
	return true;
}

/* The bucket is locked. After the store the sleeper may be gone. */
static void wake(struct sleeper *sleeper)
{
	struct task *task = task_get(sleeper->task);

	list_remove(&sleeper->link);
	__atomic_store_n(&sleeper->bucket, NULL, __ATOMIC_RELEASE);
	task_wake(task);
	task_put(task);
}

static int sleep(struct sleeper *sleeper, uint64_t deadline_ns)
{
	int result = 0;

	while (!result) {
		task_sleep(TASK_SLEEPING);
		if (!__atomic_load_n(&sleeper->bucket, __ATOMIC_ACQUIRE))
			break;
		result = wait_sleep(TASK_SLEEPING, deadline_ns);
	}
	task_sleep(TASK_RUNNABLE);
	return result;
}

static int64_t wait(uint64_t word_gva, bool shared, uint32_t expected, uint64_t deadline_ns,
		    uint32_t bits)
{
	struct sleeper sleeper = {.task = task_this(), .bits = bits};
	struct bucket *bucket;
	uint32_t value;
	uint64_t flags;
	int64_t result = user_futex_key(word_gva, shared, &sleeper.key);

	if (result || !bits)
		return result ? result : -EINVAL;
	bucket = bucket_of(&sleeper.key);
	flags = spin_lock(&bucket->lock);
	add(bucket, &sleeper);
	spin_unlock(&bucket->lock, flags);
	result = user_load32(word_gva, &value);
	if (!result && value != expected)
		result = -EAGAIN;
	if (!result)
		result = sleep(&sleeper, deadline_ns);
	return give_up(&sleeper) ? result : 0;
}

static int64_t wake_key(const struct futex_key *key, unsigned count, uint32_t bits)
{
	struct bucket *bucket = bucket_of(key);
	const uint64_t flags = spin_lock(&bucket->lock);
	int64_t woken = 0;

	if (bucket->sleepers.next)
		list_for_each_safe(link, &bucket->sleepers)
		{
			struct sleeper *sleeper = container_of(link, struct sleeper, link);

			if (woken >= count)
				break;
			if (!same_key(&sleeper->key, key) || !(sleeper->bits & bits))
				continue;
			wake(sleeper);
			woken++;
		}
	spin_unlock(&bucket->lock, flags);
	return woken;
}

static int64_t wake_at(uint64_t word_gva, bool shared, unsigned count, uint32_t bits)
{
	struct futex_key key;
	const int result = user_futex_key(word_gva, shared, &key);

	return result ? result : wake_key(&key, count, bits);
}

int64_t futex_wake(uint64_t gva, unsigned count)
{
	return wake_at(gva, true, count, ALL_BITS) + wake_at(gva, false, count, ALL_BITS);
}

/* Two locks in the order of their addresses. */
static uint64_t lock_both(struct bucket *a, struct bucket *b)
{
	const uint64_t flags = spin_lock(a < b ? &a->lock : &b->lock);

	if (a != b)
		spin_take(a < b ? &b->lock : &a->lock);
	return flags;
}

static void unlock_both(struct bucket *a, struct bucket *b, uint64_t flags)
{
	if (a != b)
		spin_release(&b->lock);
	spin_unlock(&a->lock, flags);
}

struct requeue {
	struct futex_key from, to;
	unsigned wake_count, move_count;
};

static int64_t requeue_keys(const struct requeue *requeue)
{
	struct bucket *from = bucket_of(&requeue->from), *to = bucket_of(&requeue->to);
	const uint64_t flags = lock_both(from, to);
	unsigned woken = 0, moved = 0;

	if (from->sleepers.next)
		list_for_each_safe(link, &from->sleepers)
		{
			struct sleeper *sleeper = container_of(link, struct sleeper, link);

			if (!same_key(&sleeper->key, &requeue->from))
				continue;
			if (woken < requeue->wake_count) {
				wake(sleeper);
				woken++;
			} else if (moved < requeue->move_count) {
				list_remove(link);
				sleeper->key = requeue->to;
				add(to, sleeper);
				moved++;
			} else {
				break;
			}
		}
	unlock_both(from, to, flags);
	return woken + moved;
}

static int64_t requeue(uint64_t word_gva, uint64_t word2_gva, bool shared, unsigned wake_count,
		       unsigned move_count)
{
	struct requeue requeue = {.wake_count = wake_count, .move_count = move_count};
	int result = user_futex_key(word_gva, shared, &requeue.from);

	if (!result)
		result = user_futex_key(word2_gva, shared, &requeue.to);
	if (!result && same_key(&requeue.from, &requeue.to))
		result = -EINVAL; /* they would be moved behind themselves, for ever */
	return result ? result : requeue_keys(&requeue);
}

/* The operation packed into value3 of FUTEX_WAKE_OP. */
static int new_value(uint32_t packed, uint32_t old, uint32_t *value)
{
	uint32_t argument = (uint32_t)((int32_t)(packed << 8) >> 20); /* 12 bits, with a sign */

	if (packed >> 31) /* FUTEX_OP_ARG_SHIFT */
		argument = 1u << (argument & 31);
	switch (packed >> 28 & 7) {
	case 0: *value = argument; return 0;
	case 1: *value = old + argument; return 0;
	case 2: *value = old | argument; return 0;
	case 3: *value = old & ~argument; return 0;
	case 4: *value = old ^ argument; return 0;
	}
	return -ENOSYS;
}

static int compare(uint32_t packed, uint32_t old)
{
	const int32_t left = (int32_t)old, right = (int32_t)(packed << 20) >> 20;

	switch (packed >> 24 & 15) {
	case 0: return left == right;
	case 1: return left != right;
	case 2: return left < right;
	case 3: return left <= right;
	case 4: return left > right;
	case 5: return left >= right;
	}
	return -ENOSYS;
}

static int64_t wake_op(uint64_t word_gva, uint64_t word2_gva, bool shared, unsigned count,
		       unsigned count2, uint32_t packed)
{
	uint32_t old, value, seen;
	int64_t woken;
	int result = user_load32(word2_gva, &old);

	for (;;) {
		if (!result)
			result = new_value(packed, old, &value);
		if (!result)
			result = user_exchange32(word2_gva, old, value, &seen);
		if (result || seen == old)
			break;
		old = seen;
	}
	if (!result)
		result = compare(packed, old);
	if (result < 0)
		return result;
	woken = wake_at(word_gva, shared, count, ALL_BITS);
	if (woken >= 0 && result)
		woken += wake_at(word2_gva, shared, count2, ALL_BITS);
	return woken;
}

/* FUTEX_WAIT's timeout is relative, FUTEX_WAIT_BITSET's absolute. */
static int read_deadline(uint64_t timeout_gva, int operation, uint64_t *deadline_ns)
{
	const int command = operation & ~(FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME);
	const int clock = operation & FUTEX_CLOCK_REALTIME ? CLOCK_REALTIME : CLOCK_MONOTONIC;

	*deadline_ns = WAIT_FOREVER;
	if (!timeout_gva)
		return 0;
	return time_read_deadline(timeout_gva, clock, command == FUTEX_WAIT_BITSET, deadline_ns);
}

static int64_t wait_call(uint64_t word_gva, int operation, uint32_t value, uint64_t timeout_gva,
			 uint32_t bits)
{
	uint64_t deadline_ns;
	const int result = read_deadline(timeout_gva, operation, &deadline_ns);

	return result ? result
		      : wait(word_gva, !(operation & FUTEX_PRIVATE_FLAG), value, deadline_ns, bits);
}

int64_t sys_futex(uint64_t word_gva, int operation, uint32_t value, uint64_t timeout_gva,
		  uint64_t word2_gva, uint32_t value3)
{
	const bool shared = !(operation & FUTEX_PRIVATE_FLAG);
	const unsigned count = (int32_t)value > 0 ? value : 1, count2 = (unsigned)timeout_gva;
	uint32_t now;
	int result;

	if (word_gva % 4)
		return -EINVAL;
	switch (operation & ~(FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME)) {
	case FUTEX_WAIT: return wait_call(word_gva, operation, value, timeout_gva, ALL_BITS);
	case FUTEX_WAIT_BITSET: return wait_call(word_gva, operation, value, timeout_gva, value3);
	case FUTEX_WAKE: return wake_at(word_gva, shared, count, ALL_BITS);
	case FUTEX_WAKE_BITSET: return value3 ? wake_at(word_gva, shared, count, value3) : -EINVAL;
	case FUTEX_CMP_REQUEUE:
		result = user_load32(word_gva, &now);
		if (result || now != value3)
			return result ? result : -EAGAIN;
		/* fall through */
	case FUTEX_REQUEUE:
		if ((int32_t)value < 0 || (int32_t)count2 < 0)
			return -EINVAL;
		return requeue(word_gva, word2_gva, shared, value, count2);
	case FUTEX_WAKE_OP: return wake_op(word_gva, word2_gva, shared, count, count2, value3);
	}
	return -ENOSYS;
}

/* SPDX-License-Identifier: MIT
 *
 * futex(2) itself: wait and wake, bit sets, time limits, requeue, wake-op, between processes, and
 * robust lists of threads that end.
 */
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "check.h"

/* musl has no <linux/futex.h>; futex(2) has the numbers. */
enum {
	FUTEX_WAIT,
	FUTEX_WAKE,
	FUTEX_CMP_REQUEUE = 4,
	FUTEX_WAKE_OP,
	FUTEX_WAIT_BITSET = 9,
	FUTEX_WAKE_BITSET,
	FUTEX_PRIVATE_FLAG = 128,
	FUTEX_WAKE_PRIVATE = FUTEX_WAKE | FUTEX_PRIVATE_FLAG,
};
#define WAKE_OP_SET_5_IF_0 (5 << 12) /* set to 5; wake the second's waiters if it was 0 */

static uint32_t word, other_word;
static volatile int woken, started;

static long futex(void *at, int op, uint32_t value, const void *time, void *second, uint32_t third)
{
	return syscall(SYS_futex, at, op, value, time, second, third);
}

static struct timespec ms(long ms)
{
	return (struct timespec){ms / 1000, ms % 1000 * 1000000};
}

static void errors(void)
{
	struct timespec soon = ms(50), absolute;
	long long before;

	word = 1;
	check_fails("wait: another value", futex(&word, FUTEX_WAIT, 0, NULL, NULL, 0), EAGAIN);
	before = now_ms();
	check_fails("wait: in time", futex(&word, FUTEX_WAIT, 1, &soon, NULL, 0), ETIMEDOUT);
	check("… not before", now_ms() - before >= 49);
	clock_gettime(CLOCK_MONOTONIC, &absolute);
	check_fails("wait_bitset: absolute time, past",
		    futex(&word, FUTEX_WAIT_BITSET, 1, &absolute, NULL, ~0u), ETIMEDOUT);
	check_fails("wait_bitset: no bits", futex(&word, FUTEX_WAIT_BITSET, 1, &soon, NULL, 0),
		    EINVAL);
	check_fails("not aligned", futex((char *)&word + 1, FUTEX_WAIT, 1, &soon, NULL, 0), EINVAL);
	check_fails("a bad pointer", futex((void *)8, FUTEX_WAIT, 1, &soon, NULL, 0), EFAULT);
	check_fails("an unknown operation", futex(&word, 99, 0, NULL, NULL, 0), ENOSYS);
	check("wake: nobody", futex(&word, FUTEX_WAKE, 1, NULL, NULL, 0) == 0);
}

static void *waits(void *bits)
{
	__sync_fetch_and_add(&started, 1);
	if (!futex(&word, FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG, 0, NULL, NULL, (uintptr_t)bits))
		__sync_fetch_and_add(&woken, 1);
	return NULL;
}

static void start(pthread_t *threads, int count, uint32_t bits)
{
	started = woken = 0;
	for (int i = 0; i < count; i++)
		need(!pthread_create(&threads[i], NULL, waits, (void *)(uintptr_t)bits));
	while (started < count)
		sleep_ms(1);
	sleep_ms(30);
}

static void expect_woken(const char *name, int count)
{
	for (int i = 0; i < 200 && woken < count; i++)
		sleep_ms(5);
	sleep_ms(10);
	check(name, woken == count);
}

static void wake(void)
{
	pthread_t threads[4];

	word = other_word = 0;
	start(threads, 4, 2);
	check("wake says how many", futex(&word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0) == 1);
	expect_woken("one wakes", 1);
	check("wake_bitset: other bits",
	      futex(&word, FUTEX_WAKE_BITSET | FUTEX_PRIVATE_FLAG, 9, NULL, NULL, 4) == 0);
	check_fails(
		"cmp_requeue: another value",
		futex(&word, FUTEX_CMP_REQUEUE | FUTEX_PRIVATE_FLAG, 1, (void *)9, &other_word, 7),
		EAGAIN);
	check("cmp_requeue: one wakes, two move",
	      futex(&word, FUTEX_CMP_REQUEUE | FUTEX_PRIVATE_FLAG, 1, (void *)9, &other_word, 0) ==
		      3);
	expect_woken("one more", 2);
	check("nobody is left here", futex(&word, FUTEX_WAKE_PRIVATE, 9, NULL, NULL, 0) == 0);
	check("they are there",
	      futex(&other_word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0) == 2);
	expect_woken("all", 4);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	start(threads, 2, ~0u);
	check("wake_op: sets the second, wakes by its old value",
	      futex(&word, FUTEX_WAKE_OP | FUTEX_PRIVATE_FLAG, 9, (void *)9, &other_word,
		    WAKE_OP_SET_5_IF_0) == 2 &&
		      other_word == 5);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
}

static int wake_parent(void *at)
{
	sleep_ms(50);
	*(volatile uint32_t *)at = 1;
	return futex(at, FUTEX_WAKE, 1, NULL, NULL, 0) != 1;
}

static void on_signal(int signal)
{
	(void)signal;
}

static int signal_parent(void *unused)
{
	(void)unused;
	sleep_ms(50);
	return kill(getppid(), SIGUSR1);
}

static void between_processes(void)
{
	uint32_t *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
				0);
	struct timespec limit = ms(5000);
	pid_t pid;

	need(shared != MAP_FAILED);
	pid = child_start(wake_parent, shared);
	check("another process wakes", !futex(shared, FUTEX_WAIT, 0, &limit, NULL, 0) &&
					       *shared == 1 && child_end(pid) == 0);
	struct sigaction action = {.sa_handler = on_signal};
	sigaction(SIGUSR1, &action, NULL);
	pid = child_start(signal_parent, NULL);
	check_fails("a signal wakes", futex(shared, FUTEX_WAIT, 1, &limit, NULL, 0), EINTR);
	need(child_end(pid) == 0);
}

static pthread_mutex_t *robust;

static int die_with_it(void *unused)
{
	(void)unused;
	return pthread_mutex_lock(robust);
}

static void robust_lists(void)
{
	pthread_mutexattr_t attr;

	robust = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	need(robust != MAP_FAILED);
	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
	if (pthread_mutex_init(robust, &attr)) {
		check_skip("robust mutexes", "this kernel has no robust lists");
		return;
	}
	need(in_child(die_with_it, NULL) == 0);
	struct timespec limit;
	clock_gettime(CLOCK_REALTIME, &limit);
	limit.tv_sec += 5;
	check("a dead owner's mutex: EOWNERDEAD",
	      pthread_mutex_timedlock(robust, &limit) == EOWNERDEAD);
	check("made consistent",
	      !pthread_mutex_consistent(robust) && !pthread_mutex_unlock(robust));
	check("it works again", !pthread_mutex_lock(robust) && !pthread_mutex_unlock(robust));
}

int main(void)
{
	errors();
	wake();
	between_processes();
	robust_lists();
	return check_end();
}

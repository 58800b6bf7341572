/* SPDX-License-Identifier: MIT
 *
 * The scheduler's interface, and what can be seen of its promises: affinity, nice levels, real-time
 * classes, fairness.
 */
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "check.h"

#define SHARE_TRIES 6

static volatile uint64_t *work;

static void pin_to_first(void)
{
	cpu_set_t all, one;

	need(!sched_getaffinity(0, sizeof all, &all));
	CPU_ZERO(&one);
	for (int i = 0; i < CPU_SETSIZE; i++)
		if (CPU_ISSET(i, &all)) {
			CPU_SET(i, &one);
			break;
		}
	need(!sched_setaffinity(0, sizeof one, &one));
}

static void affinity(void)
{
	cpu_set_t all, one, now;
	unsigned cpu = 99, node;
	int i;

	check("sched_getaffinity", !sched_getaffinity(0, sizeof all, &all) && CPU_COUNT(&all) > 0);
	for (i = 0; i < CPU_SETSIZE; i++) {
		if (!CPU_ISSET(i, &all))
			continue;
		CPU_ZERO(&one);
		CPU_SET(i, &one);
		need(!sched_setaffinity(0, sizeof one, &one) &&
		     !sched_getaffinity(0, sizeof now, &now));
		if (!CPU_EQUAL(&one, &now) || sched_getcpu() != i)
			break;
	}
	check("each CPU in turn", i == CPU_SETSIZE);
	check("getcpu", !syscall(SYS_getcpu, &cpu, &node, NULL) && cpu < CPU_SETSIZE);
	need(!sched_setaffinity(0, sizeof all, &all));
	CPU_ZERO(&one);
	check_fails("no CPU", sched_setaffinity(0, sizeof one, &one), EINVAL);
	check_fails("no such process", sched_getaffinity(1 << 21, sizeof now, &now), ESRCH);
}

static int lower_again(void *unused)
{
	(void)unused;
	need(!setgid(1000) && !setuid(1000));
	check("nicer is free", !setpriority(PRIO_PROCESS, 0, 12));
	check_fails("less nice is root's", setpriority(PRIO_PROCESS, 0, 5), EACCES);
	return check_count.failed;
}

static void nice_levels(void)
{
	errno = 0;
	check("getpriority", getpriority(PRIO_PROCESS, 0) == 0 && errno == 0);
	check("nice", nice(3) == 3 && getpriority(PRIO_PROCESS, 0) == 3);
	check("no nicer than 19",
	      !setpriority(PRIO_PROCESS, 0, 99) && getpriority(PRIO_PROCESS, 0) == 19);
	check_fails("getpriority: nobody", getpriority(PRIO_PROCESS, 1 << 21), ESRCH);
	check_fails("getpriority: of what?", getpriority(99, 0), EINVAL);
	if (geteuid()) {
		check_skip("nice for others than root", "needs root");
		return;
	}
	need(!setpriority(PRIO_PROCESS, 0, 0));
	check("for others than root", in_child(lower_again, NULL) == 0);
}

static void classes(void)
{
	struct sched_param param = {.sched_priority = 10}, now, none = {0};
	struct timespec slice;

	check("SCHED_OTHER", syscall(SYS_sched_getscheduler, 0) == SCHED_OTHER);
	check("priorities", syscall(SYS_sched_get_priority_min, SCHED_FIFO) == 1 &&
				    syscall(SYS_sched_get_priority_max, SCHED_RR) == 99);
	check_fails("no class 99", syscall(SYS_sched_setscheduler, 0, 99, &param), EINVAL);
	check_fails("SCHED_OTHER has no priority",
		    syscall(SYS_sched_setscheduler, 0, SCHED_OTHER, &param), EINVAL);
	if (geteuid() || syscall(SYS_sched_setscheduler, 0, SCHED_RR, &param)) {
		check_skip("real-time classes", "not allowed here");
		return;
	}
	check("SCHED_RR", syscall(SYS_sched_getscheduler, 0) == SCHED_RR);
	check("sched_getparam", !syscall(SYS_sched_getparam, 0, &now) && now.sched_priority == 10);
	check("sched_rr_get_interval",
	      !syscall(SYS_sched_rr_get_interval, 0, &slice) && slice.tv_nsec > 0);
	check("SCHED_FIFO", !syscall(SYS_sched_setscheduler, 0, SCHED_FIFO, &param));
	check("sched_yield", !sched_yield());
	need(!syscall(SYS_sched_setscheduler, 0, SCHED_OTHER, &none));
}

static int works(void *slot)
{
	uintptr_t i = (uintptr_t)slot;

	if (i == 3)
		setpriority(PRIO_PROCESS, 0, 10);
	for (;;)
		work[i]++;
	return 0;
}

/* us of CPU time that the child had; it is killed. By its own clock: what the host takes is nobody's share. */
static int64_t end_and_account(pid_t pid)
{
	struct rusage used;
	int status;

	kill(pid, SIGKILL);
	need(wait4(pid, &status, 0, &used) == pid);
	return (used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1000000ll + used.ru_utime.tv_usec +
	       used.ru_stime.tv_usec;
}

struct shares {
	int64_t low, high,
		nice; /* us that those alike had, at least and at most, and the nice one */
};

/* Four on one CPU: three alike and a nice one. */
static struct shares measure(void)
{
	int64_t ran[4], low, high;
	pid_t pid[4];

	for (uintptr_t i = 0; i < 4; i++)
		pid[i] = child_start(works, (void *)i);
	sleep_ms(1500);
	for (int i = 0; i < 4; i++)
		kill(pid[i], SIGSTOP);
	for (int i = 0; i < 4; i++)
		ran[i] = end_and_account(pid[i]);
	low = high = ran[0];
	for (int i = 1; i < 3; i++) {
		low = ran[i] < low ? ran[i] : low;
		high = ran[i] > high ? ran[i] : high;
	}
	return (struct shares){low, high, ran[3]};
}

/* Rough bounds, and more than one try: the host has other things to do. */
static int shares(void *unused)
{
	struct shares had;
	int tries = 0;

	(void)unused;
	pin_to_first();
	do
		had = measure();
	while (++tries < SHARE_TRIES &&
	       !(had.nice > 0 && had.nice < had.low / 2 && had.high < had.low * 3 / 2));
	check("three alike share alike", had.low > 0 && had.high < had.low * 3 / 2);
	check("a nice one gets less, but something", had.nice > 0 && had.nice < had.low / 2);
	return check_count.failed;
}

static int yields(void *slot)
{
	pin_to_first();
	for (int i = 0; i < 100; i++) {
		work[(uintptr_t)slot]++;
		sched_yield();
	}
	return 0;
}

int main(void)
{
	work = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	need(work != MAP_FAILED);
	affinity();
	classes();
	check("shares of a CPU", in_child(shares, NULL) == 0);
	pid_t other = child_start(yields, (void *)5);
	check("two that yield both get on",
	      in_child(yields, (void *)6) == 0 && child_end(other) == 0 && work[5] == 100);
	nice_levels();
	return check_end();
}

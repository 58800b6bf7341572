/* SPDX-License-Identifier: MIT
 *
 * Clocks, sleeping, timerfd and POSIX timers. Nothing may end early; how late is the host's affair,
 * so only gross lateness counts.
 */
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/time.h>
#include <sys/timerfd.h>

#include "check.h"

#define LATE_MS 3000

static long long now_ns(clockid_t clock)
{
	struct timespec t = {0, 0};

	clock_gettime(clock, &t);
	return t.tv_sec * 1000000000ll + t.tv_nsec;
}

/* Did it take this long, and not much longer? */
static int took(long long since_ms, long ms)
{
	long long passed = now_ms() - since_ms;

	return passed >= ms - 1 && passed < ms + LATE_MS;
}

static void reading(void)
{
	struct timespec t;
	struct timeval v;
	long long last = now_ns(CLOCK_MONOTONIC), now, cpu;
	int back = 0;

	for (int i = 0; i < 2000; i++, last = now)
		back |= (now = now_ns(CLOCK_MONOTONIC)) < last;
	check("CLOCK_MONOTONIC never goes back", !back && last > 0);
	check("CLOCK_REALTIME is time()",
	      !clock_gettime(CLOCK_REALTIME, &t) && labs(t.tv_sec - time(NULL)) <= 1);
	check("it is after 2023", t.tv_sec > 1700000000);
	check("gettimeofday", !gettimeofday(&v, NULL) && labs(v.tv_sec - t.tv_sec) <= 1);
	check("clock_getres", !clock_getres(CLOCK_MONOTONIC, &t) && t.tv_sec == 0 && t.tv_nsec > 0);
	check("CLOCK_BOOTTIME, coarse and raw ones", now_ns(CLOCK_BOOTTIME) > 0 &&
							     now_ns(CLOCK_MONOTONIC_COARSE) > 0 &&
							     now_ns(CLOCK_MONOTONIC_RAW) > 0);
	check_fails("no clock 99", clock_gettime(99, &t), EINVAL);
	cpu = now_ns(CLOCK_PROCESS_CPUTIME_ID);
	sleep_ms(100);
	check("CPU time stands still asleep", now_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu < 80000000);
	long long before = now_ms();
	while (now_ms() - before < 30)
		;
	check("CPU time passes awake", now_ns(CLOCK_THREAD_CPUTIME_ID) > 1000000);
}

static void sleeping(void)
{
	struct timespec t = {0, 50000000}, bad = {0, 1000000000};
	long long before = now_ms();

	check("nanosleep", !nanosleep(&t, NULL) && took(before, 50));
	check_fails("nanosleep: bad", nanosleep(&bad, NULL), EINVAL);
	before = now_ms();
	check("clock_nanosleep: relative",
	      !clock_nanosleep(CLOCK_MONOTONIC, 0, &t, NULL) && took(before, 50));
	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_sec += (t.tv_nsec + 50000000) / 1000000000;
	t.tv_nsec = (t.tv_nsec + 50000000) % 1000000000;
	before = now_ms();
	check("clock_nanosleep: absolute",
	      !clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) && took(before, 50));
	before = now_ms();
	check("… in the past: at once",
	      !clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) && took(before, 0));
	check("clock_nanosleep: bad clock", clock_nanosleep(99, 0, &t, NULL) == EINVAL);
	before = now_ms();
	check("poll sleeps", poll(NULL, 0, 50) == 0 && took(before, 50));
	before = now_ms();
	for (int i = 0; i < 20; i++)
		sleep_ms(1);
	check("20 sleeps of 1 ms", took(before, 20));
}

static void descriptor(void)
{
	struct itimerspec once = {{0, 0}, {0, 30000000}}, left;
	struct itimerspec every = {{0, 10000000}, {0, 10000000}}, off = {{0, 0}, {0, 0}};
	struct pollfd poll_it;
	uint64_t count = 0;
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	long long before = now_ms();

	if (!check("timerfd_create", fd >= 0))
		return;
	poll_it = (struct pollfd){.fd = fd, .events = POLLIN};
	check_fails("not yet", read(fd, &count, 8), EAGAIN);
	check("timerfd_settime", !timerfd_settime(fd, 0, &once, NULL));
	check("timerfd_gettime", !timerfd_gettime(fd, &left) && left.it_value.tv_nsec > 0 &&
					 left.it_value.tv_nsec <= 30000000);
	check("poll waits for it", poll(&poll_it, 1, 5000) == 1 && took(before, 30));
	check("once", read(fd, &count, 8) == 8 && count == 1);
	need(!timerfd_settime(fd, 0, &every, NULL));
	sleep_ms(100);
	check("repeats are counted", read(fd, &count, 8) == 8 && count >= 9);
	check_fails("read takes them",
		    (count = 0, timerfd_settime(fd, 0, &off, NULL)) ? 0 : read(fd, &count, 8),
		    EAGAIN);
	check_fails("too short", read(fd, &count, 4), EINVAL);
	fcntl(fd, F_SETFL, 0);
	clock_gettime(CLOCK_MONOTONIC, &once.it_value);
	need(!timerfd_settime(fd, TFD_TIMER_ABSTIME, &once, NULL));
	check("absolute, in the past", read(fd, &count, 8) == 8 && count == 1);
	check_fails("timerfd: bad clock", timerfd_create(99, 0), EINVAL);
	close(fd);
}

static void posix_timers(void)
{
	struct sigevent event = {
		.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN, .sigev_value.sival_int = 5};
	struct itimerspec every = {{0, 10000000}, {0, 10000000}};
	sigset_t set;
	siginfo_t info;
	timer_t timer;

	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN);
	need(!sigprocmask(SIG_BLOCK, &set, NULL));
	if (timer_create(CLOCK_MONOTONIC, &event, &timer) && errno == ENOSYS) {
		check_skip("POSIX timers", "this kernel has none");
		return;
	}
	check("timer_settime", !timer_settime(timer, 0, &every, NULL));
	check("its signal", sigwaitinfo(&set, &info) == SIGRTMIN && info.si_code == SI_TIMER &&
				    info.si_value.sival_int == 5);
	check("again", sigwaitinfo(&set, &info) == SIGRTMIN);
	sleep_ms(50);
	check("timer_getoverrun",
	      sigwaitinfo(&set, &info) == SIGRTMIN && timer_getoverrun(timer) >= 2);
	check("timer_delete", !timer_delete(timer));
}

int main(void)
{
	reading();
	sleeping();
	descriptor();
	posix_timers();
	return check_end();
}

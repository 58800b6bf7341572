/* SPDX-License-Identifier: MIT
 *
 * Signals without handlers, or waited for: sigsuspend, sigtimedwait, signalfd, queued real-time
 * signals, alarms, and those that go to a thread.
 */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/time.h>

#include "check.h"

static volatile int count, order[16];
static volatile pthread_t handled_by;

static void counts(int signal)
{
	(void)signal;
	count++;
	handled_by = pthread_self();
}

static void in_order(int signal, siginfo_t *info, void *context)
{
	(void)context;
	(void)signal;
	if (count < 16)
		order[count++] = info->si_value.sival_int;
}

static sigset_t only(int signal)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, signal);
	return set;
}

static int signal_parent(void *signal)
{
	sleep_ms(50);
	return kill(getppid(), (int)(long)signal);
}

static void suspend(void)
{
	sigset_t blocked = only(SIGUSR1), none, now;
	pid_t pid;

	sigemptyset(&none);
	signal(SIGUSR1, counts);
	need(!sigprocmask(SIG_BLOCK, &blocked, NULL));
	pid = child_start(signal_parent, (void *)SIGUSR1);
	check_fails("sigsuspend", sigsuspend(&none), EINTR);
	check("… after the handler", count == 1);
	check("… with the mask as before",
	      !sigprocmask(SIG_BLOCK, NULL, &now) && sigismember(&now, SIGUSR1));
	need(child_end(pid) == 0 && !raise(SIGUSR1));
	check_fails("sigsuspend: already pending", sigsuspend(&none), EINTR);
	check("handled", count == 2);
}

static void timed_wait(void)
{
	sigset_t set = only(SIGUSR1);
	struct timespec soon = {0, 50000000}, now = {0, 0};
	siginfo_t info = {0};
	long long before = now_ms();
	pid_t pid;

	check_fails("sigtimedwait: in time", sigtimedwait(&set, &info, &soon), EAGAIN);
	check("… not before", now_ms() - before >= 49);
	check_fails("sigtimedwait: at once", sigtimedwait(&set, &info, &now), EAGAIN);
	pid = child_start(signal_parent, (void *)SIGUSR1);
	check("sigwaitinfo", sigwaitinfo(&set, &info) == SIGUSR1 && info.si_pid == pid);
	need(child_end(pid) == 0);
	check("without the handler", count == 2);
	set = only(SIGCHLD);
	need(!sigprocmask(SIG_BLOCK, &set, NULL));
	pid = child_start(signal_parent, 0);
	check("SIGCHLD: who and how", sigwaitinfo(&set, &info) == SIGCHLD && info.si_pid == pid &&
					      info.si_code == CLD_EXITED && info.si_status == 0);
	need(child_end(pid) == 0 && !sigprocmask(SIG_UNBLOCK, &set, NULL));
}

static void real_time(void)
{
	struct sigaction action = {.sa_sigaction = in_order, .sa_flags = SA_SIGINFO};
	int low = SIGRTMIN + 1, high = SIGRTMIN + 3, good = 1;
	sigset_t both = only(low);

	sigaddset(&both, high);
	need(!sigaction(low, &action, NULL) && !sigaction(high, &action, NULL));
	need(!sigprocmask(SIG_BLOCK, &both, NULL));
	count = 0;
	for (int i = 0; i < 5; i++) {
		need(!sigqueue(getpid(), high, (union sigval){.sival_int = 100 + i}));
		need(!sigqueue(getpid(), low, (union sigval){.sival_int = i}));
	}
	siginfo_t info;
	check("sigwaitinfo takes the lowest",
	      sigwaitinfo(&both, &info) == low && info.si_value.sival_int == 0);
	need(!sigprocmask(SIG_UNBLOCK, &both, NULL));
	check("real-time signals queue", count == 9);
	/* The handler of a later one interrupts that of an earlier: either order of kinds is right. */
	int lows = 1, highs = 100;
	for (int i = 0; i < count; i++)
		good &= order[i] < 100 ? order[i] == lows++ : order[i] == highs++;
	check("in order, with their values", good && lows == 5 && highs == 105);
}

static void descriptor(void)
{
	sigset_t set = only(SIGUSR1);
	struct signalfd_siginfo info[2];
	struct pollfd poll_it;
	int fd;

	sigaddset(&set, SIGUSR2);
	need(!sigprocmask(SIG_BLOCK, &set, NULL));
	fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (!check("signalfd", fd >= 0))
		return;
	check_fails("signalfd: none yet", read(fd, info, sizeof info), EAGAIN);
	poll_it = (struct pollfd){.fd = fd, .events = POLLIN};
	check("… so poll says no", poll(&poll_it, 1, 0) == 0);
	raise(SIGUSR1);
	raise(SIGUSR2);
	check("poll says yes", poll(&poll_it, 1, 1000) == 1 && poll_it.revents == POLLIN);
	check("signalfd gives both",
	      read(fd, info, sizeof info) == sizeof info && info[0].ssi_signo == SIGUSR1 &&
		      info[1].ssi_signo == SIGUSR2 && info[0].ssi_pid == (unsigned)getpid());
	check_fails("signalfd: too short", read(fd, info, 8), EINVAL);
	close(fd);
}

static void alarms(void)
{
	sigset_t set = only(SIGALRM);
	struct itimerval every = {{0, 20000}, {0, 20000}}, left, none = {{0, 0}, {0, 0}};
	long long before = now_ms();

	need(!sigprocmask(SIG_BLOCK, &set, NULL));
	check("alarm gives the old one's rest", alarm(100) == 0 && alarm(0) >= 99);
	need(!setitimer(ITIMER_REAL, &every, NULL));
	for (int i = 0; i < 3; i++)
		need(sigwaitinfo(&set, NULL) == SIGALRM);
	check("setitimer repeats", now_ms() - before >= 59);
	check("getitimer", !getitimer(ITIMER_REAL, &left) && left.it_interval.tv_usec == 20000 &&
				   left.it_value.tv_usec <= 21000);
	need(!setitimer(ITIMER_REAL, &none, NULL));
	sigtimedwait(&set, NULL,
		     &(struct timespec){0, 0}); /* a slow machine was late for one more */
	signal(SIGVTALRM, counts);
	count = 0;
	need(!setitimer(ITIMER_VIRTUAL, &every, NULL));
	before = now_ms();
	while (count < 2 && now_ms() - before < 5000)
		;
	check("ITIMER_VIRTUAL", count >= 2);
	need(!setitimer(ITIMER_VIRTUAL, &none, NULL));
	check_fails("setitimer: unknown", setitimer(9, &none, NULL), EINVAL);
}

static void *waits(void *ready)
{
	sigset_t none;

	sigemptyset(&none);
	*(volatile int *)ready = 1;
	sigsuspend(&none);
	return NULL;
}

static void threads(void)
{
	volatile int ready = 0;
	sigset_t set = only(SIGUSR1);
	pthread_t thread;

	need(!sigprocmask(SIG_BLOCK, &set, NULL));
	signal(SIGUSR1, counts);
	count = 0;
	need(!pthread_create(&thread, NULL, waits, (void *)&ready));
	while (!ready)
		sleep_ms(1);
	sleep_ms(20);
	need(!pthread_kill(thread, SIGUSR1) && !pthread_join(thread, NULL));
	check("pthread_kill: that thread", count == 1 && handled_by == thread);
	ready = 0;
	need(!pthread_create(&thread, NULL, waits, (void *)&ready));
	while (!ready)
		sleep_ms(1);
	sleep_ms(20);
	need(!kill(getpid(), SIGUSR1) && !pthread_join(thread, NULL));
	check("kill: one that doesn't block it", count == 2 && handled_by == thread);
	check_fails("tgkill: no such thread", syscall(SYS_tgkill, getpid(), 1 << 21, 0), ESRCH);
}

int main(void)
{
	suspend();
	timed_wait();
	real_time();
	descriptor();
	alarms();
	threads();
	return check_end();
}

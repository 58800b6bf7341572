/* SPDX-License-Identifier: MIT
 *
 * The life of processes: fork, vfork, how they end and who is told, orphans, groups and sessions,
 * and what they cost.
 */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/times.h>

#include "check.h"

static int give(void *status)
{
	return (int)(intptr_t)status;
}

static int raise_it(void *signal)
{
	raise((int)(intptr_t)signal);
	return 99;
}

static int wait_for_signal(void *unused)
{
	(void)unused;
	while (pause())
		;
	return 0;
}

static char state_of(pid_t pid)
{
	char path[32], state = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	file = fopen(path, "r");
	if (!file || fscanf(file, "%*d (%*[^)]) %c", &state) != 1)
		state = 0;
	if (file)
		fclose(file);
	return state;
}

static void ends(void)
{
	int status = -1;
	siginfo_t info = {0};
	pid_t pid;

	check("exit status", in_child(give, (void *)42) == 42);
	check("only 8 bits of it", in_child(give, (void *)0x1ff) == 0xff);
	check("killed by a signal", in_child(raise_it, (void *)SIGTERM) == 128 + SIGTERM);
	check("abort", in_child(raise_it, (void *)SIGABRT) == 128 + SIGABRT);
	check_fails("wait: no children", wait(&status), ECHILD);
	pid = child_start(give, (void *)7);
	check("waitid WNOWAIT leaves it", !waitid(P_PID, pid, &info, WEXITED | WNOWAIT) &&
						  info.si_pid == pid && info.si_status == 7);
	check("si_code, si_signo", info.si_code == CLD_EXITED && info.si_signo == SIGCHLD);
	check("a zombie takes signals", kill(pid, 0) == 0 && kill(pid, SIGKILL) == 0);
	check("… and is shown as one", state_of(pid) == 'Z');
	check("… and stays ended", waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == 7);
	check_fails("reaped is gone", kill(pid, 0), ESRCH);
	pid = child_start(wait_for_signal, NULL);
	check("WNOHANG: not yet", waitpid(pid, &status, WNOHANG) == 0);
	need(!kill(pid, SIGKILL));
	info.si_pid = 0;
	check("waitid: killed", !waitid(P_ALL, 0, &info, WEXITED) && info.si_pid == pid &&
					info.si_code == CLD_KILLED && info.si_status == SIGKILL);
	check_fails("waitpid: not a child", waitpid(1 << 21, &status, 0), ECHILD);
	check_fails("waitpid: bad options", waitpid(-1, &status, 0x100), EINVAL);
}

static void forks(void)
{
	int shared = 1, fd = open("f", O_RDWR | O_CREAT, 0600);
	pid_t pid = fork();

	if (!pid) {
		shared = 2;
		_exit(lseek(fd, 5, SEEK_SET) != 5);
	}
	need(pid > 0 && child_end(pid) == 0);
	check("fork copies memory", shared == 1);
	check("fork shares positions", lseek(fd, 0, SEEK_CUR) == 5);
	volatile int seen = 0;
	pid = vfork();
	if (!pid) {
		seen = 1;
		_exit(3);
	}
	check("vfork: the parent waits, and shares memory", seen == 1 && child_end(pid) == 3);
	for (int i = 0; i < 20; i++)
		child_start(give, (void *)(intptr_t)(i % 2));
	int count = 0, ones = 0, status;
	while (wait(&status) > 0) {
		count++;
		ones += WEXITSTATUS(status);
	}
	check("20 children at once", count == 20 && ones == 10);
	close(fd);
}

/* Ends leaving a child, which says who its parent is then. */
static int leave_orphan(void *pipe_end)
{
	int fd = *(int *)pipe_end;
	pid_t me = getpid();

	if (fork())
		return 0;
	while (getppid() == me)
		sched_yield();
	pid_t parent = getppid();
	return write(fd, &parent, sizeof parent) != sizeof parent;
}

static void orphans(void)
{
	int fds[2];
	pid_t parent = 0;

	need(!pipe(fds) && !in_child(leave_orphan, &fds[1]));
	check("an orphan gets another parent",
	      read(fds[0], &parent, sizeof parent) == sizeof parent && parent != getpid());
	need(!prctl(PR_SET_CHILD_SUBREAPER, 1) && !in_child(leave_orphan, &fds[1]));
	check("PR_SET_CHILD_SUBREAPER: us", read(fds[0], &parent, sizeof parent) == sizeof parent &&
						    parent == getpid() && wait(NULL) > 0);
	need(!prctl(PR_SET_CHILD_SUBREAPER, 0));
	close(fds[0]);
	close(fds[1]);
}

static int parent_death(void *fd)
{
	pid_t child = fork();
	char byte = 'd';

	if (child) {
		sleep_ms(30);
		return 0;
	}
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	prctl(PR_SET_PDEATHSIG, SIGUSR1);
	if (sigwaitinfo(&set, NULL) != SIGUSR1)
		return 1;
	return write(*(int *)fd, &byte, 1) != 1;
}

static void names(void)
{
	int fds[2];
	char name[16] = "", byte = 0;

	check("PR_SET_NAME, PR_GET_NAME", !prctl(PR_SET_NAME, "a-name-that-is-too-long") &&
						  !prctl(PR_GET_NAME, name) &&
						  !strcmp(name, "a-name-that-is-"));
	need(!pipe(fds) && !in_child(parent_death, &fds[1]));
	check("PR_SET_PDEATHSIG", read(fds[0], &byte, 1) == 1 && byte == 'd');
	check("PR_GET_DUMPABLE", prctl(PR_GET_DUMPABLE) >= 0);
	check_fails("prctl: unknown", prctl(9999, 0, 0, 0, 0), EINVAL);
	close(fds[0]);
	close(fds[1]);
}

static int own_session(void *unused)
{
	pid_t me = getpid();

	(void)unused;
	check("setsid", setsid() == me && getsid(0) == me && getpgrp() == me);
	check_fails("setsid: a leader already", setsid(), EPERM);
	check_fails("setpgid of a session leader", setpgid(0, 0), EPERM);
	return check_count.failed;
}

static void groups(void)
{
	pid_t a = child_start(wait_for_signal, NULL), b = child_start(wait_for_signal, NULL);
	int status;

	check("children are of our group", getpgid(a) == getpgrp() && getsid(a) == getsid(0));
	check("setpgid makes a group", !setpgid(a, a) && getpgid(a) == a);
	check("setpgid joins it", !setpgid(b, a) && getpgid(b) == a);
	check_fails("setpgid: no such group", setpgid(b, b + 1000), EPERM);
	check_fails("setpgid: not ours", setpgid(1, 1), ESRCH);
	check_fails("setpgid: negative", setpgid(b, -1), EINVAL);
	check("kill of the group", !kill(-a, SIGTERM));
	check("waitpid of the group", waitpid(-a, &status, 0) > 0 && waitpid(-a, &status, 0) > 0);
	check_fails("no more of them", waitpid(-a, &status, 0), ECHILD);
	check_fails("kill: nobody", kill(-a, SIGTERM), ESRCH);
	check("a session of one's own", in_child(own_session, NULL) == 0);
}

static int burn(void *ms)
{
	struct rusage usage;

	do
		getrusage(RUSAGE_SELF, &usage);
	while (usage.ru_utime.tv_sec * 1000 + usage.ru_utime.tv_usec / 1000 +
		       usage.ru_stime.tv_sec * 1000 + usage.ru_stime.tv_usec / 1000 <
	       (intptr_t)ms);
	return 0;
}

static void costs(void)
{
	struct rusage before, after, own;
	struct tms t;
	int status;
	pid_t pid;

	need(!getrusage(RUSAGE_CHILDREN, &before) && !in_child(burn, (void *)100));
	need(!getrusage(RUSAGE_CHILDREN, &after));
	long ms = (after.ru_utime.tv_sec - before.ru_utime.tv_sec + after.ru_stime.tv_sec -
		   before.ru_stime.tv_sec) *
			  1000 +
		  (after.ru_utime.tv_usec - before.ru_utime.tv_usec + after.ru_stime.tv_usec -
		   before.ru_stime.tv_usec) /
			  1000;
	check("RUSAGE_CHILDREN counts their time", ms >= 80 && ms < 5000);
	check("times", times(&t) != (clock_t)-1 && t.tms_cutime + t.tms_cstime >= 8);
	check("ru_minflt", !getrusage(RUSAGE_SELF, &own) && own.ru_minflt > 0);
	check("ru_maxrss", own.ru_maxrss > 50 && own.ru_maxrss < 1 << 20);
	pid = child_start(burn, (void *)20);
	check("wait4 gives the child's usage",
	      wait4(pid, &status, 0, &own) == pid &&
		      own.ru_utime.tv_usec + own.ru_stime.tv_usec > 0);
	check_fails("getrusage: whose?", getrusage(99, &own), EINVAL);
}

int main(void)
{
	ends();
	forks();
	orphans();
	names();
	groups();
	costs();
	return check_end();
}

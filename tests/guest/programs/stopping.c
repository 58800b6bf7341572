/* SPDX-License-Identifier: MIT
 *
 * Stopped and continued: SIGSTOP, SIGCONT and what a parent hears of it; and SIGCHLD's variants.
 */
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>

#include "check.h"

static volatile int *ticks, children;

static int tick(void *unused)
{
	(void)unused;
	for (;; sleep_ms(1))
		++*ticks;
	return 0;
}

static int advances(void)
{
	int before = *ticks;

	for (int i = 0; i < 100 && *ticks == before; i++)
		sleep_ms(10);
	return *ticks != before;
}

static char state_of(pid_t pid)
{
	char path[32], line[256] = "";
	FILE *file;

	snprintf(path, sizeof path, "/proc/%d/stat", pid);
	file = fopen(path, "r");
	need(file && fgets(line, sizeof line, file) && !fclose(file));
	return strrchr(line, ')')[2];
}

static void stop_and_continue(void)
{
	int status, before;
	pid_t pid = child_start(tick, NULL);

	check("it runs", advances());
	need(!kill(pid, SIGSTOP));
	check("WUNTRACED tells", waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status) &&
					 WSTOPSIG(status) == SIGSTOP);
	check("… once", waitpid(pid, &status, WUNTRACED | WNOHANG) == 0);
	before = *ticks;
	sleep_ms(30);
	check("it stands still", *ticks == before);
	check("state T", state_of(pid) == 'T');
	need(!kill(pid, SIGTERM));
	sleep_ms(20);
	check("other signals wait", waitpid(pid, &status, WNOHANG) == 0);
	need(!kill(pid, SIGCONT));
	check("until SIGCONT", waitpid(pid, &status, 0) == pid && WTERMSIG(status) == SIGTERM);
	pid = child_start(tick, NULL);
	/* In a group of its own, which isn't orphaned as long as we are there: ours may be. */
	need(!setpgid(pid, pid) && !kill(pid, SIGTSTP) && waitpid(pid, &status, WUNTRACED) == pid);
	check("SIGTSTP stops", WIFSTOPPED(status) && WSTOPSIG(status) == SIGTSTP);
	need(!kill(pid, SIGCONT));
	check("WCONTINUED tells", waitpid(pid, &status, WCONTINUED) == pid && WIFCONTINUED(status));
	check("it runs on", advances());
	need(!kill(pid, SIGSTOP) && waitpid(pid, &status, WUNTRACED) == pid);
	check("SIGKILL ends a stopped one", !kill(pid, SIGKILL) && child_end(pid) == 128 + SIGKILL);
}

static void count_children(int signal, siginfo_t *info, void *context)
{
	(void)signal;
	(void)context;
	children = children * 10 + info->si_code;
}

/* What SIGCHLD has told, which may come a little later than waitpid() does. */
static int told(void)
{
	for (int i = 0; i < 100 && !children; i++)
		sleep_ms(10);
	return children;
}

static int end_at_once(void *unused)
{
	return unused != NULL;
}

static void child_signals(void)
{
	struct sigaction action = {.sa_sigaction = count_children, .sa_flags = SA_SIGINFO};
	int status;
	pid_t pid;

	need(!sigaction(SIGCHLD, &action, NULL));
	pid = child_start(tick, NULL);
	need(!kill(pid, SIGSTOP) && waitpid(pid, &status, WUNTRACED) == pid);
	check("SIGCHLD of a stop", told() == CLD_STOPPED);
	children = 0;
	need(!kill(pid, SIGCONT) && waitpid(pid, &status, WCONTINUED) == pid);
	check("SIGCHLD of a continuation", told() == CLD_CONTINUED);
	children = 0;
	need(child_end((kill(pid, SIGKILL), pid)) == 128 + SIGKILL);
	check("SIGCHLD of the end", told() == CLD_KILLED);
	action.sa_flags |= SA_NOCLDSTOP;
	need(!sigaction(SIGCHLD, &action, NULL));
	children = 0;
	pid = child_start(tick, NULL);
	need(!kill(pid, SIGSTOP) && waitpid(pid, &status, WUNTRACED) == pid);
	check("SA_NOCLDSTOP: not of a stop", children == 0);
	need(!kill(pid, SIGKILL) && child_end(pid) == 128 + SIGKILL);
	check("… but of the end", told() == CLD_KILLED);
	signal(SIGCHLD, SIG_IGN);
	pid = child_start(end_at_once, NULL);
	check_fails("SIG_IGN: no zombies", waitpid(pid, &status, 0), ECHILD);
	signal(SIGCHLD, SIG_DFL);
}

/* Its own SIGCONT handler runs after the stop. */
static volatile int continued;

static void on_continue(int signal)
{
	(void)signal;
	continued = 1;
}

static int stop_self(void *unused)
{
	(void)unused;
	signal(SIGCONT, on_continue);
	raise(SIGSTOP);
	return continued ? 33 : 44;
}

static int leave_stopped(void *pid_out)
{
	pid_t pid;

	setpgid(0, 0);
	pid = fork();
	if (!pid) {
		raise(SIGSTOP);
		*(volatile int *)pid_out = 1;
		_exit(0);
	}
	waitpid(pid, NULL, WUNTRACED);
	return 0;
}

static void by_itself(void)
{
	int status;
	pid_t pid = child_start(stop_self, NULL);

	need(waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status) && !kill(pid, SIGCONT));
	check("a handler of SIGCONT runs", child_end(pid) == 33);
	*ticks = 0;
	need(!in_child(leave_stopped, (void *)ticks));
	sleep_ms(50);
	check("an orphaned stopped group is woken by SIGHUP, and ends", *ticks == 0);
	pid = child_start(tick, NULL);
	setpgid(pid, pid);
	need(!kill(-pid, SIGSTOP) && waitpid(-pid, &status, WUNTRACED) == pid);
	check("SIGSTOP to a group", WIFSTOPPED(status));
	need(!kill(-pid, SIGKILL) && child_end(pid) == 128 + SIGKILL);
}

int main(void)
{
	ticks = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	need(ticks != MAP_FAILED);
	stop_and_continue();
	child_signals();
	by_itself();
	return check_end();
}

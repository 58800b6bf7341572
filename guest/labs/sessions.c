/* SPDX-License-Identifier: MIT
 *
 * Sessions and job control: a terminal, a shell that leads its session, and four jobs of it. Somebody types
 * Ctrl-Z and Ctrl-C, and then the line is cut: who gets which signal?
 *
 *   sessions [-m MILLISECONDS to let things settle]
 */
#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lab.h"

enum { SHELL, FOREGROUND, READER, SLEEPER, DAEMON, PROCESSES };

static const char *const names[] = {"shell", "foreground", "reader", "sleeper", "daemon"};
static volatile pid_t *pids; /* in memory that all share */
static const char *const outcome_none = "alive";

static void sleep_on(void)
{
	for (;;)
		pause();
}

static void be_job(unsigned job)
{
	char c;

	setpgid(0, 0);
	pids[job] = getpid();
	if (job == READER && read(0, &c, 1) < 0) /* from a terminal that it isn't in front of */
		_exit(1);
	if (job == DAEMON) {
		if (fork()) /* a group's leader can't make a session */
			_exit(0);
		setsid();
		pids[job] = getpid();
	}
	sleep_on();
}

/* The session's leader starts its jobs, gives one the terminal, and leaves all else undone. */
static void be_shell(const char *terminal)
{
	setsid();
	const int fd = open(terminal, O_RDWR);

	ioctl(fd, TIOCSCTTY, 0);
	dup2(fd, 0);
	pids[SHELL] = getpid();
	for (unsigned job = FOREGROUND; job < PROCESSES; job++) {
		const pid_t pid = fork();

		if (pid == 0)
			be_job(job);
		setpgid(pid, pid);
		if (job == FOREGROUND)
			tcsetpgrp(0, pid);
	}
	sleep_on();
}

struct seen {
	char state;
	int parent, group, session;
};

static struct seen look(pid_t pid)
{
	struct seen seen = {.state = '-'};
	char path[32], text[256] = "";
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	file = fopen(path, "re");
	if (file && fgets(text, sizeof(text), file) && strrchr(text, ')'))
		sscanf(strrchr(text, ')'), ") %c %d %d %d", &seen.state, &seen.parent, &seen.group,
		       &seen.session);
	if (file)
		fclose(file);
	return seen;
}

static const char *word_of(char state)
{
	switch (state) {
	case 'T': return "stopped";
	case 'Z': return "zombie";
	case '-':
	case 'X': return "gone";
	default: return "alive";
	}
}

static void report(unsigned step, const char *after)
{
	printf("\n%s\n", after);
	for (unsigned i = 0; i < PROCESSES; i++) {
		const struct seen seen = look(pids[i]);

		printf("  %-10s process %d group %d session %d: %s\n", names[i], (int)pids[i],
		       seen.group, seen.session, word_of(seen.state));
		lab_row("state",
			"step=%u next=%u after=%s process=%s own_group=%d same_session=%d state=%s",
			step, step + 1, after, names[i], seen.group == pids[i],
			seen.session == pids[SHELL], word_of(seen.state));
	}
}

/* How each ended: orphans come to us, so that we may ask. */
static void report_ends(void)
{
	for (unsigned i = 0; i < PROCESSES; i++) {
		const char *how = outcome_none;
		int status, number = 0;

		if (waitpid(pids[i], &status, WNOHANG) == pids[i] && WIFSIGNALED(status)) {
			number = WTERMSIG(status);
			how = strsignal(number);
		}
		printf("%-10s %s\n", names[i], how);
		lab_row("end", "process=%s signal=%d how=\"%s\"", names[i], number, how);
	}
}

int main(int argc, char **argv)
{
	const uint64_t settle_us = lab_option(argc, argv, 'm', 300) * 1000;
	char terminal[64];
	int master, slave;

	pids = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	if (openpty(&master, &slave, terminal, NULL, NULL))
		lab_die("openpty");
	if (fork() == 0) {
		close(master);
		be_shell(terminal);
	}
	usleep((useconds_t)(4 * settle_us));
	close(slave);
	report(0, "start");
	for (unsigned step = 1; step <= 4; step++) {
		static const char *const actions[] = {"", "Ctrl-Z", "continued", "Ctrl-C",
						      "hang-up"};

		if (step == 2)
			kill(-pids[FOREGROUND], SIGCONT);
		else if (step == 4)
			close(master);
		else if (write(master, step == 1 ? "\x1a" : "\x03", 1) != 1)
			lab_die("terminal");
		usleep((useconds_t)settle_us);
		report(step, actions[step]);
	}
	report_ends();
	for (unsigned i = 0; i < PROCESSES; i++)
		kill(pids[i], SIGKILL);
	return 0;
}

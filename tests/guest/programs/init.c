/* SPDX-License-Identifier: MIT
 *
 * /init of a test: runs the command that the kernel's command line names, in an empty folder and as
 * a session of its own on the console, says how it ended, and powers the machine off.
 *
 *   exec=/tests/files,-v      commas for blanks; the words go to sh -c
 *
 * The verdict is the line "exit N": the status as a shell counts it. With an argument, that is the
 * command, and all around it is somebody else's affair (tests/lib/userland.py).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest/userland/first_process.h"

#define FOLDER "/tmp/test"
#define NO_COMMAND 2

static const struct mount_point mounts[] = {
	{"proc", "/proc"},	{"sysfs", "/sys"},     {"devtmpfs", "/dev"},	  {"tmpfs", "/tmp"},
	{"devpts", "/dev/pts"}, {"tmpfs", "/dev/shm"}, {"mqueue", "/dev/mqueue"},
};

/* The word after exec=, its commas made blanks; NULL without one. */
static char *command(void)
{
	static char line[4096];
	int fd = open("/proc/cmdline", O_RDONLY);
	ssize_t length = fd < 0 ? -1 : read(fd, line, sizeof line - 1);

	line[length < 0 ? 0 : length] = '\0';
	for (char *word = strtok(line, " \n"); word; word = strtok(NULL, " \n")) {
		if (strncmp(word, "exec=", 5))
			continue;
		for (char *c = word; *c; c++)
			*c = *c == ',' ? ' ' : *c;
		return word + 5;
	}
	return NULL;
}

static void run(char *words)
{
	char *argv[] = {"sh", "-c", words, NULL};
	char *envp[] = {"PATH=/bin", "HOME=/root", "TERM=vt100", "LC_ALL=C", NULL};

	setsid();
	ioctl(0, TIOCSCTTY, 0);
	if (mkdir(FOLDER, 0777) && errno != EEXIST)
		perror(FOLDER);
	if (chdir(FOLDER))
		perror(FOLDER);
	execve("/bin/sh", argv, envp);
	perror("/bin/sh");
	_exit(NOT_STARTED);
}

static void run_and_tell(char *words)
{
	int status = NO_COMMAND;

	if (words) {
		pid_t pid = fork();

		if (!pid)
			run(words);
		status = pid < 0 ? NOT_STARTED : wait_for(pid);
	}
	printf("exit %d\n", status);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	if (argc > 1) {
		run_and_tell(argv[1]);
		return 0;
	}
	mount_all(mounts, sizeof(mounts) / sizeof(*mounts));
	open_console();
	run_and_tell(command());
	sync();
	reboot(RB_POWER_OFF);
	perror("init: reboot");
	for (;;)
		pause();
}

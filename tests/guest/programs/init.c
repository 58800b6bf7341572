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
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define FOLDER "/tmp/test"
#define NO_COMMAND 2
#define NOT_STARTED 127

static const struct {
	const char *type, *path;
} mounts[] = {
	{"proc", "/proc"},	{"sysfs", "/sys"},     {"devtmpfs", "/dev"},	  {"tmpfs", "/tmp"},
	{"devpts", "/dev/pts"}, {"tmpfs", "/dev/shm"}, {"mqueue", "/dev/mqueue"},
};

/* What this kernel doesn't have, or has already, is no matter: the tests find out. */
static void mount_all(void)
{
	for (unsigned i = 0; i < sizeof mounts / sizeof mounts[0]; i++) {
		mkdir(mounts[i].path, 0755);
		mount(mounts[i].type, mounts[i].path, mounts[i].type, 0, NULL);
	}
	chmod("/tmp", 01777);
}

/* The kernel has opened the console for us if it could find one before /dev was there. */
static void open_console(void)
{
	int fd = open("/dev/console", O_RDWR);

	for (int i = 0; fd >= 0 && i < 3; i++)
		dup2(fd, i);
	if (fd > 2)
		close(fd);
}

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

/* The status of PID; reaps whatever else ends meanwhile, as an init does. */
static int wait_for(pid_t pid)
{
	int status;
	pid_t ended;

	while ((ended = wait(&status)) != pid)
		if (ended < 0 && errno == ECHILD)
			return NOT_STARTED;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
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
	mount_all();
	open_console();
	run_and_tell(command());
	sync();
	reboot(RB_POWER_OFF);
	perror("init: reboot");
	for (;;)
		pause();
}

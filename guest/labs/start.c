/* SPDX-License-Identifier: MIT
 *
 * The first program of a lab's guest, the bundled one or a stock Linux: mounts what programs expect, runs the
 * command in its arguments, says how it ended, and switches the machine off.
 *
 *   init=/labs/start -- COMMAND      (Linux: rdinit=)
 *
 * A kernel's command line has no quoting worth the name, so %XX stands for a character there. The verdict is the
 * line "lab-exit N", the status as a shell counts it: a power-off tells the runner nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/reboot.h>
#include <unistd.h>

#include "guest/userland/first_process.h"

#define COMMAND_MAX 4096
#define WORDS_MAX 64

static const struct mount_point mounts[] = {
	{"proc", "/proc"},	{"sysfs", "/sys"}, {"devtmpfs", "/dev"},
	{"devpts", "/dev/pts"}, {"tmpfs", "/tmp"}, {"tmpfs", "/dev/shm"},
};

/* In the stock guest, whose initramfs has nothing but busybox yet: the applets, and the modules of its devices. */
#define STOCK_BUSYBOX "/usr/bin/busybox"
static const char stock_setup[] = STOCK_BUSYBOX
	" --install -s /usr/bin\n"
	"for round in 1 2; do\n"
	"find /sys/devices -name modalias -exec cat {} + | sort -u |"
	" xargs modprobe -qab 2> /dev/null\n"
	"done\n";

static int hex_digit(char c)
{
	static const char digits[] = "0123456789ABCDEF";
	const char *at = c ? strchr(digits, c) : NULL;

	return at ? (int)(at - digits) : -1;
}

/* The arguments as one line, with %XX made characters again. */
static void join(char **words, char line[COMMAND_MAX])
{
	size_t length = 0;

	for (; *words; words++) {
		for (const char *c = *words; *c && length < COMMAND_MAX - 2; c++) {
			const int high = *c == '%' ? hex_digit(c[1]) : -1;
			const int low = high >= 0 ? hex_digit(c[2]) : -1;

			line[length++] = low >= 0 ? (char)(high << 4 | low) : *c;
			c += low >= 0 ? 2 : 0;
		}
		line[length++] = words[1] ? ' ' : '\0';
	}
	line[COMMAND_MAX - 1] = '\0';
}

/* In the new process. Only what needs a shell gets one: another exec is a lot of work on an emulated ring 0. */
static void become(char *line)
{
	char *argv[WORDS_MAX + 1] = {NULL};
	unsigned count = 0;

	setsid();
	ioctl(0, TIOCSCTTY, 0);
	if (chdir("/tmp"))
		perror("/tmp");
	if (strpbrk(line, "\"'\\$`;|&<>()*?[]{}~#\n")) {
		execl("/bin/sh", "sh", "-c", line, (char *)NULL);
		perror("start: /bin/sh");
		return;
	}
	for (char *word = strtok(line, " "); word && count < WORDS_MAX; word = strtok(NULL, " "))
		argv[count++] = word;
	if (count)
		execvp(argv[0], argv);
	fprintf(stderr, "start: %s: %s\n", count ? argv[0] : "no command",
		strerror(count ? errno : ENOENT));
}

static int run(char *line)
{
	pid_t pid = fork();

	if (!pid) {
		become(line);
		_exit(NOT_STARTED);
	}
	return pid < 0 ? NOT_STARTED : wait_for(pid);
}

static void set_up_stock_guest(void)
{
	pid_t pid;

	if (access("/bin/sh", X_OK) == 0 || access(STOCK_BUSYBOX, X_OK) != 0)
		return;
	pid = fork();
	if (!pid) {
		execl(STOCK_BUSYBOX, "sh", "-c", stock_setup, (char *)NULL);
		_exit(NOT_STARTED);
	}
	if (pid > 0)
		wait_for(pid);
}

int main(int argc, char **argv)
{
	static char line[COMMAND_MAX];

	(void)argc;
	join(argv + 1, line);
	if (getpid() != 1) {
		fputs("start: is for a guest's first process\n", stderr);
		return 2;
	}
	mount_all(mounts, sizeof(mounts) / sizeof(*mounts));
	open_console();
	setenv("PATH", "/labs:/bin:/usr/bin:/sbin:/usr/sbin", 1);
	setenv("HOME", "/root", 1);
	setenv("LC_ALL", "C", 1);
	set_up_stock_guest();
	printf("lab-exit %d\n", run(line));
	fflush(stdout);
	sync();
	reboot(RB_POWER_OFF);
	perror("start: reboot");
	for (;;)
		pause();
}

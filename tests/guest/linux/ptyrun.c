/* SPDX-License-Identifier: MIT
 *
 * ptyrun ROWSxCOLUMNS WORD ROWSxCOLUMNS COMMAND…: runs COMMAND on a terminal of the first size and gives the terminal
 * the second size when WORD is on it. Copies what comes from there; ends with COMMAND's status. Static: runs on any
 * Linux.
 */
#define _GNU_SOURCE
#include <err.h>
#include <pty.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define SEEN_BYTES 65536

static struct winsize parse(const char *text)
{
	struct winsize size = {0};

	if (sscanf(text, "%hux%hu", &size.ws_row, &size.ws_col) != 2)
		errx(2, "%s: write ROWSxCOLUMNS", text);
	return size;
}

/* Until the other side has closed the terminal; a read then fails with EIO. */
static void watch(int fd, const char *word, const struct winsize *size)
{
	static char seen[SEEN_BYTES];
	size_t length = 0;
	int told = 0;
	ssize_t some;

	while ((some = read(fd, seen + length, sizeof seen - 1 - length)) > 0) {
		if (write(STDOUT_FILENO, seen + length, some) != some)
			err(1, "write");
		length += some;
		seen[length] = '\0';
		if (!told && strstr(seen, word))
			told = ioctl(fd, TIOCSWINSZ, size) == 0;
		if (length > sizeof seen / 2)
			length = 0;
	}
}

int main(int argc, char **argv)
{
	struct winsize before, after;
	int fd, status;
	pid_t child;

	if (argc < 5)
		errx(2, "usage: ptyrun ROWSxCOLUMNS WORD ROWSxCOLUMNS COMMAND…");
	before = parse(argv[1]);
	after = parse(argv[3]);
	child = forkpty(&fd, NULL, NULL, &before);
	if (child < 0)
		err(1, "forkpty");
	if (child == 0) {
		execvp(argv[4], argv + 4);
		err(127, "%s", argv[4]);
	}
	watch(fd, argv[2], &after);
	waitpid(child, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

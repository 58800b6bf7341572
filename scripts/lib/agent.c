/* SPDX-License-Identifier: MIT
 *
 * agent LINE none|pipe|tty ROWS COLUMNS — runs /sandbox/command inside the sandbox and carries its
 * output, its status and its files out over a serial line. The other end is session.py.
 *
 * Out:  frames of a type byte, a 32-bit little-endian length and that many bytes:
 *       R  ready for input       O, E  bytes of standard output, standard error
 *       N  path of a file        D  bytes of it            M  path of a file that can't be read
 *       S  exit status, 1 byte: the last frame
 * In:   chunks of a length byte and that many bytes; length 0 is end of file.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

enum {
	CTRL_D = 4,
	LAST_READS = 64, /* after the end; more than pipes hold: a flooding orphan can't keep us */
};

struct child {
	pid_t pid;
	int out; /* its standard output, or its terminal */
	int err; /* -1 on a terminal */
	int in;	 /* -1: none (any more) */
	int is_tty;
};

static void write_all(int fd, const void *data, size_t len)
{
	const char *bytes = data;

	while (len > 0) {
		ssize_t done = write(fd, bytes, len);

		if (done < 0 && errno != EINTR && errno != EAGAIN)
			return;
		if (done > 0) {
			bytes += done;
			len -= done;
		}
	}
}

static void send_frame(int line, char type, const void *data, uint32_t len)
{
	unsigned char head[5] = {type, len, len >> 8, len >> 16, len >> 24};

	write_all(line, head, sizeof head);
	write_all(line, data, len);
}

static int line_open(const char *path)
{
	int line = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);
	struct termios settings;

	if (line < 0 || tcgetattr(line, &settings))
		return -1;
	cfmakeraw(&settings);
	settings.c_cflag = CS8 | CREAD | CLOCAL;
	cfsetspeed(&settings, B115200);
	return tcsetattr(line, TCSANOW, &settings) ? -1 : line;
}

static void exec_command(void)
{
	execl("/bin/busybox", "sh", "/sandbox/command", (char *)NULL);
	_exit(127);
}

/* The command on a terminal of its own. */
static int start_on_tty(struct child *child, const char *rows, const char *columns)
{
	struct winsize size = {.ws_row = atoi(rows), .ws_col = atoi(columns)};

	child->pid = forkpty(&child->out, NULL, NULL, &size);
	if (child->pid == 0)
		exec_command();
	child->in = child->out;
	child->err = -1;
	child->is_tty = 1;
	return child->pid < 0 ? -1 : 0;
}

/* The command with pipes; without input it reads /dev/null. */
static int start_on_pipes(struct child *child, int with_input)
{
	int in[2] = {open("/dev/null", O_RDONLY | O_CLOEXEC), -1}, out[2], err[2];

	if ((with_input && pipe2(in, O_CLOEXEC)) || pipe2(out, O_CLOEXEC) || pipe2(err, O_CLOEXEC))
		return -1;
	child->pid = fork();
	if (child->pid == 0) {
		setsid();
		dup2(in[0], 0);
		dup2(out[1], 1);
		dup2(err[1], 2);
		exec_command();
	}
	close(in[0]);
	close(out[1]);
	close(err[1]);
	child->in = in[1];
	child->out = out[0];
	child->err = err[0];
	return child->pid < 0 ? -1 : 0;
}

/* Moves what can be read at once; 0 at the end of the stream. */
static int forward(int line, char type, int from)
{
	char data[4096];
	ssize_t len = read(from, data, sizeof data);

	if (len <= 0)
		return 0;
	send_frame(line, type, data, len);
	return 1;
}

/* One byte from the line: a small state machine over the chunks that arrive. */
static void accept_input(struct child *child, unsigned char byte, unsigned *left)
{
	static const char end = CTRL_D;

	if (*left > 0) {
		--*left;
		if (child->in >= 0)
			write_all(child->in, &byte, 1);
	} else if (byte > 0) {
		*left = byte;
	} else if (child->is_tty) {
		write_all(child->in, &end, 1);
	} else if (child->in >= 0) {
		close(child->in);
		child->in = -1;
	}
}

static void read_line(int line, struct child *child, unsigned *left)
{
	unsigned char data[256];
	ssize_t len = read(line, data, sizeof data);

	for (ssize_t i = 0; i < len; i++)
		accept_input(child, data[i], left);
}

/* Carries everything until the command has ended; what it left in the background is not waited for. */
static int carry(int line, struct child *child)
{
	struct pollfd fds[] = {{.fd = child->out, .events = POLLIN},
			       {.fd = child->err, .events = POLLIN},
			       {.fd = line, .events = POLLIN},
			       {.fd = pidfd_open(child->pid, 0), .events = POLLIN}};
	unsigned left = 0;
	int status, last_reads = 0;

	/* sleeps in between: a timer would show in what is measured in here */
	for (;;) {
		poll(fds, 4, -1);
		if (fds[0].revents && !forward(line, 'O', child->out))
			fds[0].fd = -1;
		if (fds[1].revents && !forward(line, 'E', child->err))
			fds[1].fd = -1;
		if (fds[2].revents)
			read_line(line, child, &left);
		if (fds[3].revents &&
		    ((!fds[0].revents && !fds[1].revents) || ++last_reads == LAST_READS))
			break;
	}
	waitpid(child->pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* /sandbox/outputs names the files to send, one a line. */
static void send_files(int line)
{
	FILE *list = fopen("/sandbox/outputs", "re");
	char path[4096];

	while (list && fgets(path, sizeof path, list)) {
		int fd;

		path[strcspn(path, "\n")] = 0;
		fd = open(path, O_RDONLY | O_CLOEXEC);
		send_frame(line, fd < 0 ? 'M' : 'N', path, strlen(path));
		while (fd >= 0 && forward(line, 'D', fd))
			;
		if (fd >= 0)
			close(fd);
	}
	if (list)
		fclose(list);
}

int main(int argc, char **argv)
{
	struct child child = {.in = -1};
	unsigned char status;
	int line;

	if (argc != 5)
		return 2;
	line = line_open(argv[1]);
	if (line < 0) {
		perror(argv[1]);
		return 1;
	}
	signal(SIGPIPE, SIG_IGN);
	if (strcmp(argv[2], "tty") == 0 ? start_on_tty(&child, argv[3], argv[4])
					: start_on_pipes(&child, strcmp(argv[2], "pipe") == 0)) {
		perror("agent");
		return 1;
	}
	send_frame(line, 'R', NULL, 0);
	status = carry(line, &child);
	send_files(line);
	send_frame(line, 'S', &status, 1);
	tcdrain(line);
	return 0;
}

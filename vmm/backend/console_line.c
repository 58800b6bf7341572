/* SPDX-License-Identifier: MIT
 *
 * The kinds of lines (--serial, --virtio-console, --port): what each opens, and its error messages.
 */
#include "backend/console_line.h"

#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "backend/terminal.h"
#include "backend/unix_socket.h"

/* Where a message about this line goes. */
struct line_error {
	const char *option; /* "--serial" */
	const char *spec;
	char *text;
	size_t text_bytes;
};

__attribute__((format(printf, 3, 4))) static int fail(const struct line_error *err, int error,
						      const char *format, ...)
{
	va_list args;
	int length = snprintf(err->text, err->text_bytes, "%s %s: ", err->option, err->spec);

	if (length < 0 || (size_t)length >= err->text_bytes)
		return error;
	va_start(args, format);
	vsnprintf(err->text + length, err->text_bytes - (size_t)length, format, args);
	va_end(args);
	return error;
}

/* A terminal that nobody reads would keep write() waiting, and with it the event loop. Others share what
 * standard output refers to, and its flags, so it is opened once more. */
static int open_output(void)
{
	int fd = isatty(STDOUT_FILENO)
			 ? open("/proc/self/fd/1", O_WRONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC)
			 : -1;

	return fd < 0 ? STDOUT_FILENO : fd;
}

static int open_stdio(struct console_line *line)
{
	line->in_fd = STDIN_FILENO;
	line->out_fd = open_output();
	if (!isatty(STDIN_FILENO))
		return 0;
	line->is_terminal = terminal_raw(STDIN_FILENO) == 0;
	if (!line->is_terminal)
		line->in_fd = CONSOLE_NO_FD; /* in the background: reading would stop us */
	return 0;
}

static int open_file(struct console_line *line, const char *path, const struct line_error *err)
{
	line->out_fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	return line->out_fd >= 0 ? 0 : fail(err, -errno, "%s", strerror(errno));
}

static int open_pty(struct console_line *line, const struct line_error *err)
{
	struct termios raw;
	char name[64];
	int master;
	int slave;

	if (openpty(&master, &slave, NULL, NULL, NULL) < 0)
		return fail(err, -errno, "%s", strerror(errno));
	if (!tcgetattr(slave, &raw)) {
		cfmakeraw(&raw);
		tcsetattr(slave, TCSANOW, &raw);
	}
	if (ttyname_r(slave, name, sizeof(name)) == 0)
		fprintf(stderr, "vitrine: %s line at %s\n", err->option + 2, name);
	/* The slave stays open: without any opener the master would report a hang-up for ever. */
	fcntl(slave, F_SETFD, FD_CLOEXEC);
	fcntl(master, F_SETFD, FD_CLOEXEC);
	fcntl(master, F_SETFL, O_NONBLOCK);
	line->in_fd = line->out_fd = master;
	return 0;
}

static int open_unix(struct console_line *line, const char *path, const struct line_error *err)
{
	int fd = unix_socket_listen(path, 1);

	if (fd == -ENAMETOOLONG)
		return fail(err, fd, "the path must have 1 to %d characters",
			    UNIX_SOCKET_PATH_BYTES - 1);
	if (fd < 0)
		return fail(err, fd, "%s", strerror(-fd));
	memcpy(line->socket_path, path, strlen(path) + 1);
	line->listen_fd = fd;
	return 0;
}

int console_line_open(const char *option, const char *spec, struct console_line *line, char *err,
		      size_t err_size)
{
	struct line_error error = {.option = option, .spec = spec, .text_bytes = err_size};

	error.text = err;
	*line = (struct console_line){
		.in_fd = CONSOLE_NO_FD, .out_fd = CONSOLE_NO_FD, .listen_fd = CONSOLE_NO_FD};
	if (strcmp(spec, "none") == 0)
		return 0;
	if (strcmp(spec, "stdio") == 0)
		return open_stdio(line);
	if (strcmp(spec, "pty") == 0)
		return open_pty(line, &error);
	if (strncmp(spec, "file:", 5) == 0)
		return open_file(line, spec + 5, &error);
	if (strncmp(spec, "unix:", 5) == 0)
		return open_unix(line, spec + 5, &error);
	return fail(&error, -EINVAL, "unknown kind; use stdio, none, pty, file:PATH or unix:PATH");
}

void console_line_close(struct console_line *line)
{
	if (line->is_terminal)
		terminal_restore();
	if (line->out_fd > STDERR_FILENO && line->out_fd != line->in_fd)
		close(line->out_fd);
	if (line->in_fd > STDERR_FILENO)
		close(line->in_fd);
	if (line->listen_fd >= 0)
		close(line->listen_fd);
	if (line->socket_path[0])
		unlink(line->socket_path);
}

/* SPDX-License-Identifier: MIT
 *
 * The kinds of --serial: what each opens, and its error messages.
 */
#include "backend/console_line.h"

#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

#include "backend/terminal.h"

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

static int open_file(struct console_line *line, const char *path, char *err, size_t err_size)
{
	line->out_fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (line->out_fd >= 0)
		return 0;
	int error = errno;
	snprintf(err, err_size, "--serial file:%s: %s", path, strerror(error));
	return -error;
}

static int open_pty(struct console_line *line, char *err, size_t err_size)
{
	struct termios raw;
	char name[64];
	int master;
	int slave;

	if (openpty(&master, &slave, NULL, NULL, NULL) < 0) {
		int error = errno;

		snprintf(err, err_size, "--serial pty: %s", strerror(error));
		return -error;
	}
	if (!tcgetattr(slave, &raw)) {
		cfmakeraw(&raw);
		tcsetattr(slave, TCSANOW, &raw);
	}
	if (ttyname_r(slave, name, sizeof(name)) == 0)
		fprintf(stderr, "vitrine: serial line at %s\n", name);
	/* The slave stays open: without any opener the master would report a hang-up for ever. */
	fcntl(slave, F_SETFD, FD_CLOEXEC);
	fcntl(master, F_SETFD, FD_CLOEXEC);
	fcntl(master, F_SETFL, O_NONBLOCK);
	line->in_fd = line->out_fd = master;
	return 0;
}

/* Binds, taking over a socket that nobody listens on any more; a live one is an error. */
static int bind_socket(int fd, const struct sockaddr_un *addr)
{
	const struct sockaddr *generic = (const struct sockaddr *)addr;
	struct stat st;

	if (bind(fd, generic, sizeof(*addr)) == 0)
		return 0;
	if (errno != EADDRINUSE)
		return -errno;
	if (stat(addr->sun_path, &st) < 0 || !S_ISSOCK(st.st_mode))
		return -EEXIST;
	int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool alive = connect(probe, generic, sizeof(*addr)) == 0;
	close(probe);
	if (alive)
		return -EADDRINUSE;
	unlink(addr->sun_path);
	return bind(fd, generic, sizeof(*addr)) == 0 ? 0 : -errno;
}

static int open_unix(struct console_line *line, const char *path, char *err, size_t err_size)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd;
	int error;

	if (strlen(path) == 0 || strlen(path) >= sizeof(addr.sun_path)) {
		snprintf(err, err_size, "--serial unix:%s: the path must have 1 to %zu characters",
			 path, sizeof(addr.sun_path) - 1);
		return -EINVAL;
	}
	memcpy(addr.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	error = fd < 0 ? -errno : bind_socket(fd, &addr);
	if (!error) {
		memcpy(line->socket_path, addr.sun_path, sizeof(addr.sun_path));
		error = listen(fd, 1) < 0 ? -errno : 0;
	}
	if (error) {
		snprintf(err, err_size, "--serial unix:%s: %s", path, strerror(-error));
		if (fd >= 0)
			close(fd);
		return error;
	}
	line->listen_fd = fd;
	return 0;
}

int console_line_open(const char *spec, struct console_line *line, char *err, size_t err_size)
{
	*line = (struct console_line){
		.in_fd = CONSOLE_NO_FD, .out_fd = CONSOLE_NO_FD, .listen_fd = CONSOLE_NO_FD};
	if (strcmp(spec, "none") == 0)
		return 0;
	if (strcmp(spec, "stdio") == 0)
		return open_stdio(line);
	if (strcmp(spec, "pty") == 0)
		return open_pty(line, err, err_size);
	if (strncmp(spec, "file:", 5) == 0)
		return open_file(line, spec + 5, err, err_size);
	if (strncmp(spec, "unix:", 5) == 0)
		return open_unix(line, spec + 5, err, err_size);
	snprintf(err, err_size,
		 "--serial %s: unknown kind; use stdio, none, pty, file:PATH or unix:PATH", spec);
	return -EINVAL;
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

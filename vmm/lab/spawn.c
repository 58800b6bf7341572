/* SPDX-License-Identifier: MIT
 *
 * See spawn.h.
 */
#include "lab/spawn.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "loop/clock.h"

#define LINE_MAX_BYTES 8192
#define OUTPUT_MAX_BYTES (64u << 20)
#define GRACE_S 3
#define ORPHAN_ROUNDS 100
#define POLL_MS 200

static volatile sig_atomic_t signal_came;

static void note_signal(int number)
{
	signal_came = number;
}

int spawn_signal(void)
{
	return signal_came;
}

void spawn_prepare(void)
{
	const struct sigaction action = {.sa_handler = note_signal}; /* no SA_RESTART */

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
}

/* In the new process. It has no terminal to read from, and a group that can be killed as a whole. */
static void become(const struct spawn *spawn, int out_fd, pid_t parent)
{
	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	signal(SIGPIPE, SIG_DFL);
	const int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null_fd < 0 || dup2(null_fd, 0) < 0 || dup2(out_fd, 1) < 0 || dup2(out_fd, 2) < 0 ||
	    chdir(spawn->folder) < 0)
		_exit(126);
	execl("/bin/sh", "sh", "-c", spawn->command, (char *)NULL);
	_exit(127);
}

static long parent_of(const char *pid)
{
	char path[64], line[512];
	const char *end;
	long parent = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%.20s/stat", pid);
	file = fopen(path, "re");
	if (!file)
		return 0;
	if (fgets(line, sizeof(line), file) && (end = strrchr(line, ')')) && strlen(end) > 4)
		parent = strtol(end + 4, NULL, 10); /* ") S PARENT" */
	fclose(file);
	return parent;
}

/* Whatever is our child now was left by a command. */
static bool kill_children(void)
{
	DIR *folder = opendir("/proc");
	struct dirent *entry;
	bool found = false;

	while (folder && (entry = readdir(folder))) {
		if (entry->d_name[0] < '1' || entry->d_name[0] > '9' ||
		    parent_of(entry->d_name) != getpid())
			continue;
		kill((pid_t)strtol(entry->d_name, NULL, 10), SIGKILL);
		found = true;
	}
	if (folder)
		closedir(folder);
	return found;
}

/* Children of those that are killed become ours in turn. */
void spawn_end_all(void)
{
	for (unsigned i = 0; i < ORPHAN_ROUNDS && kill_children(); i++) {
		poll(NULL, 0, 5);
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
	}
}

struct reader {
	const struct spawn *spawn;
	int fd;
	char line[LINE_MAX_BYTES];
	size_t length;
	size_t total;
	bool has_said_all;
};

static void end_line(struct reader *reader)
{
	/* A terminal's line ends in \r\n. */
	while (reader->length && reader->line[reader->length - 1] == '\r')
		reader->length--;
	reader->line[reader->length] = '\0';
	reader->length = 0;
	reader->has_said_all |= reader->spawn->line(reader->spawn->ctx, reader->line);
}

/* Takes what there is. false: there will be nothing more. */
static bool take_output(struct reader *reader)
{
	char buffer[4096];
	const ssize_t count = read(reader->fd, buffer, sizeof(buffer));

	if (count < 0)
		return errno == EINTR || errno == EAGAIN;
	reader->total += (size_t)count;
	for (ssize_t i = 0; i < count; i++) {
		if (buffer[i] == '\n')
			end_line(reader);
		else if (buffer[i] && reader->length < LINE_MAX_BYTES - 1)
			reader->line[reader->length++] = buffer[i];
	}
	if (!count && reader->length)
		end_line(reader);
	return count > 0;
}

/* Until the shell has ended, or must. What it has left running doesn't count. */
static enum spawn_end watch(struct reader *reader, pid_t pid, int *status, uint64_t start_ns)
{
	uint64_t deadline_ns = start_ns + reader->spawn->timeout_s * 1000000000ull;
	bool is_open = true, ends_soon = false;
	unsigned told_s = 0;

	for (;;) {
		struct pollfd fd = {.fd = is_open ? reader->fd : -1, .events = POLLIN};
		const bool is_ready = poll(&fd, 1, POLL_MS) > 0;

		if (is_ready)
			is_open = take_output(reader);
		const uint64_t now_ns = clock_read_ns(CLOCK_MONOTONIC);
		const unsigned seconds = (unsigned)((now_ns - start_ns) / 1000000000u);

		if (spawn_signal())
			return SPAWN_INTERRUPTED;
		if (reader->total > OUTPUT_MAX_BYTES)
			return SPAWN_FLOOD;
		if (now_ns > deadline_ns)
			return ends_soon ? SPAWN_EXITED : SPAWN_TIMEOUT;
		if (reader->has_said_all && !ends_soon) {
			ends_soon = true;
			deadline_ns = now_ns + GRACE_S * 1000000000ull;
		}
		if (seconds != told_s && reader->spawn->tick)
			reader->spawn->tick(reader->spawn->ctx, told_s = seconds);
		if ((!is_ready || !is_open) && waitpid(pid, status, WNOHANG) == pid)
			return SPAWN_EXITED;
		if (!is_open)
			poll(NULL, 0, 2);
	}
}

static struct spawn_result run(const struct spawn *spawn, struct reader *reader, int out_fd)
{
	const uint64_t start_ns = clock_read_ns(CLOCK_MONOTONIC);
	const pid_t parent = getpid();
	struct spawn_result result = {.end = SPAWN_FAILED};
	int status = 0;
	const pid_t pid = fork();

	if (pid == 0)
		become(spawn, out_fd, parent);
	close(out_fd);
	if (pid < 0)
		return result;
	setpgid(pid, pid); /* whoever of both comes first */
	result.end = watch(reader, pid, &status, start_ns);
	if (result.end != SPAWN_EXITED || waitpid(pid, NULL, WNOHANG) == 0) {
		kill(-pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	result.status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	result.seconds = (double)(clock_read_ns(CLOCK_MONOTONIC) - start_ns) / 1e9;
	return result;
}

struct spawn_result spawn_run(const struct spawn *spawn)
{
	struct reader *reader = calloc(1, sizeof(*reader));
	struct spawn_result result = {.end = SPAWN_FAILED};
	int pipe_fd[2];

	if (!reader || pipe2(pipe_fd, O_CLOEXEC) < 0) {
		free(reader);
		return result;
	}
	*reader = (struct reader){.spawn = spawn, .fd = pipe_fd[0]};
	result = run(spawn, reader, pipe_fd[1]);
	close(pipe_fd[0]);
	free(reader);
	return result;
}

/* SPDX-License-Identifier: MIT
 *
 * Pipes and FIFOs: ends and their closing, blocking and not, atomic writes, eventfd, splice.
 */
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "check.h"

static int fds[2];
static char big[200000];

static void basics(void)
{
	char text[16] = "";
	struct stat st;
	int waiting = 0;

	need(!pipe(fds));
	check("pipe",
	      write(fds[1], "abc", 3) == 3 && read(fds[0], text, 2) == 2 && !memcmp(text, "ab", 2));
	check("FIONREAD", !ioctl(fds[0], FIONREAD, &waiting) && waiting == 1);
	check("fstat says FIFO", !fstat(fds[0], &st) && S_ISFIFO(st.st_mode));
	check("the rest", read(fds[0], text, 16) == 1 && *text == 'c');
	check_fails("no write to the read end", write(fds[0], "x", 1), EBADF);
	close(fds[1]);
	check("all writers gone: 0", read(fds[0], text, 16) == 0);
	close(fds[0]);
	need(!pipe2(fds, O_NONBLOCK | O_CLOEXEC));
	check("pipe2 O_CLOEXEC",
	      fcntl(fds[0], F_GETFD) == FD_CLOEXEC && fcntl(fds[1], F_GETFD) == FD_CLOEXEC);
	check_fails("O_NONBLOCK: empty", read(fds[0], text, 1), EAGAIN);
	check_fails("pipe2: bad flags", pipe2(fds, 1), EINVAL);
}

static void full(void)
{
	ssize_t length, total = 0, atomic = PIPE_BUF;

	while ((length = write(fds[1], big, 1000)) > 0)
		total += length;
	check("full: EAGAIN", length == -1 && errno == EAGAIN && total >= PIPE_BUF);
	check("capacity is F_GETPIPE_SZ",
	      fcntl(fds[1], F_GETPIPE_SZ) >= total && total > fcntl(fds[1], F_GETPIPE_SZ) - 4096);
	need(read(fds[0], big, 2000) == 2000);
	check_fails("a write of PIPE_BUF: all or nothing", write(fds[1], big, atomic), EAGAIN);
	while (read(fds[0], big, sizeof big) > 0)
		;
	check("emptied, it takes a part of a big one",
	      (length = write(fds[1], big, sizeof big)) > 0 && length < (ssize_t)sizeof big);
	close(fds[0]);
	signal(SIGPIPE, SIG_IGN);
	check_fails("no reader: EPIPE", write(fds[1], "x", 1), EPIPE);
	close(fds[1]);
}

/* Writes 50 records of 512 equal bytes. */
static int write_records(void *letter)
{
	char record[512];

	memset(record, (int)(intptr_t)letter, sizeof record);
	for (int i = 0; i < 50; i++)
		if (write(fds[1], record, sizeof record) != sizeof record)
			return 1;
	return 0;
}

static void atomic_writes(void)
{
	char record[512];
	int mixed = 0, count = 0;
	pid_t pid[3];
	ssize_t length;

	need(!pipe(fds));
	for (int i = 0; i < 3; i++)
		pid[i] = child_start(write_records, (void *)(intptr_t)('a' + i));
	close(fds[1]);
	while ((length = read(fds[0], record, sizeof record)) == sizeof record) {
		count++;
		for (unsigned i = 1; i < sizeof record; i++)
			mixed |= record[i] != record[0];
	}
	check("three writers: every record", count == 150 && length == 0);
	check("… in one piece", !mixed);
	for (int i = 0; i < 3; i++)
		need(child_end(pid[i]) == 0);
	close(fds[0]);
}

static int send_big(void *unused)
{
	(void)unused;
	for (unsigned i = 0; i < sizeof big; i++)
		big[i] = (char)(i % 253);
	return write(fds[1], big, sizeof big) != sizeof big;
}

static void big_write(void)
{
	unsigned at = 0, good = 1;
	ssize_t length;
	pid_t pid;

	need(!pipe(fds));
	pid = child_start(send_big, NULL);
	close(fds[1]);
	while ((length = read(fds[0], big, 777)) > 0)
		for (ssize_t i = 0; i < length; i++)
			good &= big[i] == (char)(at++ % 253);
	check("one write of 200,000 bytes blocks until it is read",
	      at == sizeof big && good && child_end(pid) == 0);
	close(fds[0]);
}

static int fifo_writer(void *unused)
{
	int fd = open("fifo", O_WRONLY);

	(void)unused;
	return fd < 0 || write(fd, "through", 7) != 7;
}

static void fifo(void)
{
	char text[8] = "";
	pid_t pid;
	int fd;

	need(!mkfifo("fifo", 0600));
	pid = child_start(fifo_writer, NULL);
	fd = open("fifo", O_RDONLY);
	check("a FIFO's ends meet", fd >= 0 && read(fd, text, 7) == 7 && !strcmp(text, "through"));
	need(child_end(pid) == 0);
	check("its end", read(fd, text, 7) == 0);
	close(fd);
	fd = open("fifo", O_RDONLY | O_NONBLOCK);
	check("O_RDONLY|O_NONBLOCK doesn't wait", fd >= 0);
	close(fd);
}

static void events(void)
{
	uint64_t value = 5;
	struct pollfd poll_it;
	int fd = eventfd(3, EFD_NONBLOCK);

	if (!check("eventfd", fd >= 0))
		return;
	poll_it = (struct pollfd){.fd = fd, .events = POLLIN | POLLOUT};
	check("it adds", write(fd, &value, 8) == 8 && read(fd, &value, 8) == 8 && value == 8);
	check_fails("0: EAGAIN", read(fd, &value, 8), EAGAIN);
	check("poll: writable only", poll(&poll_it, 1, 0) == 1 && poll_it.revents == POLLOUT);
	value = UINT64_MAX;
	check_fails("not 2^64 - 1", write(fd, &value, 8), EINVAL);
	value = UINT64_MAX - 1;
	check("up to 2^64 - 2", write(fd, &value, 8) == 8);
	value = 1;
	check_fails("then it is full", write(fd, &value, 8), EAGAIN);
	check_fails("too short", read(fd, &value, 4), EINVAL);
	close(fd);
	fd = eventfd(2, EFD_SEMAPHORE | EFD_NONBLOCK);
	check("EFD_SEMAPHORE counts down by one", read(fd, &value, 8) == 8 && value == 1 &&
							  read(fd, &value, 8) == 8 &&
							  read(fd, &value, 8) == -1);
	close(fd);
}

static void splices(void)
{
	int in[2], out[2], file = open("data", O_RDWR | O_CREAT, 0600);
	char text[8] = "";

	need(!pipe(in) && !pipe(out) && write(file, "spliced", 7) == 7);
	loff_t from = 0;
	if (splice(file, &from, in[1], NULL, 7, 0) == -1 &&
	    (errno == ENOSYS || errno == EINVAL)) { /* EINVAL: not for these files */
		check_skip("splice and tee", "this kernel has neither");
		return;
	}
	check("splice moved the position", from == 7);
	check("tee", tee(in[0], out[1], 7, 0) == 7);
	check("both have it", read(in[0], text, 7) == 7 && !strcmp(text, "spliced") &&
				      read(out[0], text, 7) == 7 && !strcmp(text, "spliced"));
}

int main(void)
{
	basics();
	full();
	atomic_writes();
	big_write();
	fifo();
	events();
	splices();
	return check_end();
}

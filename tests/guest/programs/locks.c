/* SPDX-License-Identifier: MIT
 *
 * File locks: flock (of an open file), POSIX (of a process, by ranges), OFD (ranges of an open file).
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>

#include "check.h"

static struct flock range(short type, off_t start, off_t length)
{
	return (struct flock){
		.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = length};
}

static int lock(int fd, int command, short type, off_t start, off_t length)
{
	struct flock l = range(type, start, length);

	return fcntl(fd, command, &l);
}

static int try_other_process(void *file)
{
	int fd = open("f", O_RDWR), result = 0;
	struct flock l = range(F_WRLCK, 5, 10);

	(void)file;
	result |= lock(fd, F_SETLK, F_WRLCK, 0, 0) != -1 || (errno != EAGAIN && errno != EACCES);
	result |= (lock(fd, F_SETLK, F_WRLCK, 200, 10) != 0) << 1;
	result |= (fcntl(fd, F_GETLK, &l) || l.l_type != F_WRLCK || l.l_start != 10 ||
		   l.l_len != 10 || l.l_pid != getppid())
		  << 2;
	result |= (lock(fd, F_SETLK, F_RDLCK, 100, 10) != 0) << 3;
	result |= (lock(fd, F_SETLK, F_WRLCK, 100, 10) != -1) << 4;
	return result;
}

static void posix_locks(int fd)
{
	struct flock l = range(F_WRLCK, 0, 0);
	int other, seen;

	check("F_SETLK",
	      !lock(fd, F_SETLK, F_WRLCK, 10, 10) && !lock(fd, F_SETLK, F_RDLCK, 100, 10));
	seen = in_child(try_other_process, NULL);
	check("another process is kept out", !(seen & 1));
	check("… not of other ranges", !(seen & 2));
	check("F_GETLK says who and where", !(seen & 4));
	check("readers share", !(seen & 8));
	check("… with no writer", !(seen & 16));
	check("one's own don't conflict", !fcntl(fd, F_GETLK, &l) && l.l_type == F_UNLCK);
	check("unlocking the middle",
	      !lock(fd, F_SETLK, F_WRLCK, 0, 100) && !lock(fd, F_SETLK, F_UNLCK, 40, 10));
	check_fails("a bad type", lock(fd, F_SETLK, 99, 0, 1), EINVAL);
	other = open("f", O_RDONLY);
	check_fails("a write lock needs a writer", lock(other, F_SETLK, F_WRLCK, 0, 1), EBADF);
	close(other); /* which gives up all locks of this process */
	need(!lock(fd, F_SETLK, F_UNLCK, 0, 0));
}

static int take_it(void *start)
{
	int fd = open("f", O_RDWR);

	return lock(fd, F_SETLK, F_WRLCK, (off_t)(long)start, 1) ? 1 : 0;
}

static int wait_for_it(void *ms)
{
	int fd = open("f", O_RDWR);
	long long before = now_ms();

	need(!lock(fd, F_SETLKW, F_WRLCK, 0, 1));
	return now_ms() - before >= (long)ms / 2 ? 0 : 1;
}

static void release(int fd)
{
	pid_t pid;
	int copy;

	need(!lock(fd, F_SETLK, F_WRLCK, 0, 1));
	pid = child_start(wait_for_it, (void *)100);
	sleep_ms(100);
	check("F_SETLKW waits", waitpid(pid, NULL, WNOHANG) == 0);
	need(!lock(fd, F_SETLK, F_UNLCK, 0, 1));
	check("… until it is free", child_end(pid) == 0);
	need(!lock(fd, F_SETLK, F_WRLCK, 7, 1));
	check("held", in_child(take_it, (void *)7) == 1);
	copy = open("f", O_RDONLY);
	close(copy);
	check("close of any descriptor of the file gives it up", in_child(take_it, (void *)7) == 0);
}

static void open_file_locks(int fd)
{
	int other = open("f", O_RDWR);

	check("OFD lock", !lock(fd, F_OFD_SETLK, F_WRLCK, 0, 10));
	check_fails("OFD: another open file is kept out", lock(other, F_OFD_SETLK, F_WRLCK, 5, 1),
		    EAGAIN);
	check("OFD unlock",
	      !lock(fd, F_OFD_SETLK, F_UNLCK, 0, 0) && !lock(other, F_OFD_SETLK, F_WRLCK, 5, 1));
	close(other);
}

static int flock_in_child(void *inherited)
{
	int fd = open("f", O_RDWR), *shared = inherited;
	int refused = flock(fd, LOCK_EX | LOCK_NB) == -1 && errno == EWOULDBLOCK;

	return (refused ? 0 : 1) | (flock(*shared, LOCK_EX | LOCK_NB) != 0) << 1;
}

static void whole_file(int fd)
{
	int other = open("f", O_RDONLY), seen;

	check("flock", !flock(fd, LOCK_EX));
	seen = in_child(flock_in_child, &fd);
	check("flock: another open file is kept out", !(seen & 1));
	check("flock: an inherited descriptor is the same", !(seen & 2));
	check("flock: down to shared", !flock(fd, LOCK_SH) && !flock(other, LOCK_SH | LOCK_NB));
	check_fails("flock: not up", flock(fd, LOCK_EX | LOCK_NB), EWOULDBLOCK);
	check("flock: close gives it up", !close(other) && !flock(fd, LOCK_EX | LOCK_NB));
	check("flock: LOCK_UN", !flock(fd, LOCK_UN));
	check_fails("flock: bad operation", flock(fd, 16), EINVAL);
	check_fails("flock: bad descriptor", flock(999, LOCK_EX), EBADF);
}

static void interrupted(int signal)
{
	(void)signal;
}

static int wait_with_alarm(void *unused)
{
	struct sigaction action = {.sa_handler = interrupted};
	int fd = open("f", O_RDWR);

	(void)unused;
	sigaction(SIGALRM, &action, NULL);
	alarm(1);
	return lock(fd, F_SETLKW, F_WRLCK, 0, 1) == -1 && errno == EINTR ? 0 : 1;
}

int main(void)
{
	int fd = open("f", O_RDWR | O_CREAT, 0644);

	need(fd >= 0);
	posix_locks(fd);
	release(fd);
	open_file_locks(fd);
	whole_file(fd);
	need(!lock(fd, F_SETLK, F_WRLCK, 0, 1));
	check("a signal ends F_SETLKW", in_child(wait_with_alarm, NULL) == 0);
	return check_end();
}

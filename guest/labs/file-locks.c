/* SPDX-License-Identifier: MIT
 *
 * Locks on files between processes: which kinds know of each other, who owns one (a process, an open file
 * description), what ends one, and what a lock that nobody asks about is worth.
 *
 *   file-locks [-n ADDITIONS of each process]
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/wait.h>

#include "lab-cpu.h"

#define PATH "/tmp/lab-file-locks"
#define ADDERS 3

static uint64_t additions;

static int open_file(void)
{
	const int fd = open(PATH, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0)
		lab_die(PATH);
	return fd;
}

/* 0 or the error; never waits. */
static int record_lock(int fd, short type, off_t start, off_t length)
{
	struct flock lock = {
		.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = length};

	return fcntl(fd, F_SETLK, &lock) ? errno : 0;
}

static int whole_lock(int fd, int operation)
{
	return flock(fd, operation | LOCK_NB) ? errno : 0;
}

/* Runs a question in a child and returns its answer: 1 got the lock, 0 did not. */
static int in_child(int (*ask)(int fd), int fd)
{
	const pid_t child = fork();
	int status;

	if (child < 0)
		lab_die("fork");
	if (!child)
		_exit(ask(fd) == 0);
	waitpid(child, &status, 0);
	return WEXITSTATUS(status);
}

static int ask_record(int fd)
{
	(void)fd;
	return record_lock(open_file(), F_WRLCK, 0, 10);
}

static int ask_record_behind(int fd)
{
	(void)fd;
	return record_lock(open_file(), F_WRLCK, 10, 10);
}

static int ask_read(int fd)
{
	(void)fd;
	return record_lock(open_file(), F_RDLCK, 0, 10);
}

static int ask_whole(int fd)
{
	(void)fd;
	return whole_lock(open_file(), LOCK_EX);
}

static int ask_inherited(int fd)
{
	return whole_lock(fd, LOCK_EX);
}

static void result(const char *name, const char *what, int got)
{
	printf("%-17s %-58s %s\n", name, what, got ? "yes" : "no");
	lab_row("lock", "case=%s got=%d", name, got);
}

static void ownership(void)
{
	int fd = open_file(), other;

	record_lock(fd, F_WRLCK, 0, 10);
	result("same-bytes", "bytes 0-9 are locked by fcntl: may another process?",
	       in_child(ask_record, fd));
	result("other-bytes", "… and bytes 10-19?", in_child(ask_record_behind, fd));
	result("flock-beside", "… and the whole file by flock?", in_child(ask_whole, fd));
	close(open_file());
	result("after-close", "… after this process has closed another descriptor of it?",
	       in_child(ask_record, fd));
	record_lock(fd, F_RDLCK, 0, 10);
	result("readers", "locked for reading: may another process read, too?",
	       in_child(ask_read, fd));
	result("writer", "… and write?", in_child(ask_record, fd));
	close(fd);

	fd = open_file();
	whole_lock(fd, LOCK_EX);
	result("flock", "locked by flock: may another process?", in_child(ask_whole, fd));
	result("flock-inherited", "… a child with the inherited descriptor?",
	       in_child(ask_inherited, fd));
	other = open_file();
	result("flock-second-open", "… this process, with a second descriptor?",
	       whole_lock(other, LOCK_EX) == 0);
	close(other);
	result("flock-after-close", "… another, after this one closed the second descriptor?",
	       in_child(ask_whole, fd));
	close(fd);
	result("flock-released", "… after the last descriptor is closed?", in_child(ask_whole, -1));
}

/* Reads the number in the file, adds 1, writes it back. */
static void add_in_file(int fd, bool locked)
{
	uint64_t number = 0;

	if (locked)
		flock(fd, LOCK_EX);
	if (pread(fd, &number, sizeof(number), 0) < 0)
		lab_die("pread");
	usleep(50); /* somebody else's turn, so that the trouble comes up on one CPU, too */
	number++;
	if (pwrite(fd, &number, sizeof(number), 0) != sizeof(number))
		lab_die("pwrite");
	if (locked)
		flock(fd, LOCK_UN);
}

static void adding(const char *name, bool first_locks, bool all_lock)
{
	uint64_t number = 0;
	int fd = open_file(), gate[2];
	char byte;

	if (pipe(gate))
		lab_die("pipe");
	if (ftruncate(fd, 0) || pwrite(fd, &number, sizeof(number), 0) != sizeof(number))
		lab_die(PATH);
	for (unsigned i = 0; i < ADDERS; i++) {
		const pid_t child = fork();

		if (child < 0)
			lab_die("fork");
		if (!child) {
			close(gate[1]);
			fd = open_file();
			(void)!read(gate[0], &byte, 1); /* until all are there */
			for (uint64_t j = 0; j < additions; j++)
				add_in_file(fd, all_lock || (first_locks && i == 0));
			_exit(0);
		}
	}
	close(gate[0]);
	close(gate[1]);
	while (wait(NULL) > 0)
		;
	if (pread(fd, &number, sizeof(number), 0) != sizeof(number))
		lab_die("pread");
	close(fd);
	printf("%-10s %lu of %lu additions are in the file\n", name, number, ADDERS * additions);
	lab_row("added", "locks=%s number=%lu lost=%lu", name, number, ADDERS * additions - number);
}

int main(int argc, char **argv)
{
	additions = lab_option(argc, argv, 'n', 200);
	ownership();
	adding("nobody", false, false);
	adding("only-one", true, false);
	adding("everybody", true, true);
	unlink(PATH);
	return 0;
}

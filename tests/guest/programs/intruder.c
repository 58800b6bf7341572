/* SPDX-License-Identifier: MIT
 *
 * What a program must not get by unusual ways: another's rights or memory, or a kernel that stumbles.
 */
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "check.h"

#define SOMEBODY 1000
#define RUNS_ALONE 42
#define ROUNDS 20000

static int fds[2];

static void *write_often(void *unused)
{
	for (int i = 0; i < ROUNDS; i++)
		need(write(fds[1], "x", 1) == 1);
	return unused;
}

static void epolls(void)
{
	struct epoll_event event = {.events = EPOLLIN}, got[8];
	int inner = epoll_create1(0), outer = epoll_create1(0), most = 0, left = ROUNDS;
	pthread_t writer;
	char data[64];

	need(inner >= 0 && outer >= 0 && !pipe(fds));
	need(!epoll_ctl(inner, EPOLL_CTL_ADD, fds[0], &event));
	need(!epoll_ctl(outer, EPOLL_CTL_ADD, inner, &event));
	need(write(fds[1], "x", 1) == 1);
	check("an epoll that another watches is reported once",
	      epoll_wait(outer, got, 8, 1000) == 1);
	need(read(fds[0], data, 1) == 1);
	check("and not when nothing is left", epoll_wait(outer, got, 8, 0) == 0);
	need(!pthread_create(&writer, NULL, write_often, NULL));
	while (left > 0) {
		int count = epoll_wait(inner, got, 8, 5000);

		need(count > 0);
		most = count > most ? count : most;
		left -= (int)read(fds[0], data, sizeof data);
	}
	need(!pthread_join(writer, NULL));
	check("one that is written to all the time is reported once each time", most == 1);
	close(inner);
	close(outer);
}

static void descriptors(void)
{
	int fd = open("/", O_PATH);

	check_fails("fsync of a path", fsync(fd), EBADF);
	check_fails("fdatasync of a path", fdatasync(fd), EBADF);
	close(fd);
}

static void strange_clone(void)
{
	int status;
	pid_t pid = (pid_t)syscall(SYS_clone, 200, 0, 0, 0, 0);

	if (!pid)
		_exit(7);
	check("a child whose end is told by a signal that doesn't exist",
	      pid > 0 && waitpid(pid, &status, __WALL) == pid && WEXITSTATUS(status) == 7);
}

static int run_copy(void *unused)
{
	char *const arguments[] = {"copy", "alone", NULL};

	need(!setgid(SOMEBODY) && !setuid(SOMEBODY));
	execv("copy", arguments);
	return unused ? 1 : errno;
}

static int sleep_in_copy(void *unused)
{
	char *const arguments[] = {"copy", "sleep", NULL};

	execv("copy", arguments);
	return unused ? 1 : errno;
}

static void copy_self(void)
{
	int from = open("/proc/self/exe", O_RDONLY), to = open("copy", O_CREAT | O_WRONLY, 0711);
	static char data[65536];
	ssize_t got;

	need(from >= 0 && to >= 0 && !chmod("copy", 0711) && !chmod(".", 0755));
	while ((got = read(from, data, sizeof data)) > 0)
		need(write(to, data, (size_t)got) == got);
	close(from);
	close(to);
}

static void programs(void)
{
	pid_t pid;

	copy_self();
	if (getuid())
		check_skip("a program that can be executed and not read",
			   "only root changes users");
	else
		check("a program that can be executed and not read",
		      in_child(run_copy, NULL) == RUNS_ALONE);
	pid = child_start(sleep_in_copy, NULL);
	sleep_ms(200);
	check_fails("nobody writes to a running program", open("copy", O_WRONLY), ETXTBSY);
	check_fails("nor cuts it", truncate("copy", 0), ETXTBSY);
	kill(pid, SIGKILL);
	need(child_end(pid) == 128 + SIGKILL);
	check("but does afterwards", close(open("copy", O_WRONLY)) == 0);
}

static int exec_shared(void *unused)
{
	char *const arguments[] = {"copy", "alone", NULL};

	execv("copy", arguments);
	return unused ? 1 : errno;
}

static void shared_descriptors(void)
{
	static char stack[65536] __attribute__((aligned(16)));
	int fd = open("/", O_RDONLY | O_CLOEXEC);
	pid_t pid = clone(exec_shared, stack + sizeof stack, CLONE_FILES | SIGCHLD, NULL);

	need(pid > 0);
	check("who shares descriptors and executes a program leaves the others theirs",
	      child_end(pid) == RUNS_ALONE && fcntl(fd, F_GETFD) == FD_CLOEXEC);
	close(fd);
}

static int sleep_for_a_while(void *unused)
{
	struct timespec begin, end, time = {0, 400000000};
	int result;

	clock_gettime(CLOCK_MONOTONIC, &begin);
	result = nanosleep(&time, NULL);
	clock_gettime(CLOCK_MONOTONIC, &end);
	const long ms = (end.tv_sec - begin.tv_sec) * 1000 +
			(end.tv_nsec - begin.tv_nsec) / 1000000;

	return unused || result ? 1 : ms < 400 ? 2 : ms > 650 ? 3 : 0;
}

static void stopped_sleep(void)
{
	pid_t pid = child_start(sleep_for_a_while, NULL);

	sleep_ms(100);
	kill(pid, SIGSTOP);
	sleep_ms(200);
	kill(pid, SIGCONT);
	check("a sleep goes on after a stop, for what was left", child_end(pid) == 0);
}

/* A slave, in a session of its own; *master is its other end. */
static int open_terminal(int *master, int flags)
{
	int unlock = 0, number;
	char name[32];

	signal(SIGHUP, SIG_IGN);
	*master = open("/dev/ptmx", O_RDWR | O_NOCTTY);
	if (*master < 0 || setsid() < 0 || ioctl(*master, TIOCSPTLCK, &unlock) ||
	    ioctl(*master, TIOCGPTN, &number))
		return -1;
	snprintf(name, sizeof name, "/dev/pts/%d", number);
	return open(name, O_RDWR | flags);
}

static int keep_own_terminal(void *unused)
{
	int master, slave = open_terminal(&master, 0), own = open("/dev/tty", O_RDWR);
	char data[16];

	if (slave < 0 || own < 0)
		return 1;
	close(slave);
	close(master);
	for (int i = 0; i < 8; i++) { /* so that the memory has another use */
		int others[2];

		if (pipe(others))
			return 2;
	}
	if (read(own, data, sizeof data) > 0 || write(own, "x", 1) != -1 || errno != EIO)
		return 3;
	close(own);
	return unused || open("/dev/tty", O_RDWR) >= 0 || errno != ENXIO ? 4 : 0;
}

static int refuse_terminal(void *unused)
{
	int master, slave = open_terminal(&master, O_NOCTTY);

	return slave < 0 ? 1 : unused || open("/dev/tty", O_RDWR) >= 0 || errno != ENXIO;
}

static int user_terminal(void *unused)
{
	int master;

	need(!setgid(SOMEBODY) && !setuid(SOMEBODY));
	return unused || open_terminal(&master, 0) < 0;
}

static void terminals(void)
{
	check("/dev/tty outlives both ends of its terminal",
	      in_child(keep_own_terminal, NULL) == 0);
	check("O_NOCTTY", in_child(refuse_terminal, NULL) == 0);
	if (getuid())
		check_skip("a user opens a pseudo-terminal", "only root changes users");
	else
		check("a user opens a pseudo-terminal", in_child(user_terminal, NULL) == 0);
}

static int look_into(const char *name)
{
	char data[4096];
	int fd = open(name, O_RDONLY), error = errno;

	if (fd >= 0 && read(fd, data, sizeof data) < 0)
		error = errno;
	else if (fd >= 0)
		error = 0;
	close(fd);
	return error;
}

static int look_around(void *unused)
{
	static const char *const secrets[] = {"maps", "environ", "root/", "cwd/", "fd", "auxv"};
	char name[64];

	for (int i = 0; i < 6; i++) {
		int error;

		snprintf(name, sizeof name, "/proc/%d/%s", getppid(), secrets[i]);
		need(setegid(SOMEBODY) == 0 && seteuid(SOMEBODY) == 0);
		error = look_into(name);
		need(seteuid(0) == 0);
		if (error != EACCES && error != EPERM)
			return 1 + i;
	}
	return unused ? 1 : 0;
}

static int move_directory(void *unused)
{
	need(!mkdir("from", 0777) && !mkdir("to", 0777) && !mkdir("from/kept", 0555));
	need(!chmod("from", 0777) && !chmod("to", 0777));
	need(!chown("from/kept", SOMEBODY, SOMEBODY) && !chmod(".", 0755));
	need(!setgid(SOMEBODY) && !setuid(SOMEBODY));
	if (rename("from/kept", "to/kept") != -1 || errno != EACCES)
		return 1;
	return unused || rename("from/kept", "from/renamed");
}

static void other_users(void)
{
	if (getuid()) {
		check_skip("another user's process and directory", "only root changes users");
		return;
	}
	check("nobody looks into another user's process", in_child(look_around, NULL) == 0);
	check("a directory that moves must be writable", in_child(move_directory, NULL) == 0);
}

int main(int count, char **arguments)
{
	if (count > 1 && !strcmp(arguments[1], "alone"))
		return RUNS_ALONE;
	if (count > 1 && !strcmp(arguments[1], "sleep"))
		return (int)sleep(60);
	epolls();
	descriptors();
	strange_clone();
	programs();
	shared_descriptors();
	stopped_sleep();
	terminals();
	other_users();
	return check_end();
}

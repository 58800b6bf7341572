/* SPDX-License-Identifier: MIT
 *
 * Bad pointers. First the calls that must say EFAULT, all else being right, for six kinds of bad
 * address; then every system call number with nothing right at all: that may fail in any way but
 * hurt nobody else.
 *
 *   badptr [all]     all: as root, for a machine that is there for this
 */
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>

#include "check.h"

#define PAGE 4096
#define LAST_NUMBER 470
#define BAD 0x4241444241444241 /* stands for the bad address in the table */
#define NOBODY_ELSE 54321      /* a user with nothing to lose */
#define HERE ((long)(intptr_t)good)

static char good[PAGE];
static int is_whole_machine;
static int file, pipes[2], sockets[2], epoll, folder;

struct call {
	const char *name;
	long number;
	long arguments[6];
};

static const char *kinds[] = {
	"8", "a hole", "kernel memory", "not canonical", "the last page", "half of it"};
static char *bad[6];

static void prepare(void)
{
	char *at = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	need(at != MAP_FAILED);
	memset(at, 'p', PAGE);
	need(!munmap(at + PAGE, PAGE));
	bad[0] = (char *)8;
	bad[1] = at + PAGE;
	bad[2] = (char *)0xffffffff80200000;
	bad[3] = (char *)0x8000000000000000;
	bad[4] = (char *)-PAGE;
	bad[5] = at + PAGE - 1;
	file = open("file", O_RDWR | O_CREAT | O_TRUNC, 0600);
	need(file >= 0 && write(file, good, sizeof good) == sizeof good && !pipe(pipes) &&
	     write(pipes[1], good, 100) == 100 && !socketpair(AF_UNIX, SOCK_STREAM, 0, sockets) &&
	     write(sockets[1], good, 100) == 100);
	need((epoll = epoll_create1(0)) >= 0 && (folder = open(".", O_RDONLY)) >= 0);
	need(!symlink("target", "link"));
	need(!mprotect(bad[1] - PAGE, PAGE, PROT_READ | PROT_WRITE));
}

static long call_with(const struct call *call, char *address)
{
	long a[6];

	lseek(file, 0, SEEK_SET);
	for (int i = 0; i < 6; i++)
		a[i] = call->arguments[i] == BAD ? (long)(intptr_t)address : call->arguments[i];
	return syscall(call->number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

/* "half of it": a string has no end before the hole; bytes may be moved up to there. */
static int is_right(long result, unsigned kind)
{
	return (result == -1 && errno == EFAULT) || (result == 1 && kind == 5);
}

static void expect_fault(const struct call *call)
{
	char what[80];
	long result = 0;

	for (unsigned i = 0; i < 6; i++) {
		*bad[5] = 'p';
		errno = 0;
		result = call_with(call, bad[i]);
		if (!is_right(result, i)) {
			snprintf(what, sizeof what, "EFAULT: %s: %s", call->name, kinds[i]);
			check_fails(what, result, EFAULT);
			return;
		}
	}
	snprintf(what, sizeof what, "EFAULT: %s", call->name);
	check(what, 1);
}

static void expect_faults(void)
{
	const struct call calls[] = {
		{"read", SYS_read, {file, BAD, 100}},
		{"read of a pipe", SYS_read, {pipes[0], BAD, 100}},
		{"read of a socket", SYS_read, {sockets[0], BAD, 100}},
		{"write", SYS_write, {file, BAD, 100}},
		{"write of a pipe", SYS_write, {pipes[1], BAD, 100}},
		{"pread64", SYS_pread64, {file, BAD, 100, 0}},
		{"pwrite64", SYS_pwrite64, {file, BAD, 100, 0}},
		{"readv", SYS_readv, {file, BAD, 1}},
		{"writev", SYS_writev, {file, BAD, 1}},
		{"open", SYS_open, {BAD, 0, 0}},
		{"openat", SYS_openat, {AT_FDCWD, BAD, 0}},
		{"stat", SYS_stat, {HERE, BAD}},
		{"stat: name", SYS_stat, {BAD, HERE}},
		{"lstat", SYS_lstat, {HERE, BAD}},
		{"fstat", SYS_fstat, {file, BAD}},
		{"newfstatat", SYS_newfstatat, {AT_FDCWD, HERE, BAD, 0}},
		{"statx", SYS_statx, {AT_FDCWD, HERE, 0, 0x7ff, BAD}},
		{"statfs", SYS_statfs, {HERE, BAD}},
		{"fstatfs", SYS_fstatfs, {file, BAD}},
		{"access", SYS_access, {BAD, 0}},
		{"mkdir", SYS_mkdir, {BAD, 0700}},
		{"rmdir", SYS_rmdir, {BAD}},
		{"unlink", SYS_unlink, {BAD}},
		{"link", SYS_link, {HERE, BAD}},
		{"symlink", SYS_symlink, {HERE, BAD}},
		{"symlink: target", SYS_symlink, {BAD, HERE}},
		{"rename", SYS_rename, {HERE, BAD}},
		{"chmod", SYS_chmod, {BAD, 0600}},
		{"chdir", SYS_chdir, {BAD}},
		{"truncate", SYS_truncate, {BAD, 0}},
		{"utimensat", SYS_utimensat, {AT_FDCWD, HERE, BAD, 0}},
		{"getdents64", SYS_getdents64, {folder, BAD, 1000}},
		{"getcwd", SYS_getcwd, {BAD, 1000}},
		{"pipe", SYS_pipe, {BAD}},
		{"pipe2", SYS_pipe2, {BAD, 0}},
		{"fcntl F_GETLK", SYS_fcntl, {file, F_GETLK, BAD}},
		{"fcntl F_SETLK", SYS_fcntl, {file, F_SETLK, BAD}},
		{"sendfile", SYS_sendfile, {pipes[1], file, BAD, 10}},
		{"poll", SYS_poll, {BAD, 1, 0}},
		{"ppoll: time", SYS_ppoll, {0, 0, BAD, 0, 8}},
		{"select", SYS_select, {5, BAD, 0, 0, 0}},
		{"epoll_ctl", SYS_epoll_ctl, {epoll, EPOLL_CTL_ADD, pipes[0], BAD}},
		{"execve", SYS_execve, {BAD, 0, 0}},
		{"nanosleep", SYS_nanosleep, {BAD, 0}},
		{"clock_gettime", SYS_clock_gettime, {1, BAD}},
		{"clock_getres", SYS_clock_getres, {1, BAD}},
		{"clock_nanosleep", SYS_clock_nanosleep, {1, 0, BAD, 0}},
		{"gettimeofday", SYS_gettimeofday, {BAD, 0}},
		{"time", SYS_time, {BAD}},
		{"times", SYS_times, {BAD}},
		{"getitimer", SYS_getitimer, {0, BAD}},
		{"setitimer", SYS_setitimer, {0, BAD, 0}},
		{"timerfd_settime", SYS_timerfd_settime, {file, 0, BAD, 0}},
		{"rt_sigaction", SYS_rt_sigaction, {SIGUSR1, BAD, 0, 8}},
		{"rt_sigaction: old", SYS_rt_sigaction, {SIGUSR1, 0, BAD, 8}},
		{"rt_sigprocmask", SYS_rt_sigprocmask, {SIG_BLOCK, BAD, 0, 8}},
		{"rt_sigpending", SYS_rt_sigpending, {BAD, 8}},
		{"rt_sigsuspend", SYS_rt_sigsuspend, {BAD, 8}},
		{"rt_sigtimedwait", SYS_rt_sigtimedwait, {BAD, 0, 0, 8}},
		{"sigaltstack", SYS_sigaltstack, {BAD, 0}},
		{"signalfd4", SYS_signalfd4, {-1, BAD, 8, 0}},
		{"uname", SYS_uname, {BAD}},
		{"sysinfo", SYS_sysinfo, {BAD}},
		{"getrlimit", SYS_getrlimit, {RLIMIT_NOFILE, BAD}},
		{"setrlimit", SYS_setrlimit, {RLIMIT_NOFILE, BAD}},
		{"prlimit64", SYS_prlimit64, {0, RLIMIT_NOFILE, BAD, 0}},
		{"getrusage", SYS_getrusage, {0, BAD}},
		{"getresuid", SYS_getresuid, {HERE, HERE, BAD}},
		{"getgroups", SYS_getgroups, {1000, BAD}},
		{"getrandom", SYS_getrandom, {BAD, 100, 0}},
		{"mincore", SYS_mincore, {HERE & -PAGE, 2 * PAGE, BAD}},
		{"sched_getaffinity", SYS_sched_getaffinity, {0, 128, BAD}},
		{"sched_setaffinity", SYS_sched_setaffinity, {0, 128, BAD}},
		{"sched_getparam", SYS_sched_getparam, {0, BAD}},
		{"socketpair", SYS_socketpair, {AF_UNIX, SOCK_STREAM, 0, BAD}},
		{"sendmsg", SYS_sendmsg, {sockets[0], BAD, 0}},
		{"recvmsg", SYS_recvmsg, {sockets[0], BAD, MSG_DONTWAIT}},
		{"sendto", SYS_sendto, {sockets[0], BAD, 100, 0, 0, 0}},
		{"bind", SYS_bind, {sockets[0], BAD, 20}},
		{"getsockname", SYS_getsockname, {sockets[0], BAD, BAD}},
		{"readlink", SYS_readlink, {(long)(intptr_t) "link", BAD, 100}},
	};

	strcpy(good, "file");
	for (unsigned i = 0; i < sizeof calls / sizeof calls[0]; i++)
		if (calls[i].number != SYS_getgroups || getgroups(0, NULL) > 0)
			expect_fault(&calls[i]);
}

/* Signals to others are none of this test's business, and a child of vfork must not return. */
static int left_out(long number)
{
	return number == SYS_vfork || number == SYS_kill || number == SYS_tkill ||
	       number == SYS_tgkill || number == SYS_rt_sigqueueinfo ||
	       number == SYS_rt_tgsigqueueinfo || number == SYS_vhangup;
}

static int call_blindly(void *number)
{
	struct itimerval limit = {.it_value = {0, 100000}};
	const long firsts[] = {0, file, sockets[0], -1};
	long n = (long)(intptr_t)number;

	close(0);
	open("/dev/null", O_RDWR);
	setsid();
	if (!is_whole_machine && !geteuid() && (setgid(NOBODY_ELSE) || setuid(NOBODY_ELSE)))
		return 1;
	setitimer(ITIMER_REAL, &limit, NULL);
	for (unsigned i = 0; i < 6; i++)
		for (unsigned j = 0; j < 5; j++) {
			long x = (long)(intptr_t)bad[i], first = j < 4 ? firsts[j] : x;

			if (syscall(n, first, x, x, x, x, x) == 0 &&
			    (n == SYS_fork || n == SYS_clone))
				_exit(0);
		}
	return 0;
}

/* How CHILD ends, also if it has asked to be traced and stops. */
static void put_an_end_to(pid_t child)
{
	int status;

	while (waitpid(child, &status, 0) == child && WIFSTOPPED(status))
		kill(child, SIGKILL);
}

static void every_number(void)
{
	int before = getppid(), stays;

	for (long number = 0; number < LAST_NUMBER; number++)
		if (!left_out(number))
			put_an_end_to(child_start(call_blindly, (void *)(intptr_t)number));
	stays = open("stays", O_RDWR | O_CREAT, 0600);
	check("every number with bad pointers: we are still here",
	      getppid() == before && stays >= 0 && write(stays, good, 10) == 10);
	check_fails("an unknown number", syscall(9999), ENOSYS);
	check_fails("a negative number", syscall(-5), ENOSYS);
}

int main(int argc, char **argv)
{
	is_whole_machine = argc > 1 && !strcmp(argv[1], "all");
	prepare();
	expect_faults();
	every_number();
	return check_end();
}

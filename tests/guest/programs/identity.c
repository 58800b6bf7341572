/* SPDX-License-Identifier: MIT
 *
 * Who a process is, and what it may have: user and group ids, resource limits, uname.
 */
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>

#include "check.h"

#define SOMEBODY 1000

static int ids(uid_t real, uid_t effective, uid_t saved)
{
	uid_t r, e, s;

	return !getresuid(&r, &e, &s) && r == real && e == effective && s == saved;
}

static int drop_and_return(void *unused)
{
	(void)unused;
	check("seteuid", !seteuid(SOMEBODY) && ids(0, SOMEBODY, 0));
	check_fails("somebody can't be anybody", setresuid(5, 5, 5), EPERM);
	check("back by the saved id", !seteuid(0) && ids(0, 0, 0));
	check("setreuid", !setreuid(SOMEBODY, 0) && ids(SOMEBODY, 0, 0));
	check("setresuid", !setresuid(1, 2, 3) && ids(1, 2, 3));
	check("setuid of one without privilege: the effective one", !setuid(3) && ids(1, 3, 3));
	check("setuid to the real one", !setuid(1) && ids(1, 1, 3));
	return check_count.failed;
}

static int drop_for_good(void *unused)
{
	(void)unused;
	check("setuid of root: all three",
	      !setgid(SOMEBODY) && !setuid(SOMEBODY) && ids(SOMEBODY, SOMEBODY, SOMEBODY));
	check_fails("no way back", setuid(0), EPERM);
	check_fails("nor by group", setgid(0), EPERM);
	check_fails("setgroups is root's", setgroups(0, NULL), EPERM);
	check_fails("init is out of reach", kill(1, SIGTERM), EPERM);
	check_fails("sethostname is root's", sethostname("x", 1), EPERM);
	return check_count.failed;
}

static int exec_set_uid(void *unused)
{
	(void)unused;
	setgid(SOMEBODY);
	setuid(SOMEBODY);
	execl("./suid", "./suid", "whoami", NULL);
	return 99;
}

static void set_uid_program(void)
{
	char data[4096];
	int in = open("/proc/self/exe", O_RDONLY), out = open("suid", O_WRONLY | O_CREAT, 0755);
	ssize_t length;

	need(in >= 0 && out >= 0);
	while ((length = read(in, data, sizeof data)) > 0)
		need(write(out, data, length) == length);
	need(!fchmod(out, 04755) && !fsync(out) && !close(out) && !chmod(".", 0755));
	close(in);
	int status = in_child(exec_set_uid, NULL);
	if (status == SOMEBODY % 256)
		check_skip("a set-uid program", "this file system is mounted nosuid");
	else
		check("a set-uid program is its owner's", status == 0);
}

static void identities(void)
{
	if (geteuid()) {
		check_skip("identities", "needs root");
		return;
	}
	check("effective, real and saved ids", in_child(drop_and_return, NULL) == 0);
	check("dropping privileges", in_child(drop_for_good, NULL) == 0);
	set_uid_program();
}

static int exceed_files(void *unused)
{
	struct rlimit limit = {10, 10};
	int fd, last = -1;

	(void)unused;
	need(!setrlimit(RLIMIT_NOFILE, &limit));
	while ((fd = open("/dev/null", O_RDONLY)) >= 0)
		last = fd;
	return errno == EMFILE && last == 9 ? 0 : 1;
}

static int exceed_file_size(void *ignore)
{
	struct rlimit limit = {1000, 1000};
	static char data[2000];
	int fd = open("big", O_WRONLY | O_CREAT | O_TRUNC, 0600);

	need(!setrlimit(RLIMIT_FSIZE, &limit));
	if (ignore)
		signal(SIGXFSZ, SIG_IGN);
	if (write(fd, data, sizeof data) != 1000)
		return 1;
	return write(fd, data, 1) == -1 && errno == EFBIG ? 0 : 2;
}

static int exceed_memory(void *unused)
{
	struct rlimit limit = {64 << 20, 64 << 20};

	(void)unused;
	need(!setrlimit(RLIMIT_AS, &limit));
	return malloc(100 << 20) == NULL && errno == ENOMEM ? 0 : 1;
}

static int exceed_cpu(void *unused)
{
	struct rlimit limit = {1, 2};

	(void)unused;
	need(!setrlimit(RLIMIT_CPU, &limit));
	for (;;)
		;
}

static void limits(void)
{
	struct rlimit limit, same;

	check("getrlimit", !getrlimit(RLIMIT_NOFILE, &limit) && limit.rlim_cur <= limit.rlim_max);
	limit.rlim_cur = 20;
	check("setrlimit", !setrlimit(RLIMIT_NOFILE, &limit) && !getrlimit(RLIMIT_NOFILE, &same) &&
				   same.rlim_cur == 20);
	limit.rlim_cur = limit.rlim_max + 1;
	check_fails("setrlimit: soft above hard", setrlimit(RLIMIT_NOFILE, &limit), EINVAL);
	check_fails("setrlimit: unknown", setrlimit(99, &limit), EINVAL);
	check("RLIMIT_NOFILE", in_child(exceed_files, NULL) == 0);
	check("RLIMIT_FSIZE", in_child(exceed_file_size, (void *)1) == 0);
	check("RLIMIT_FSIZE: SIGXFSZ", in_child(exceed_file_size, NULL) == 128 + SIGXFSZ);
	check("RLIMIT_AS", in_child(exceed_memory, NULL) == 0);
	check("RLIMIT_CPU: SIGXCPU", in_child(exceed_cpu, NULL) == 128 + SIGXCPU);
}

static void machine(void)
{
	struct utsname name;
	struct sysinfo info;

	check("uname",
	      !uname(&name) && *name.sysname && *name.release && !strcmp(name.machine, "x86_64"));
	check("sysinfo", !sysinfo(&info) && info.totalram && info.freeram <= info.totalram &&
				 info.procs > 0 && info.mem_unit);
	check("page size", sysconf(_SC_PAGESIZE) == 4096);
	check("processors", sysconf(_SC_NPROCESSORS_ONLN) > 0);
}

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "whoami"))
		return getuid() == SOMEBODY ? (int)geteuid() % 256 : 98;
	identities();
	limits();
	machine();
	return check_end();
}

/* SPDX-License-Identifier: MIT
 *
 * execve: arguments, environment, auxiliary vector, scripts, what is kept and what is not, and what
 * can't be executed. The program executes itself; argv[1] says what to look at.
 */
#include <elf.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/auxv.h>
#include <sys/stat.h>

#include "check.h"

extern char **environ;
static char self[256];
static int kept_fd, closed_fd;

static int look(int argc, char **argv);

static int run(char *const argv[], char *const envp[])
{
	fflush(stdout);
	pid_t pid = fork();

	if (!pid) {
		execve(self, argv, envp);
		_exit(126);
	}
	return child_end(pid);
}

#define RUN(...) run((char *[]){self, __VA_ARGS__, NULL}, environ)

static void put(const char *path, const char *text, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0700);

	need(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text) && !close(fd));
	need(!chmod(path, mode));
}

static void arguments(void)
{
	char *envp[] = {"A=1", "EMPTY=", "NOSIGN", NULL}, text[32];
	static char longer[100000];

	check("arguments arrive", RUN("args", "", "two words", "\xff\x01") == 0);
	check("the environment arrives", run((char *[]){self, "env", NULL}, envp) == 0);
	check("without an environment", run((char *[]){self, "noenv", NULL}, NULL) == 0);
	memset(longer, 'l', sizeof longer - 1);
	snprintf(text, sizeof text, "%zu", sizeof longer - 1);
	check("an argument of 100 KB", RUN("long", text, longer) == 0);
	check("the auxiliary vector", RUN("auxv") == 0);
	check("the stack is aligned", RUN("stack") == 0);
}

static void kept(void)
{
	char a[16], b[16], c[16];
	int pipes[2];

	need(!pipe2(pipes, O_CLOEXEC));
	kept_fd = dup(pipes[1]);
	closed_fd = pipes[0];
	snprintf(a, sizeof a, "%d", kept_fd);
	snprintf(b, sizeof b, "%d", closed_fd);
	check("descriptors stay open, FD_CLOEXEC ones don't", RUN("fds", a, b) == 0);
	signal(SIGUSR1, SIG_IGN);
	signal(SIGUSR2, (void (*)(int))arguments);
	check("ignored signals stay ignored, handlers don't stay", RUN("signals") == 0);
	signal(SIGUSR1, SIG_DFL);
	signal(SIGUSR2, SIG_DFL);
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	check("blocked stays blocked", RUN("mask") == 0);
	signal(SIGUSR1, SIG_IGN);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	snprintf(c, sizeof c, "%d", getpid());
	check("the parent is the parent", RUN("parent", c) == 0);
	umask(051);
	check("umask, limits and folder are kept",
	      !mkdir("in", 0777) && !chdir("in") && RUN("kept") == 0 && !chdir(".."));
	umask(022);
}

/* Does executing PATH in a child fail with this error? */
static int refuses(const char *path, int error)
{
	pid_t pid = fork();

	if (!pid) {
		execve(path, (char *[]){(char *)path, NULL}, environ);
		_exit(errno);
	}
	return child_end(pid) == error;
}

static void refusals(void)
{
	int fd;

	check("no such program", refuses("none", ENOENT));
	put("noexec", "#!/bin/sh\n", 0644);
	check("no x", refuses("noexec", EACCES));
	check("a folder", refuses("in", EACCES));
	put("text", "just text\n", 0755);
	check("no known format", refuses("text", ENOEXEC));
	put("empty", "", 0755);
	check("an empty file", refuses("empty", ENOEXEC));
	put("half", "\177ELF\2\1\1", 0755);
	check("half an ELF header", refuses("half", ENOEXEC));
	check("a file as folder", refuses("text/x", ENOTDIR));
	put("badscript", "#!/none/interpreter\n", 0755);
	check("a script without its interpreter", refuses("badscript", ENOENT));
	put("noname", "#!\n", 0755);
	check("a script that names none", refuses("noname", ENOEXEC));
	put("busy", "#!/bin/sh\n", 0755);
	fd = open("busy", O_WRONLY);
	check("a file open for writing", refuses("busy", ETXTBSY));
	close(fd);
}

static int too_long(void)
{
	static char big[200000];
	char *argv[30];
	pid_t pid = fork();

	if (!pid) {
		memset(big, 'b', sizeof big - 1);
		for (int i = 0; i < 29; i++)
			argv[i] = big;
		argv[29] = NULL;
		execve(self, argv, environ);
		_exit(errno);
	}
	return child_end(pid);
}

static void scripts(void)
{
	char text[600];
	pid_t pid;

	snprintf(text, sizeof text, "#!%s script\n", self);
	put("script", text, 0755);
	fflush(stdout);
	pid = fork();
	if (!pid) {
		execve("./script", (char *[]){"zero", "one", "two", NULL}, environ);
		_exit(126);
	}
	check("#! with an argument", child_end(pid) == 0);
	put("script2", "#! ./script\n", 0755);
	pid = fork();
	if (!pid) {
		execve("./script2", (char *[]){"zero", "one", "two", NULL}, environ);
		_exit(126);
	}
	check("a script whose interpreter is a script", child_end(pid) != 126);
	put("circle", "#!./circle\n", 0755);
	check("… but not for ever", refuses("circle", ELOOP));
	check("too many arguments", too_long() == E2BIG);
	int fd = open(self, O_RDONLY | O_CLOEXEC);
	fflush(stdout);
	pid = fork();
	if (!pid) {
		fexecve(fd, (char *[]){self, "noenv", NULL}, (char *[]){NULL});
		_exit(126);
	}
	check("execveat of a descriptor", child_end(pid) == 0);
	close(fd);
}

static int look_auxv(void)
{
	const unsigned char *random = (void *)getauxval(AT_RANDOM);
	const Elf64_Phdr *header = (void *)getauxval(AT_PHDR);

	return getauxval(AT_PAGESZ) != 4096 || !random || !header ||
	       getauxval(AT_PHENT) != sizeof *header || getauxval(AT_PHNUM) < 2 ||
	       getauxval(AT_UID) != getuid() || getauxval(AT_EGID) != getegid() ||
	       !getauxval(AT_ENTRY) || getauxval(AT_CLKTCK) != 100 ||
	       strcmp((char *)getauxval(AT_EXECFN), self) || getauxval(AT_SECURE);
}

static int look_kept(void)
{
	char path[256];

	return umask(022) != 051 || !getcwd(path, sizeof path) ||
	       strcmp(path + strlen(path) - 3, "/in");
}

static int look_signals(void)
{
	struct sigaction ignored, handled;

	sigaction(SIGUSR1, NULL, &ignored);
	sigaction(SIGUSR2, NULL, &handled);
	return ignored.sa_handler != SIG_IGN || handled.sa_handler != SIG_DFL;
}

static int look_mask(void)
{
	sigset_t blocked, pending;

	sigprocmask(SIG_BLOCK, NULL, &blocked);
	sigpending(&pending);
	return !sigismember(&blocked, SIGUSR1) || sigismember(&pending, SIGUSR1);
}

/* The other life of this program; 0: all is as it should be. */
static int look(int argc, char **argv)
{
	const char *what = argv[1];

	if (!strcmp(what, "args"))
		return argc != 5 || *argv[2] || strcmp(argv[3], "two words") ||
		       strcmp(argv[4], "\xff\x01") || argv[5];
	if (!strcmp(what, "env"))
		return strcmp(environ[0], "A=1") || strcmp(environ[1], "EMPTY=") ||
		       strcmp(environ[2], "NOSIGN") || environ[3];
	if (!strcmp(what, "noenv"))
		return environ[0] != NULL;
	if (!strcmp(what, "long"))
		return argc != 4 || strlen(argv[3]) != strtoul(argv[2], NULL, 10);
	if (!strcmp(what, "stack"))
		return (unsigned long)(argv - 1) % 16 != 0 || environ != argv + argc + 1;
	if (!strcmp(what, "fds"))
		return fcntl(atoi(argv[2]), F_GETFD) != 0 || fcntl(atoi(argv[3]), F_GETFD) != -1;
	if (!strcmp(what, "parent"))
		return getppid() != atoi(argv[2]);
	if (!strcmp(what, "script"))
		return argc != 5 || strcmp(argv[2], "./script") || strcmp(argv[3], "one");
	return !strcmp(what, "auxv")	  ? look_auxv()
	       : !strcmp(what, "kept")	  ? look_kept()
	       : !strcmp(what, "signals") ? look_signals()
	       : !strcmp(what, "mask")	  ? look_mask()
					  : 99;
}

int main(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "-v"))
		return snprintf(self, sizeof self, "%s", argv[0]) < 0 ? 98 : look(argc, argv);
	need(readlink("/proc/self/exe", self, sizeof self - 1) > 0);
	arguments();
	kept();
	refusals();
	scripts();
	return check_end();
}

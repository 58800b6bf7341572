/* SPDX-License-Identifier: MIT
 *
 * What becomes of a bad access: the signal, what a handler is told, and what the kernel writes into its log
 * when nobody catches it.
 *
 *   segfault
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/klog.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lab.h"

#define PAGE 4096
#define STACK (64 * PAGE) /* what the program may have of it at most */

static pid_t last_child;
static const char *case_name;
static char *bad;	   /* the address that is accessed */
static volatile char sink; /* where what was read goes */
static char stack_of_handler[16384];

static void read_it(void)
{
	sink = *(volatile char *)bad;
}

static void write_it(void)
{
	*(volatile char *)bad = 1;
}

static void call_it(void)
{
	((void (*)(void))(uintptr_t)bad)();
}

/* Each call takes a page more of the stack, up to its limit. */
static unsigned recurse(unsigned depth)
{
	volatile char frame[PAGE];

	frame[0] = (char)depth;
	return depth < UINT32_MAX ? recurse(depth + 1) + (unsigned)frame[0] : 0;
}

static void overflow(void)
{
	const struct rlimit limit = {STACK, STACK};

	setrlimit(RLIMIT_STACK, &limit);
	sink = (char)recurse(0);
}

static const char *code_name(int number, int code)
{
	if (number == SIGBUS)
		return code == BUS_ADRERR ? "BUS_ADRERR" : "other";
	return code == SEGV_MAPERR   ? "SEGV_MAPERR"
	       : code == SEGV_ACCERR ? "SEGV_ACCERR"
	       : code == SI_KERNEL   ? "SI_KERNEL"
				     : "other";
}

/* printf() isn't async-signal-safe; here it is known that nothing of stdio was interrupted. */
static void caught(int number, siginfo_t *info, void *context)
{
	const char *where = info->si_addr == bad ? "there" : bad ? "elsewhere" : "stack";

	(void)context;
	printf("%-18s %-8s %-12s at %p\n", case_name, number == SIGBUS ? "SIGBUS" : "SIGSEGV",
	       code_name(number, info->si_code), info->si_addr);
	lab_row("fault", "case=%s signal=%s code=%s address=%s colour=%d", case_name,
		number == SIGBUS ? "SIGBUS" : "SIGSEGV", code_name(number, info->si_code), where,
		number == SIGBUS	     ? 4
		: info->si_code == SI_KERNEL ? 3
					     : info->si_code);
	_exit(0);
}

static void catch_all(void)
{
	const struct sigaction action = {.sa_sigaction = caught,
					 .sa_flags = SA_SIGINFO | SA_ONSTACK};
	const stack_t stack = {.ss_sp = stack_of_handler, .ss_size = sizeof(stack_of_handler)};

	sigaltstack(&stack, NULL); /* of the program's own stack nothing may be left */
	sigaction(SIGSEGV, &action, NULL);
	sigaction(SIGBUS, &action, NULL);
}

static int run(const char *name, void (*access)(void), void *address, bool catch)
{
	int status = 0;
	const pid_t pid = fork();

	if (pid < 0)
		lab_die("fork");
	if (!pid) {
		case_name = name;
		bad = address;
		if (catch)
			catch_all();
		access();
		_exit(99); /* it was permitted */
	}
	last_child = pid;
	waitpid(pid, &status, 0);
	if (WIFEXITED(status) && WEXITSTATUS(status))
		lab_row("fault", "case=%s signal=none code=none address=none colour=0", name);
	return status;
}

static void *map(int protection, int fd)
{
	return mmap(NULL, 2 * PAGE, protection, MAP_PRIVATE | (fd < 0 ? MAP_ANONYMOUS : 0), fd, 0);
}

/* A file of one byte, mapped with two pages: the second one is beyond its end. */
static char *short_file(void)
{
	const int fd = open("/tmp/segfault.data", O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0 || write(fd, "x", 1) != 1)
		lab_die("/tmp/segfault.data");
	unlink("/tmp/segfault.data");
	return map(PROT_READ, fd);
}

/* What the kernel's log says about that process. */
static void show_log(pid_t pid)
{
	static char log[65536], tag[32];
	const int bytes = klogctl(3 /* read all */, log, sizeof(log) - 1);

	snprintf(tag, sizeof(tag), "segfault[%d]: ", pid);
	char *line = bytes > 0 ? strstr(log, tag) : NULL;

	if (!line)
		line = "";
	printf("kernel: %.*s\n", (int)strcspn(line, "\n"), line);
	lab_row("log", "found=%d text=\"%.*s\"", *line != 0, (int)strcspn(line, "\n"), line);
}

int main(void)
{
	const struct {
		const char *name;
		void (*access)(void);
		void *address;
	} all[] = {
		{"read-null", read_it, NULL},
		{"write-null", write_it, NULL},
		{"write-read-only", write_it, map(PROT_READ, -1)},
		{"write-constant", write_it, (void *)"a literal"},
		{"execute-data", call_it, map(PROT_READ | PROT_WRITE, -1)},
		{"no-access", read_it, map(PROT_NONE, -1)},
		{"kernel", read_it, (void *)0xffffffff80200000},
		{"not-canonical", read_it, (void *)0x8000000000000000},
		{"beyond-end-of-file", read_it, short_file() + PAGE},
		{"stack-overflow", overflow, NULL},
	};

	for (unsigned i = 0; i < sizeof(all) / sizeof(*all); i++)
		run(all[i].name, all[i].access, all[i].address, true);
	const int status = run("uncaught", write_it, (void *)0xdead000, false);

	printf("uncaught: the parent learns of signal %d\n", WTERMSIG(status));
	lab_row("end", "signaled=%d signal=%d", WIFSIGNALED(status), WTERMSIG(status));
	show_log(last_child);
	return 0;
}

/* SPDX-License-Identifier: MIT
 *
 * Random system calls with arguments that might be right, by children that may die of it. Same seed,
 * same calls.
 *
 *   fuzz [CALLS [SEED]]       fuzz -n NUMBER …: this system call alone
 */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "check.h"

#define CALLS_PER_CHILD 200
#define LAST_NUMBER 470
#define NOBODY_ELSE 54321 /* a user with no other processes */
#define CHILD_MS 3000
#define PAGE 4096

static uint64_t random_state;
static long only_number = -1;
static char *memory;
static long *made; /* calls by all children, the deadly ones too */

static uint64_t next_random(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

static unsigned below(unsigned bound)
{
	return (unsigned)(next_random() >> 20) % bound;
}

static long random_path(void)
{
	static const char *paths[] = {"f",
				      "d",
				      "d/f",
				      ".",
				      "..",
				      "/",
				      "new",
				      "link",
				      "/proc/self/maps",
				      "/proc/self/stat",
				      "/dev/null",
				      "/dev/zero",
				      "/tmp",
				      ""};

	return (long)(intptr_t)paths[below(sizeof paths / sizeof paths[0])];
}

static long random_address(void)
{
	switch (below(8)) {
	case 0: return (long)(intptr_t)memory + PAGE - below(64); /* next to a hole */
	case 1: return (long)(intptr_t)memory + below(PAGE) * 3;
	case 2: return (long)0xffffffff80000000 + below(1 << 22);
	case 3: return (long)(1ull << (below(4) + 44)) - below(9);
	default: return (long)(intptr_t)memory + (below(32) << 7);
	}
}

static long random_argument(void)
{
	static const long sizes[] = {0,	   1,	 7,	8,	 16,	   63,	     4095,
				     4096, 4097, 65536, 1 << 20, 1l << 31, 1l << 40, -1};

	switch (below(8)) {
	case 0: return below(16);    /* a descriptor, a small number */
	case 1: return below(4) + 3; /* a descriptor that is open */
	case 2: return sizes[below(sizeof sizes / sizeof sizes[0])];
	case 3: return 1l << below(64); /* a flag */
	case 4: return random_path();
	case 5: return (long)next_random();
	default: return random_address();
	}
}

/* What would reach beyond this program, on a machine that other programs use. */
static int left_out(long number)
{
	switch (number) {
	case SYS_kill:
	case SYS_tkill:
	case SYS_tgkill:
	case SYS_rt_sigqueueinfo:
	case SYS_rt_tgsigqueueinfo:
	case SYS_vfork:
	case SYS_exit:
	case SYS_exit_group:
	case SYS_ptrace:
	case SYS_pause:
	case SYS_rt_sigsuspend: return number != only_number;
	default: return 0;
	}
}

static long choose(void)
{
	long number;

	if (only_number >= 0)
		return only_number;
	do
		number = below(8) ? below(335) : below(LAST_NUMBER);
	while (left_out(number));
	return number;
}

static void call_once(void)
{
	long number = choose(), a[6];

	for (int i = 0; i < 6; i++)
		a[i] = random_argument();
	long result = syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
	if (!result && (number == SYS_fork || number == SYS_clone || number == SYS_clone3))
		syscall(SYS_exit_group, 0);
}

static int child(void *unused)
{
	struct rlimit few = {30, 30}, small = {64 << 20, 64 << 20};

	(void)unused;
	memory = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	munmap(memory + PAGE, PAGE);
	for (int i = 0; i < PAGE; i++)
		memory[i] = below(4) ? 0 : (char)next_random();
	setsid();
	setrlimit(RLIMIT_NPROC, &few);
	setrlimit(RLIMIT_AS, &small);
	setrlimit(RLIMIT_FSIZE, &small);
	alarm(2);
	int sockets[2];
	if (open("f", O_RDWR | O_CREAT, 0600) < 0 || socketpair(AF_UNIX, SOCK_STREAM, 0, sockets))
		return 1;
	for (int i = 0; i < CALLS_PER_CHILD; i++) {
		++*made;
		call_once();
	}
	return 0;
}

/* Nothing lives on, or holds the console, after a child. */
static void put_an_end_to(pid_t pid)
{
	long long end = now_ms() + CHILD_MS;

	while (waitpid(pid, NULL, WNOHANG) == 0) {
		if (now_ms() > end)
			kill(pid, SIGKILL);
		sleep_ms(1);
	}
}

static int kill_all(void *unused)
{
	(void)unused;
	kill(-1, SIGKILL);
	return 0;
}

static int everything(void *argument)
{
	long calls = *(long *)argument;
	int devnull = open("/dev/null", O_RDWR);

	if (setgid(NOBODY_ELSE) || setuid(NOBODY_ELSE))
		return 1;
	dup2(devnull, 0);
	while (*made < calls) {
		uint64_t seed = next_random();
		pid_t pid = fork();
		if (pid == 0) {
			random_state = seed;
			dup2(devnull, 1);
			dup2(devnull, 2);
			_exit(child(NULL));
		}
		if (pid < 0)
			return 2;
		put_an_end_to(pid);
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
	}
	return in_child(kill_all, NULL) == 128 + SIGKILL ? 0 : 3;
}

int main(int argc, char **argv)
{
	if (argc > 2 && !strcmp(argv[1], "-n")) {
		only_number = atol(argv[2]);
		argc -= 2;
		argv += 2;
	}
	long calls = argc > 1 ? atol(argv[1]) : 4000;
	random_state = (argc > 2 ? strtoull(argv[2], NULL, 0) : 1) * 0x9e3779b97f4a7c15u + 1;
	if (geteuid()) {
		check_skip("random system calls",
			   "needs root, to become a user with nothing to lose");
		return check_end();
	}
	made = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	need(made != MAP_FAILED);
	need(!mkdir("fuzz", 0777) && !chmod("fuzz", 0777) && !chdir("fuzz"));
	check("random system calls: we are still here",
	      in_child(everything, &calls) == 128 + SIGKILL && *made >= calls);
	printf("%ld system calls were made\n", *made);
	int fd = open("after", O_RDWR | O_CREAT, 0600);
	check("files still work", fd >= 0 && write(fd, "x", 1) == 1);
	return check_end();
}

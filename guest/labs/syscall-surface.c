/* SPDX-License-Identifier: MIT
 *
 * Which system calls does the kernel below serve? Asks for each number with arguments that make no sense; who answers
 * anything but "no such call" is there. Calls that would do harm even so count as there without being asked.
 *
 *   syscall-surface [-u] [-f]      -u: in new namespaces; -f: behind a filter that lets a small program work
 */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lab.h"

#define NUMBERS 470
#define NONSENSE (-1L)
#define GAP_FIRST 335 /* no calls from here … */
#define GAP_END 424   /* … to here */
#define REFUSED 1234  /* the filter's own error, which no kernel gives */

/* A filter's instructions (Linux's linux/filter.h, linux/seccomp.h, which musl doesn't bring). */
struct instruction {
	uint16_t code;
	uint8_t if_true, if_false;
	uint32_t value;
};
struct program {
	uint16_t length;
	struct instruction *code;
};
enum { LOAD_WORD = 0x20, JUMP_EQUAL = 0x15, RETURN = 0x06 };
enum { RETURN_ERRNO = 0x00050000, RETURN_ALLOW = 0x7fff0000 };
#define OFFSET_NUMBER 0
#define MODE_FILTER 2

/* They don't come back, wait for ever, take the terminal away, keep the disks busy, or call nonsense "not there". */
static const int not_asked[] = {SYS_exit,  SYS_exit_group, SYS_fork,	     SYS_vfork,
				SYS_clone, SYS_pause,	   SYS_rt_sigreturn, SYS_vhangup,
				SYS_sync,  SYS_reboot,	   SYS_setsid,	     SYS_alarm,
				SYS_kill,  SYS_tkill,	   SYS_munmap,	     SYS_close_range,
				SYS_prctl, SYS_seccomp,	   SYS_futex};

/* What a program needs that computes and talks through open files. */
static const int allowed[] = {SYS_read,		  SYS_write,	     SYS_writev, SYS_close,
			      SYS_fstat,	  SYS_lseek,	     SYS_mmap,	 SYS_munmap,
			      SYS_mprotect,	  SYS_brk,	     SYS_ioctl,	 SYS_rt_sigaction,
			      SYS_rt_sigprocmask, SYS_rt_sigreturn,  SYS_getpid, SYS_exit,
			      SYS_exit_group,	  SYS_clock_gettime, SYS_futex,	 SYS_nanosleep};

static bool is_in(const int *list, size_t count, int number)
{
	for (size_t i = 0; i < count; i++)
		if (list[i] == number)
			return true;
	return false;
}
#define IS_IN(list, number) is_in(list, sizeof(list) / sizeof(*(list)), number)

/* Everything else fails before the kernel looks at it. */
static void install_filter(void)
{
	enum { LISTED = sizeof(allowed) / sizeof(*allowed) };
	struct instruction code[LISTED + 3] = {{LOAD_WORD, 0, 0, OFFSET_NUMBER}};
	const struct program program = {LISTED + 3, code};

	for (unsigned i = 0; i < LISTED; i++) /* if it's this one, to the last instruction */
		code[1 + i] = (struct instruction){JUMP_EQUAL, (uint8_t)(LISTED - i), 0,
						   (unsigned)allowed[i]};
	code[LISTED + 1] = (struct instruction){RETURN, 0, 0, RETURN_ERRNO | REFUSED};
	code[LISTED + 2] = (struct instruction){RETURN, 0, 0, RETURN_ALLOW};
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, MODE_FILTER, &program))
		lab_die("a filter");
}

static bool is_served(int number, bool filtered)
{
	/* what the filter doesn't let through does no harm */
	if (IS_IN(not_asked, number) && (!filtered || IS_IN(allowed, number)))
		return true;
	errno = 0;
	return syscall(number, NONSENSE, NONSENSE, NONSENSE, NONSENSE, NONSENSE, NONSENSE) != -1 ||
	       (errno != ENOSYS && errno != REFUSED);
}

static void count(const char *world, bool filtered)
{
	unsigned served = 0;

	for (int number = 0; number < NUMBERS; number++)
		if (number < GAP_FIRST || number >= GAP_END)
			served += is_served(number, filtered);
	printf("%-12s %4u system calls\n", world, served);
	lab_row("surface", "world=%s calls=%u", world, served);
}

int main(int argc, char **argv)
{
	const bool unshared = lab_flag(argc, argv, 'u'), filtered = lab_flag(argc, argv, 'f');
	int status = 0;

	if (unshared &&
	    unshare(CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC))
		lab_die("new namespaces");
	fflush(stdout);
	if (!fork()) { /* who asks for nonsense may lose its mind */
		if (filtered)
			install_filter();
		count(filtered ? "filter" : unshared ? "namespaces" : "plain", filtered);
		_exit(0);
	}
	wait(&status);
	return !WIFEXITED(status) || WEXITSTATUS(status);
}

/* SPDX-License-Identifier: MIT
 *
 * clone(2) flag by flag, without a library between: what is shared, what is copied, and the words
 * that the kernel writes.
 */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "check.h"

#define STACK (64 << 10)

static char stack[STACK] __attribute__((aligned(16)));
static volatile int variable;
static volatile pid_t parent_tid, child_tid;

static int sets_variable(void *value)
{
	variable = (int)(intptr_t)value;
	return variable;
}

static int opens_and_moves(void *unused)
{
	(void)unused;
	close(50);
	umask(057);
	return chdir("/") ? 1 : 0;
}

static int run(int (*function)(void *), int flags, void *argument)
{
	int status;
	pid_t pid = clone(function, stack + STACK, flags | SIGCHLD, argument);

	need(pid > 0 && waitpid(pid, &status, 0) == pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void memory(void)
{
	variable = 1;
	check("without CLONE_VM: a copy", run(sets_variable, 0, (void *)5) == 5 && variable == 1);
	check("CLONE_VM: the same", run(sets_variable, CLONE_VM, (void *)6) == 6 && variable == 6);
	check("CLONE_VM|CLONE_VFORK",
	      run(sets_variable, CLONE_VM | CLONE_VFORK, (void *)7) == 7 && variable == 7);
}

static void files(void)
{
	char before[256], after[256];

	need(getcwd(before, sizeof before) && dup2(1, 50) == 50);
	umask(022);
	need(run(opens_and_moves, CLONE_VM, NULL) == 0);
	check("without CLONE_FILES: descriptors are copies", fcntl(50, F_GETFD) == 0);
	check("without CLONE_FS: so are folder and umask",
	      getcwd(after, sizeof after) && !strcmp(before, after) && umask(022) == 022);
	need(run(opens_and_moves, CLONE_VM | CLONE_FILES | CLONE_FS, NULL) == 0);
	check("CLONE_FILES: the same", fcntl(50, F_GETFD) == -1);
	check("CLONE_FS: the same",
	      getcwd(after, sizeof after) && !strcmp(after, "/") && umask(022) == 057);
	need(!chdir(before));
}

static int sets_handler(void *unused)
{
	(void)unused;
	return signal(SIGUSR1, SIG_IGN) == SIG_ERR;
}

static void handlers(void)
{
	struct sigaction now;

	need(run(sets_handler, CLONE_VM, NULL) == 0 && !sigaction(SIGUSR1, NULL, &now));
	check("without CLONE_SIGHAND: handlers are copies", now.sa_handler == SIG_DFL);
	need(run(sets_handler, CLONE_VM | CLONE_SIGHAND, NULL) == 0 &&
	     !sigaction(SIGUSR1, NULL, &now));
	check("CLONE_SIGHAND: the same", now.sa_handler == SIG_IGN);
	check_fails("CLONE_SIGHAND without CLONE_VM",
		    syscall(SYS_clone, CLONE_SIGHAND | SIGCHLD, 0, 0, 0, 0), EINVAL);
	check_fails("CLONE_THREAD without CLONE_SIGHAND",
		    syscall(SYS_clone, CLONE_THREAD | CLONE_VM | SIGCHLD, 0, 0, 0, 0), EINVAL);
}

static int compares_tid(void *unused)
{
	(void)unused;
	return child_tid != syscall(SYS_gettid);
}

static int sleeps(void *unused)
{
	(void)unused;
	sleep_ms(50);
	return 0;
}

static void words(void)
{
	int status;
	pid_t pid = clone(compares_tid, stack + STACK,
			  CLONE_VM | CLONE_PARENT_SETTID | CLONE_CHILD_SETTID | SIGCHLD, NULL,
			  &parent_tid, NULL, &child_tid);

	need(pid > 0 && waitpid(pid, &status, 0) == pid);
	check("CLONE_PARENT_SETTID", parent_tid == pid);
	check("CLONE_CHILD_SETTID", WEXITSTATUS(status) == 0);
	child_tid = 77;
	pid = clone(sleeps, stack + STACK, CLONE_VM | CLONE_CHILD_CLEARTID | SIGCHLD, NULL, NULL,
		    NULL, &child_tid);
	need(pid > 0);
	while (child_tid) {
		struct timespec limit = {2, 0};
		if (syscall(SYS_futex, &child_tid, 0, 77, &limit, NULL, 0) && errno == ETIMEDOUT)
			break;
	}
	check("CLONE_CHILD_CLEARTID wakes a futex", child_tid == 0);
	need(waitpid(pid, &status, 0) == pid);
}

static int reads_fs(void *unused)
{
	uint64_t value;

	(void)unused;
	asm volatile("mov %%fs:0, %0" : "=r"(value));
	_exit(value == 0x1234 ? 0 : 1);
}

static void thread_pointer(void)
{
	static uint64_t block[16] = {0x1234};
	uint64_t base = 0;

	check("CLONE_SETTLS", ({
		      int status;
		      pid_t pid = clone(reads_fs, stack + STACK, CLONE_VM | CLONE_SETTLS | SIGCHLD,
					NULL, NULL, block, NULL);
		      need(pid > 0 && waitpid(pid, &status, 0) == pid);
		      WIFEXITED(status) && WEXITSTATUS(status) == 0;
	      }));
	/* Not canonical: no processor takes it. */
	check_fails("CLONE_SETTLS: no address of a program",
		    clone(reads_fs, stack + STACK, CLONE_VM | CLONE_SETTLS | SIGCHLD, NULL, NULL,
			  (void *)0x800000000000, NULL),
		    EPERM);
	check("ARCH_GET_FS", !syscall(SYS_arch_prctl, 0x1003, &base) && base);
	check_fails("arch_prctl: unknown", syscall(SYS_arch_prctl, 0x9999, &base), EINVAL);
	check_fails("ARCH_SET_FS: a kernel address",
		    syscall(SYS_arch_prctl, 0x1002, 0xffff800000000000ull), EPERM);
}

static void parents(void)
{
	int status;
	pid_t pid = clone(sleeps, stack + STACK, CLONE_VM, NULL);

	need(pid > 0);
	check_fails("no SIGCHLD: not waited for by default", waitpid(pid, &status, WNOHANG),
		    ECHILD);
	check("__WALL waits for it", waitpid(pid, &status, __WALL) == pid && WIFEXITED(status));
}

int main(void)
{
	memory();
	files();
	handlers();
	words();
	thread_pointer();
	parents();
	return check_end();
}

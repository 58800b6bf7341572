/* SPDX-License-Identifier: MIT
 *
 * Signal handlers: when they run, what they are told, on which stack, with which mask, and what an
 * interrupted system call gives.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/time.h>
#include <ucontext.h>

#include "check.h"

static volatile int count, raised, depth, deepest, was_blocked, last_signal;
static volatile siginfo_t told;
static char *volatile stack_then;

static void counts(int signal)
{
	sigset_t now;
	char here;

	last_signal = signal;
	count++;
	stack_then = &here;
	sigprocmask(SIG_BLOCK, NULL, &now);
	was_blocked = sigismember(&now, signal);
}

static void nests(int signal)
{
	depth++;
	if (depth > deepest)
		deepest = depth;
	if (raised++ < 2)
		raise(signal);
	depth--;
}

static void informed(int signal, siginfo_t *info, void *context)
{
	(void)signal;
	told = *info;
	count += context != NULL;
}

static void set(int signal, void (*handler)(int), int flags)
{
	struct sigaction action = {.sa_handler = handler, .sa_flags = flags};

	need(!sigaction(signal, &action, NULL));
}

static sigset_t only(int signal)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, signal);
	return set;
}

static void handlers(void)
{
	struct sigaction old;

	count = 0;
	set(SIGUSR1, counts, 0);
	check("a handler runs", !raise(SIGUSR1) && count == 1 && last_signal == SIGUSR1);
	check("its signal is blocked meanwhile", was_blocked == 1);
	check("sigaction gives the old one",
	      !sigaction(SIGUSR1, NULL, &old) && old.sa_handler == counts);
	set(SIGUSR1, SIG_IGN, 0);
	check("SIG_IGN", !raise(SIGUSR1) && count == 1);
	set(SIGUSR1, counts, SA_RESETHAND);
	raise(SIGUSR1);
	check("SA_RESETHAND",
	      count == 2 && !sigaction(SIGUSR1, NULL, &old) && old.sa_handler == SIG_DFL);
	set(SIGUSR1, nests, SA_NODEFER);
	raise(SIGUSR1);
	check("SA_NODEFER nests", deepest == 3);
	deepest = raised = 0;
	set(SIGUSR1, nests, 0);
	raise(SIGUSR1);
	check("without it, one after the other", deepest == 1);
	set(SIGUSR1, SIG_DFL, 0);
	check_fails("SIGKILL can't be caught", signal(SIGKILL, counts) == SIG_ERR ? -1 : 0, EINVAL);
	check_fails("SIGSTOP neither", signal(SIGSTOP, counts) == SIG_ERR ? -1 : 0, EINVAL);
	check_fails("no signal 65", sigaction(65, &old, NULL), EINVAL);
	check_fails("kill: no such signal", kill(getpid(), 65), EINVAL);
}

static void information(void)
{
	struct sigaction action = {.sa_sigaction = informed, .sa_flags = SA_SIGINFO};
	union sigval value = {.sival_int = 1234};

	need(!sigaction(SIGUSR2, &action, NULL));
	count = 0;
	kill(getpid(), SIGUSR2);
	check("SA_SIGINFO: kill", count == 1 && told.si_code == SI_USER &&
					  told.si_pid == getpid() && told.si_uid == getuid());
	need(!sigqueue(getpid(), SIGUSR2, value));
	check("SA_SIGINFO: sigqueue", told.si_code == SI_QUEUE && told.si_value.sival_int == 1234);
	raise(SIGUSR2);
	check("SA_SIGINFO: raise", told.si_code == SI_TKILL && told.si_signo == SIGUSR2);
	set(SIGUSR2, SIG_DFL, 0);
}

static void masks(void)
{
	sigset_t one = only(SIGUSR1), old, pending;
	struct sigaction action = {.sa_handler = counts};

	count = 0;
	set(SIGUSR1, counts, 0);
	check("a blocked signal waits", !sigprocmask(SIG_BLOCK, &one, &old) && !raise(SIGUSR1) &&
						!raise(SIGUSR1) && count == 0);
	check("sigpending", !sigpending(&pending) && sigismember(&pending, SIGUSR1));
	check("unblocked, it comes, once", !sigprocmask(SIG_SETMASK, &old, NULL) && count == 1);
	set(SIGUSR1, SIG_IGN, 0);
	need(!sigprocmask(SIG_BLOCK, &one, NULL) && !raise(SIGUSR1));
	set(SIGUSR1, counts, 0);
	need(!sigprocmask(SIG_UNBLOCK, &one, NULL));
	check("SIG_IGN drops what waits", count <= 2);
	sigaddset(&action.sa_mask, SIGUSR2);
	set(SIGUSR2, counts, 0);
	need(!sigaction(SIGUSR1, &action, NULL));
	raise(SIGUSR1);
	check("sa_mask ends with the handler",
	      !sigprocmask(SIG_BLOCK, NULL, &old) && !sigismember(&old, SIGUSR2));
	sigfillset(&one);
	need(!sigprocmask(SIG_SETMASK, &one, &old) && !sigprocmask(SIG_SETMASK, &old, &pending));
	check("SIGKILL and SIGSTOP aren't blocked",
	      !sigismember(&pending, SIGKILL) && !sigismember(&pending, SIGSTOP));
	check_fails("sigprocmask: how?", sigprocmask(99, &one, NULL), EINVAL);
}

static void alternate_stack(void)
{
	static char memory[32768];
	stack_t stack = {.ss_sp = memory, .ss_size = sizeof memory}, old;

	check("sigaltstack", !sigaltstack(&stack, NULL));
	set(SIGUSR1, counts, SA_ONSTACK);
	raise(SIGUSR1);
	check("SA_ONSTACK", stack_then > memory && stack_then < memory + sizeof memory);
	set(SIGUSR1, counts, 0);
	raise(SIGUSR1);
	check("without it, the usual one",
	      !(stack_then > memory && stack_then < memory + sizeof memory));
	stack.ss_flags = SS_DISABLE;
	check("SS_DISABLE", !sigaltstack(&stack, &old) && old.ss_sp == memory);
	stack = (stack_t){.ss_sp = memory, .ss_size = 100};
	check_fails("too small a stack", sigaltstack(&stack, NULL), ENOMEM);
}

static void alarm_in(int ms)
{
	struct itimerval timer = {.it_value = {ms / 1000, ms % 1000 * 1000}};

	need(!setitimer(ITIMER_REAL, &timer, NULL));
}

static int write_later(void *fd)
{
	sleep_ms(150);
	return write(*(int *)fd, "x", 1) != 1;
}

static void interruptions(void)
{
	struct timespec long_time = {10, 0}, left = {0, 0};
	char byte;
	int fds[2];

	need(!pipe(fds));
	count = 0;
	set(SIGALRM, counts, 0);
	alarm_in(50);
	check_fails("read is interrupted", read(fds[0], &byte, 1), EINTR);
	check("by the handler", count == 1);
	alarm_in(50);
	check_fails("nanosleep is interrupted", nanosleep(&long_time, &left), EINTR);
	check("… and says what is left", left.tv_sec >= 8 && left.tv_sec < 10);
	set(SIGALRM, counts, SA_RESTART);
	pid_t pid = child_start(write_later, &fds[1]);
	alarm_in(50);
	check("SA_RESTART: read goes on", read(fds[0], &byte, 1) == 1 && count == 3);
	alarm_in(50);
	check_fails("… nanosleep doesn't", nanosleep(&long_time, NULL), EINTR);
	alarm_in(50);
	check_fails("pause", pause(), EINTR);
	check("child", child_end(pid) == 0);
	set(SIGALRM, SIG_IGN, 0);
	pid = child_start(write_later, &fds[1]);
	alarm_in(50);
	check("an ignored signal interrupts nothing", read(fds[0], &byte, 1) == 1);
	need(child_end(pid) == 0);
	close(fds[0]);
	close(fds[1]);
	set(SIGALRM, SIG_DFL, 0);
}

static sigjmp_buf back;

static void jumps(int signal)
{
	siglongjmp(back, signal);
}

static void redirect(int signal, siginfo_t *info, void *context)
{
	ucontext_t *user = context;

	(void)signal;
	(void)info;
	user->uc_mcontext.gregs[REG_RIP] += 2; /* ud2 */
	user->uc_mcontext.gregs[REG_RAX] = 77;
	sigaddset(&user->uc_sigmask, SIGUSR2);
}

static void ways_out(void)
{
	struct sigaction action = {.sa_sigaction = redirect, .sa_flags = SA_SIGINFO};
	sigset_t now;
	long rax = 1;

	set(SIGUSR1, jumps, 0);
	if (!sigsetjmp(back, 1))
		raise(SIGUSR1);
	check("siglongjmp restores the mask",
	      !sigprocmask(SIG_BLOCK, NULL, &now) && !sigismember(&now, SIGUSR1));
	need(!sigaction(SIGILL, &action, NULL));
	asm volatile("ud2" : "+a"(rax) : : "memory");
	check("SIGILL: a handler changes registers", rax == 77);
	check("… and the mask", !sigprocmask(SIG_BLOCK, NULL, &now) && sigismember(&now, SIGUSR2));
	set(SIGFPE, jumps, 0);
	volatile int result = 0;
	if (!sigsetjmp(back, 1))
		asm volatile("div %%ecx" : : "a"(1), "d"(0), "c"(0));
	else
		result = SIGFPE;
	check("SIGFPE: division by zero", result == SIGFPE);
	int fds[2];
	need(!pipe(fds) && !close(fds[0]));
	set(SIGPIPE, counts, 0);
	count = 0;
	check_fails("write to a pipe without a reader", write(fds[1], "x", 1), EPIPE);
	check("SIGPIPE", count == 1 && last_signal == SIGPIPE);
	close(fds[1]);
}

static void without_stack(void)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		set(SIGSEGV, counts, 0);
		asm volatile("xor %%esp, %%esp; push %%rax" : : : "memory");
		_exit(0);
	}
	need(pid > 0 && waitpid(pid, &status, 0) == pid);
	check("a handler for SIGSEGV without a stack: the end",
	      WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
}

int main(void)
{
	without_stack();
	handlers();
	information();
	masks();
	alternate_stack();
	interruptions();
	ways_out();
	return check_end();
}

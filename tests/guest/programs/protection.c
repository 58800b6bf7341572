/* SPDX-License-Identifier: MIT
 *
 * Who may touch what: mprotect, what SIGSEGV says, W^X, copy-on-write, stacks and their guards, and
 * that the kernel's memory is none of ours.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <ucontext.h>

#include "check.h"

#define PAGE 4096
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)
#define RW (PROT_READ | PROT_WRITE)
#define KERNEL ((char *)0xffffffff80200000ull)
#define NON_CANONICAL ((char *)0x8000000000000000ull)
#define ERROR_WRITE 2
#define ERROR_USER 4
#define ERROR_FETCH 16

enum access { READ, WRITE, CALL };

static sigjmp_buf on_fault;
static volatile struct {
	int signal, code;
	uint64_t address, error, ip;
} fault;

static void caught(int signal, siginfo_t *info, void *context)
{
	ucontext_t *user = context;

	fault.signal = signal;
	fault.code = info->si_code;
	fault.address = (uint64_t)info->si_addr;
	fault.error = user->uc_mcontext.gregs[REG_ERR];
	fault.ip = user->uc_mcontext.gregs[REG_RIP];
	siglongjmp(on_fault, 1);
}

/* What comes of it is in fault; its signal is returned. */
static int touch(char *at, enum access access)
{
	fault.signal = 0;
	if (!sigsetjmp(on_fault, 1)) {
		if (access == READ)
			(void)*(volatile char *)at;
		else if (access == WRITE)
			*(volatile char *)at = 1;
		else
			((void (*)(void))at)();
	}
	return fault.signal;
}

static char *pages(size_t count)
{
	char *at = mmap(NULL, count * PAGE, RW, ANON, -1, 0);

	need(at != MAP_FAILED);
	return at;
}

static void what_it_says(void)
{
	char *at = pages(2);

	munmap(at + PAGE, PAGE);
	check("SIGSEGV for nothing there", touch(at + PAGE + 5, READ) == SIGSEGV);
	check("si_code SEGV_MAPERR", fault.code == SEGV_MAPERR);
	check("si_addr", fault.address == (uint64_t)at + PAGE + 5);
	check("error code: user, read", (fault.error & (ERROR_USER | ERROR_WRITE)) == ERROR_USER);
	check("the instruction is in this program",
	      fault.ip - (uint64_t)what_it_says < 1 << 20 ||
		      (uint64_t)what_it_says - fault.ip < 1 << 20);
	need(!mprotect(at, PAGE, PROT_READ));
	check("SIGSEGV for a write", touch(at, WRITE) == SIGSEGV);
	check("si_code SEGV_ACCERR", fault.code == SEGV_ACCERR);
	check("error code: user, write", (fault.error & ERROR_WRITE) && (fault.error & ERROR_USER));
	check("address 0", touch(NULL, READ) == SIGSEGV && fault.address == 0);
	check("kernel memory: read", touch(KERNEL, READ) == SIGSEGV);
	check("kernel memory: write", touch(KERNEL, WRITE) == SIGSEGV);
	check("kernel memory: call", touch(KERNEL, CALL) == SIGSEGV);
	check("a non-canonical address", touch(NON_CANONICAL, READ) == SIGSEGV);
	munmap(at, PAGE);
}

static void protections(void)
{
	char *at = pages(6), *code;

	at[0] = 'k';
	check("PROT_NONE", !mprotect(at, PAGE, PROT_NONE) && touch(at, READ) == SIGSEGV);
	check("and back", !mprotect(at, PAGE, RW) && at[0] == 'k' && !touch(at, WRITE));
	check("the middle alone",
	      !mprotect(at + 2 * PAGE, PAGE, PROT_READ) && !touch(at + PAGE, WRITE) &&
		      touch(at + 2 * PAGE, WRITE) == SIGSEGV && !touch(at + 3 * PAGE, WRITE));
	munmap(at + 5 * PAGE, PAGE);
	check_fails("mprotect over a hole", mprotect(at + 4 * PAGE, 2 * PAGE, PROT_READ), ENOMEM);
	check_fails("mprotect: not aligned", syscall(SYS_mprotect, at + 1, PAGE, PROT_READ),
		    EINVAL);
	code = at + 4 * PAGE;
	need(!mprotect(code, PAGE, RW));
	*(unsigned char *)code = 0xc3; /* ret */
	check("data isn't code", touch(code, CALL) == SIGSEGV && fault.address == (uint64_t)code);
	check("error code: fetch", fault.error & ERROR_FETCH);
	check("PROT_EXEC", !mprotect(code, PAGE, PROT_READ | PROT_EXEC) && !touch(code, CALL));
	check("… without write", touch(code, WRITE) == SIGSEGV);
	check("the program's text can't be written", touch((char *)protections, WRITE) == SIGSEGV);
	check("constants neither", touch((char *)"constant", WRITE) == SIGSEGV);
	munmap(at, 5 * PAGE);
}

/* Each of two processes changes half of the pages and finds all as it left them. */
static int rewrite(char *at, int count, int parity, char with)
{
	for (int i = parity; i < count; i += 2)
		at[i * PAGE] = with;
	for (int i = 0; i < count; i++)
		if (at[i * PAGE] != (i % 2 == parity ? with : 'o'))
			return 1;
	return 0;
}

static int grandchild(void *at)
{
	return rewrite(at, 64, 1, 'g');
}

static int child_and_grandchild(void *at)
{
	int below = in_child(grandchild, at);

	return rewrite(at, 64, 0, 'c') | below << 1;
}

static void copy_on_write(void)
{
	char *at = pages(64);
	pid_t pid;

	for (int i = 0; i < 64; i++)
		at[i * PAGE] = 'o';
	pid = child_start(child_and_grandchild, at);
	check("copy-on-write: the parent's side", rewrite(at, 64, 1, 'p') == 0);
	check("copy-on-write: the children's sides", child_end(pid) == 0);
	munmap(at, 64 * PAGE);
}

/* 256 KiB of stack, which nobody touched before. */
static int deep(int levels)
{
	volatile char frame[1024];

	frame[0] = (char)levels;
	return levels ? deep(levels - 1) + (frame[0] == (char)levels) : 0;
}

static int overflow(void *unused)
{
	(void)unused;
	signal(SIGSEGV, SIG_DFL);
	return deep(1 << 30);
}

static int overflow_caught(void *unused)
{
	static char other[64 << 10];
	stack_t stack = {.ss_sp = other, .ss_size = sizeof other};
	struct sigaction action = {.sa_sigaction = caught, .sa_flags = SA_SIGINFO | SA_ONSTACK};

	(void)unused;
	need(!sigaltstack(&stack, NULL) && !sigaction(SIGSEGV, &action, NULL));
	if (!sigsetjmp(on_fault, 1))
		return deep(1 << 30) + 2;
	return fault.signal == SIGSEGV ? 0 : 1;
}

static void stacks(void)
{
	struct rlimit limit = {1 << 20, RLIM_INFINITY};
	char *at;

	check("the stack grows", deep(256) == 256);
	need(!setrlimit(RLIMIT_STACK, &limit));
	check("to its limit: SIGSEGV", in_child(overflow, NULL) == 128 + SIGSEGV);
	check("an alternate stack catches that", in_child(overflow_caught, NULL) == 0);
	at = mmap(NULL, 512 * PAGE, PROT_NONE, ANON, -1, 0);
	need(at != MAP_FAILED && !munmap(at, 512 * PAGE));
	at = mmap(at + 511 * PAGE, PAGE, RW, ANON | MAP_GROWSDOWN | MAP_FIXED, -1, 0);
	need(at != MAP_FAILED);
	check("MAP_GROWSDOWN grows", !touch(at - 8, WRITE) && !touch(at - PAGE - 8, WRITE));
}

static int die_by_default(void *at)
{
	signal(SIGSEGV, SIG_DFL);
	*(volatile char *)at = 1;
	return 0;
}

static int die_ignoring(void *at)
{
	signal(SIGSEGV, SIG_IGN);
	*(volatile char *)at = 1;
	return 0;
}

static int die_blocking(void *at)
{
	sigset_t set;

	signal(SIGSEGV, SIG_DFL);
	sigemptyset(&set);
	sigaddset(&set, SIGSEGV);
	sigprocmask(SIG_BLOCK, &set, NULL);
	*(volatile char *)at = 1;
	return 0;
}

static void fatal(void)
{
	check("SIGSEGV kills", in_child(die_by_default, NULL) == 128 + SIGSEGV);
	check("… when ignored", in_child(die_ignoring, NULL) == 128 + SIGSEGV);
	check("… when blocked", in_child(die_blocking, NULL) == 128 + SIGSEGV);
}

int main(void)
{
	struct sigaction action = {.sa_sigaction = caught, .sa_flags = SA_SIGINFO};

	sigaction(SIGSEGV, &action, NULL);
	sigaction(SIGBUS, &action, NULL);
	what_it_says();
	protections();
	copy_on_write();
	fatal();
	stacks();
	return check_end();
}

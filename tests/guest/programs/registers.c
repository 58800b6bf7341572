/* SPDX-License-Identifier: MIT
 *
 * Registers survive what happens to a process: system calls, signal handlers that use them all,
 * being preempted by others that do, and fork. General, x87, SSE registers and MXCSR; AVX where programs
 * may use it.
 */
#include <fenv.h>
#include <math.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <sys/time.h>

#include "check.h"

struct state {
	uint64_t general[6]; /* rbx, r12-r15, and rbp is the compiler's: rdi */
	uint64_t sse[16][2];
	uint32_t mxcsr;
};

static volatile int handled;

static void fill(struct state *s, uint64_t seed)
{
	for (int i = 0; i < 6; i++)
		s->general[i] = seed * 0x9e3779b97f4a7c15u + i;
	for (int i = 0; i < 16; i++)
		for (int j = 0; j < 2; j++)
			s->sse[i][j] = (seed + i * 2 + j) * 0xbf58476d1ce4e5b9u;
}

/* Loads the SSE registers, spins or calls the kernel ROUNDS times, and looks whether they are as
 * they were. The asm keeps the compiler from using them in between. */
static int survives(uint64_t seed, long rounds, long number)
{
	struct state in = {.mxcsr = 0}, out = {.mxcsr = 0};
	uint64_t *g = in.general;
	long left = rounds;

	fill(&in, seed);
	asm volatile(
		"movdqu 0(%[i]), %%xmm0\n movdqu 16(%[i]), %%xmm1\n movdqu 32(%[i]), %%xmm2\n"
		"movdqu 112(%[i]), %%xmm7\n movdqu 128(%[i]), %%xmm8\n movdqu 240(%[i]), %%xmm15\n"
		"mov 0(%[g]), %%rbx\n mov 8(%[g]), %%r12\n mov 16(%[g]), %%r13\n"
		"mov 24(%[g]), %%r14\n mov 32(%[g]), %%r15\n"
		"1: mov %[number], %%rax\n test %%rax, %%rax\n js 2f\n syscall\n"
		"2: pause\n decq %[left]\n jnz 1b\n"
		"movdqu %%xmm0, 0(%[o])\n movdqu %%xmm1, 16(%[o])\n movdqu %%xmm2, 32(%[o])\n"
		"movdqu %%xmm7, 112(%[o])\n movdqu %%xmm8, 128(%[o])\n movdqu %%xmm15, 240(%[o])\n"
		"sub 0(%[g]), %%rbx\n sub 8(%[g]), %%r12\n sub 16(%[g]), %%r13\n"
		"sub 24(%[g]), %%r14\n sub 32(%[g]), %%r15\n"
		"or %%rbx, %%r12\n or %%r13, %%r14\n or %%r12, %%r15\n or %%r14, %%r15\n"
		"mov %%r15, 40(%[go])\n"
		: [left] "+m"(left)
		: [i] "r"(in.sse), [o] "r"(out.sse), [g] "r"(g), [go] "r"(out.general),
		  [number] "m"(number)
		: "rax", "rbx", "rcx", "r11", "r12", "r13", "r14", "r15", "memory", "xmm0", "xmm1",
		  "xmm2", "xmm7", "xmm8", "xmm15");
	static const int used[] = {0, 1, 2, 7, 8, 15};
	for (int i = 0; i < 6; i++)
		if (memcmp(in.sse[used[i]], out.sse[used[i]], 16))
			return 0;
	return out.general[5] == 0;
}

static void spoils(int signal)
{
	(void)signal;
	handled++;
	survives(~handled, 1, -1);
	volatile double x = handled;
	x = sqrt(x) * 3.7;
	fesetround(FE_UPWARD);
}

static void timer_every_us(long us)
{
	struct itimerval timer = {{0, us}, {0, us}};

	need(!setitimer(ITIMER_REAL, &timer, NULL));
}

static void handlers(void)
{
	int good = 1;

	signal(SIGALRM, spoils);
	timer_every_us(2000);
	for (int i = 0; handled < 30 && i < 100000; i++)
		good &= survives(i, 20000, -1);
	timer_every_us(0);
	check("a timer's handler comes", handled >= 30);
	check("registers survive handlers", good);
	check("rounding mode and MXCSR survive handlers", fegetround() == FE_TONEAREST);
	handled = 0;
	timer_every_us(2000);
	for (int i = 0; handled < 10 && i < 100000; i++)
		good &= survives(i, 200, SYS_getpid);
	timer_every_us(0);
	check("… with system calls between", good && handled >= 10);
}

static int keep_busy(void *seed)
{
	long long end = now_ms() + 300;
	double sum = 0, again = 0;
	int good = 1;

	for (uint64_t i = (uintptr_t)seed; now_ms() < end; i++)
		good &= survives(i, 20000, -1);
	for (int i = 1; i < 100000; i++)
		sum += sqrt(i) / (uintptr_t)seed;
	for (int i = 1; i < 100000; i++)
		again += sqrt(i) / (uintptr_t)seed;
	return good && sum == again ? 0 : 1;
}

static void preemption(void)
{
	cpu_set_t one;
	pid_t pid[3];
	int failed = 0;

	CPU_ZERO(&one);
	CPU_SET(0, &one);
	sched_setaffinity(0, sizeof one, &one);
	for (uintptr_t i = 0; i < 3; i++)
		pid[i] = child_start(keep_busy, (void *)(i * 1000 + 17));
	for (int i = 0; i < 3; i++)
		failed |= child_end(pid[i]);
	check("registers survive preemption: three processes on one CPU", !failed);
}

static int child_has_state(void *unused)
{
	(void)unused;
	return fegetround() == FE_DOWNWARD ? 0 : 1;
}

static void floating_point(void)
{
	long double third = 1.0L / 3;
	int good = 1;

	check("system calls keep SSE and general registers", survives(5, 1000, SYS_getppid));
	fesetround(FE_DOWNWARD);
	check("fork copies the rounding mode", in_child(child_has_state, NULL) == 0);
	check("… and leaves it", fegetround() == FE_DOWNWARD);
	fesetround(FE_TONEAREST);
	for (int i = 0; i < 100; i++) {
		volatile long double x = third;
		sched_yield();
		good &= x * 3 == 1.0L;
	}
	check("x87", good);
}

typedef uint64_t avx_state[4][4]; /* ymm0, 7, 8, 15 */

/* Loads AVX registers, makes a system call, and stores them; returns what the call did. */
__attribute__((target("avx"))) static long call_with_avx(const avx_state in, avx_state out,
							 long number, long a, long b)
{
	long result;

	asm volatile("vmovdqu 0(%[in]), %%ymm0\n vmovdqu 32(%[in]), %%ymm7\n"
		     "vmovdqu 64(%[in]), %%ymm8\n vmovdqu 96(%[in]), %%ymm15\n"
		     "syscall\n"
		     "vmovdqu %%ymm0, 0(%[out])\n vmovdqu %%ymm7, 32(%[out])\n"
		     "vmovdqu %%ymm8, 64(%[out])\n vmovdqu %%ymm15, 96(%[out])\n"
		     "vzeroupper"
		     : "=a"(result)
		     : "a"(number), "D"(a), "S"(b), [in] "r"(in), [out] "r"(out)
		     : "rcx", "r11", "memory", "xmm0", "xmm7", "xmm8", "xmm15");
	return result;
}

static void avx_fill(avx_state state, uint64_t seed)
{
	for (int i = 0; i < 16; i++)
		state[i / 4][i % 4] = seed + i;
}

__attribute__((target("avx"))) static void spoils_avx(int signal)
{
	(void)signal;
	handled++;
	asm volatile("vzeroall" : : : "memory");
}

static void avx_in_fork(void)
{
	avx_state in, out = {{0}};
	int status;
	long pid;

	avx_fill(in, 3000);
	pid = call_with_avx(in, out, SYS_fork, 0, 0);
	if (pid == 0)
		_exit(memcmp(in, out, sizeof in) != 0);
	check("… and fork leaves them", pid > 0 && !memcmp(in, out, sizeof in));
	check("… and copies them", waitpid(pid, &status, 0) == pid && status == 0);
}

static void avx(void)
{
	avx_state in, out = {{0}};

	if (!__builtin_cpu_supports("avx")) {
		check_skip("AVX", "not on this machine");
		return;
	}
	avx_fill(in, 1000);
	call_with_avx(in, out, SYS_sched_yield, 0, 0);
	check("AVX registers survive a system call", !memcmp(in, out, sizeof in));
	signal(SIGUSR1, spoils_avx);
	handled = 0;
	avx_fill(in, 2000);
	call_with_avx(in, out, SYS_kill, getpid(), SIGUSR1);
	check("… and a handler", handled == 1 && !memcmp(in, out, sizeof in));
	avx_in_fork();
}

int main(void)
{
	floating_point();
	avx();
	handlers();
	preemption();
	return check_end();
}

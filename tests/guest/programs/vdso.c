/* SPDX-License-Identifier: MIT
 *
 * Clocks through the vDSO: the same time as the system call's, but no system call, and few instructions, counted
 * one by one with the trap flag.
 *
 *   vdso [none]      none: there must be no vDSO, and the clocks work all the same
 */
#include <elf.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "check.h"

#define ROUNDS 1000
#define INSTRUCTIONS_MAX 80
#define TRAP_FLAG 0x100

static volatile sig_atomic_t steps;

static int64_t ns_of(const struct timespec *t)
{
	return t->tv_sec * 1000000000 + t->tv_nsec;
}

static int64_t by_kernel(clockid_t clock)
{
	struct timespec t;

	syscall(SYS_clock_gettime, clock, &t);
	return ns_of(&t);
}

static int64_t by_library(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return ns_of(&t);
}

static void test_agreement(void)
{
	static const clockid_t clocks[] = {CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_BOOTTIME};

	for (unsigned c = 0; c < sizeof clocks / sizeof clocks[0]; c++) {
		unsigned wrong = 0;

		for (unsigned i = 0; i < ROUNDS / 10; i++) {
			const int64_t before = by_kernel(clocks[c]), here = by_library(clocks[c]),
				      after = by_kernel(clocks[c]);

			wrong += here < before || here > after;
		}
		check("kernel and vDSO agree", wrong == 0);
	}
	struct timeval val;

	gettimeofday(&val, NULL);
	check("microseconds", val.tv_usec >= 0 && val.tv_usec < 1000000);
	check("gettimeofday", llabs(val.tv_sec - by_kernel(CLOCK_REALTIME) / 1000000000) <= 1);
	check("time", llabs(time(NULL) - val.tv_sec) <= 1);
	check("a clock that only the kernel knows", by_library(CLOCK_PROCESS_CPUTIME_ID) > 0);
	struct timespec t;

	check_fails("no such clock", clock_gettime(12345, &t), EINVAL);
	check_fails("nobody's clock", clock_gettime(-8000002, &t), EINVAL);
}

/* How often this call was made in this machine; -1: nobody counts (another kernel). */
static long calls_made(void)
{
	FILE *file = fopen("/proc/syscalls", "r");
	char line[128], name[64];
	long count = -1, number, n;

	while (file && fgets(line, sizeof line, file))
		if (sscanf(line, "%ld %ld %63s", &number, &n, name) == 3 &&
		    !strcmp(name, "clock_gettime"))
			count = n;
	if (file)
		fclose(file);
	return count;
}

static void test_no_system_calls(bool with_vdso)
{
	const long before = calls_made();

	for (unsigned i = 0; i < ROUNDS; i++)
		by_library(CLOCK_MONOTONIC);
	if (before >= 0) {
		const long made = calls_made() - before;

		printf("%ld system calls in %d reads of the clock\n", made, ROUNDS);
		/* others may read it too */
		check("system calls", with_vdso ? made < ROUNDS / 10 : made >= ROUNDS);
	}
}

static void on_step(int signal)
{
	(void)signal;
	steps++;
}

/* The vDSO's own function, without what the library has around it: in the dynamic symbols of the image, whose
 * addresses are relative to its start. NULL: there is none. */
static void *find(const char *name)
{
	const uintptr_t image = getauxval(AT_SYSINFO_EHDR);
	const Elf64_Ehdr *header = (const void *)image;
	const Elf64_Phdr *segment = (const void *)(image + header->e_phoff);
	const Elf64_Sym *symbols = NULL;
	const Elf64_Dyn *entry = NULL;
	const char *names = NULL;
	unsigned count = 0;

	for (unsigned i = 0; i < header->e_phnum; i++)
		if (segment[i].p_type == PT_DYNAMIC)
			entry = (const void *)(image + segment[i].p_offset);
	for (; entry->d_tag != DT_NULL; entry++)
		if (entry->d_tag == DT_SYMTAB)
			symbols = (const void *)(image + entry->d_un.d_ptr);
		else if (entry->d_tag == DT_STRTAB)
			names = (const void *)(image + entry->d_un.d_ptr);
	/* the strings follow the symbols, as every linker has it */
	count = (unsigned)((uintptr_t)names - (uintptr_t)symbols) / sizeof *symbols;
	for (unsigned i = 0; i < count; i++)
		if (!strcmp(names + symbols[i].st_name, name))
			return (void *)(image + symbols[i].st_value);
	return NULL;
}

/* Also stepped through: the call, the two instructions before it, two behind it. */
static unsigned count_instructions(int (*function)(clockid_t, struct timespec *))
{
	long clock = CLOCK_MONOTONIC;
	struct timespec t, *to = &t;

	steps = 0;
	__asm__ volatile(
		"sub $128, %%rsp; pushfq; orl %[trap], (%%rsp); popfq; call *%[function];"
		"pushfq; andl %[no_trap], (%%rsp); popfq; add $128, %%rsp"
		: "+D"(clock), "+S"(to)
		: [function] "r"(function), [trap] "i"(TRAP_FLAG), [no_trap] "i"(~TRAP_FLAG)
		: "rax", "rcx", "rdx", "r8", "r9", "r10", "r11", "memory", "cc");
	return (unsigned)steps - 4; /* call, pushfq, andl, popfq */
}

static void test_instructions(void)
{
	int (*function)(clockid_t, struct timespec *) = find("__vdso_clock_gettime");
	unsigned most = 0;

	signal(SIGTRAP, on_step);
	for (unsigned i = 0; i < 10 && function; i++) {
		const unsigned n = count_instructions(function);

		most = n > most ? n : most;
	}
	printf("%u instructions to read the clock\n", most);
	/* other kernels' are for comparison */
	check("instructions", most > 10 && (most <= INSTRUCTIONS_MAX || calls_made() < 0));
}

/* A program can neither write the page that all others see, nor break it for them. */
static void test_protection(void)
{
	const uintptr_t image = getauxval(AT_SYSINFO_EHDR);
	const int64_t before = by_library(CLOCK_MONOTONIC);
	int status;
	pid_t pid = fork();

	if (!pid) {
		memset((void *)(image - 4096), 0xff, 4096);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	check("read-only", WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
	pid = fork();
	if (!pid) {
		if (!mprotect((void *)(image - 4096), 8192, PROT_READ | PROT_WRITE))
			memset((void *)(image - 4096), 0xff, 8192);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	check("what one breaks is its own",
	      by_library(CLOCK_MONOTONIC) > before &&
		      by_library(CLOCK_MONOTONIC) <= by_kernel(CLOCK_MONOTONIC));
}

int main(int argc, char **argv)
{
	const bool wanted = argc < 2 || strcmp(argv[1], "none") != 0;
	const bool there = getauxval(AT_SYSINFO_EHDR) != 0;

	check("there is one, or none", there == wanted);
	test_agreement();
	test_no_system_calls(there);
	if (there) {
		test_instructions();
		test_protection();
	}
	return check_end();
}

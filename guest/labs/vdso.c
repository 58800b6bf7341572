/* SPDX-License-Identifier: MIT
 *
 * Reading the clock in two ways: as the C library does it, through the vDSO if the kernel has given one, and by the
 * system call. For each: time, instructions in user mode, system calls that the kernel has counted, VM exits.
 *
 *   vdso [-n READS] [-s READS by system call]
 */
#include <signal.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lab.h"

#define TRAP_FLAG 0x100 /* RFLAGS.TF: a #DB after each instruction */

static struct timespec now;

static void by_library(void)
{
	clock_gettime(CLOCK_MONOTONIC, &now);
}

static void by_call(void)
{
	syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &now);
}

static volatile uint64_t steps;

static void step(int signal)
{
	(void)signal;
	steps++;
}

/* Instructions in user mode; of a system call, only those around it. */
static uint64_t instructions_of(void (*read_clock)(void))
{
	uint64_t flags, with = 0, without = 0;

	signal(SIGTRAP, step);
	__asm__ volatile("pushfq; popq %0" : "=r"(flags));
	for (unsigned round = 0; round < 2; round++) {
		without = with;
		steps = 0;
		__asm__ volatile("pushq %0; popfq" ::"r"(flags | TRAP_FLAG) : "memory", "cc");
		if (round)
			read_clock();
		__asm__ volatile("pushq %0; popfq" ::"r"(flags) : "memory", "cc");
		with = steps;
	}
	return with - without;
}

/* Of clock_gettime, from the guest's own /proc/syscalls: "228 COUNT clock_gettime". */
static uint64_t calls_so_far(void)
{
	FILE *file = fopen("/proc/syscalls", "re");
	char line[128];
	unsigned number;
	uint64_t count, found = file ? 0 : LAB_NO_VALUE;

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "%u %lu", &number, &count) == 2 && number == SYS_clock_gettime)
			found = count;
	if (file)
		fclose(file);
	return found;
}

/* What is counted between two looks, without what the second look itself adds. */
static void measure(const char *how, void (*read_clock)(void), uint64_t reads)
{
	const uint64_t calls_before = calls_so_far();
	const uint64_t exits_first = lab_exits("total"), exits_before = lab_exits("total");
	const uint64_t start = lab_tsc(), start_ns = lab_now_ns();

	for (uint64_t i = 0; i < reads; i++)
		read_clock();
	const double ns = (double)(lab_now_ns() - start_ns) / (double)reads;
	const double ticks = (double)(lab_tsc() - start) / (double)reads;
	const uint64_t exits = lab_exits("total") - exits_before;
	const uint64_t calls = calls_so_far() - calls_before;
	const uint64_t own = exits_before - exits_first;
	const uint64_t steps_of = instructions_of(read_clock);

	printf("%-8s %10.1f ns  %8.0f TSC ticks  %3lu instructions", how, ns, ticks, steps_of);
	if (calls_before != LAB_NO_VALUE)
		printf("  %lu system calls", calls);
	if (exits_before != LAB_NO_VALUE)
		printf("  %lu exits", exits > own ? exits - own : 0);
	printf("  in %lu reads\n", reads);
	lab_row("clock", "how=%s reads=%lu ns=%.1f instructions=%lu calls=%ld exits=%ld", how,
		reads, ns, steps_of, calls_before == LAB_NO_VALUE ? -1L : (long)calls,
		exits_before == LAB_NO_VALUE ? -1L : (long)(exits > own ? exits - own : 0));
}

int main(int argc, char **argv)
{
	const uint64_t reads = lab_option(argc, argv, 'n', 100000);

	printf("the kernel %s\n",
	       getauxval(AT_SYSINFO_EHDR) ? "has given a vDSO" : "has no vDSO for us");
	lab_row("given", "vdso=%d", getauxval(AT_SYSINFO_EHDR) != 0);
	measure("library", by_library,
		getauxval(AT_SYSINFO_EHDR) ? reads : lab_option(argc, argv, 's', 500));
	measure("call", by_call, lab_option(argc, argv, 's', 500));
	return 0;
}

/* SPDX-License-Identifier: MIT
 *
 * The same work for whatever executes it: instructions that any program may run, and what only a kernel may do. The
 * time of 1000 of each.
 *
 *   three-engines [-n ROUNDS]
 */
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "hyper.h"
#include "lab.h"

#define PAGE 4096

static int hyper_fd;

/* Each does its work `times` times and returns the ns; 0: not here. */
static uint64_t add(uint64_t times)
{
	const uint64_t start = lab_now_ns();
	uint64_t x = 0;

	for (uint64_t i = 0; i < times / 10; i++)
		__asm__ volatile(".rept 10\n\tadd $1, %0\n\t.endr" : "+r"(x));
	return lab_now_ns() - start;
}

static uint64_t store(uint64_t times)
{
	uint64_t word[64];
	const uint64_t start = lab_now_ns();

	for (uint64_t i = 0; i < times; i++)
		__asm__ volatile("mov %1, %0" : "=m"(word[i % 64]) : "r"(i));
	return lab_now_ns() - start;
}

/* Its like in ring 0 is HYPER_NOTHING. */
static uint64_t loop(uint64_t times)
{
	const uint64_t start = lab_now_ns();

	while (times--)
		__asm__ volatile("" ::: "memory");
	return lab_now_ns() - start;
}

static uint64_t system_call(uint64_t times)
{
	const uint64_t start = lab_now_ns();

	while (times--)
		syscall(SYS_getppid);
	return lab_now_ns() - start;
}

static uint64_t page_fault(uint64_t times)
{
	char *area = mmap(NULL, times * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			  -1, 0);
	uint64_t start;

	if (area == MAP_FAILED)
		lab_die("mmap");
	madvise(area, times * PAGE, MADV_NOHUGEPAGE);
	start = lab_now_ns();
	for (uint64_t i = 0; i < times; i++)
		area[i * PAGE] = 1;
	start = lab_now_ns() - start;
	munmap(area, times * PAGE);
	return start;
}

/* The kernel does it, in ring 0. */
static uint64_t in_kernel(uint32_t kind, uint64_t times)
{
	struct hyper_loop what = {.kind = kind, .count = times};

	if (hyper_fd < 0 || ioctl(hyper_fd, HYPER_LOOP, &what))
		return 0;
	return what.ns;
}

static uint64_t loop_in_kernel(uint64_t times)
{
	return in_kernel(HYPER_NOTHING, times);
}

static uint64_t read_cpuid(uint64_t times)
{
	return in_kernel(HYPER_CPUID, times);
}

static uint64_t read_lapic(uint64_t times)
{
	return in_kernel(HYPER_LAPIC_READ, times);
}

static uint64_t write_port(uint64_t times)
{
	return in_kernel(HYPER_PORT_WRITE, times);
}

/* Quick things more often, so that reading the clock doesn't count. */
static const struct {
	const char *name, *ring;
	uint64_t (*run)(uint64_t times);
	uint64_t times;
} all[] = {
	{"add", "user", add, 1000000},
	{"store", "user", store, 1000000},
	{"loop", "user", loop, 1000000},
	{"loop-in-kernel", "kernel", loop_in_kernel, 5000},
	{"syscall", "both", system_call, 100},
	{"page-fault", "both", page_fault, 20},
	{"cpuid", "kernel", read_cpuid, 500},
	{"lapic-read", "kernel", read_lapic, 500},
	{"port-write", "kernel", write_port, 500},
};

int main(int argc, char **argv)
{
	const uint64_t rounds = lab_option(argc, argv, 'n', 10);

	hyper_fd = open("/dev/hyper", O_RDWR | O_CLOEXEC);
	for (unsigned i = 0; i < sizeof(all) / sizeof(*all); i++) {
		uint64_t best = UINT64_MAX;

		for (uint64_t round = 0; round < rounds; round++) {
			const uint64_t ns = all[i].run(all[i].times);

			best = ns < best ? ns : best;
		}
		if (!best)
			continue;
		const double us = (double)best / (double)all[i].times; /* of 1000 */

		printf("1000 * %-14s %-7s %12.2f us\n", all[i].name, all[i].ring, us);
		lab_row("time", "what=%s ring=%s us=%.3f", all[i].name, all[i].ring, us);
	}
	return 0;
}

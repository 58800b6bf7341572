/* SPDX-License-Identifier: MIT
 *
 * What a system call costs beside a function call, and two that do a little more than nothing.
 *
 *   syscall-cost [-n CALLS]
 */
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lab.h"

#define ROUNDS 7

static int null_fd, zero_fd;

__attribute__((noinline)) static void function(void)
{
	__asm__ volatile("");
}

static void getppid_call(void)
{
	syscall(SYS_getppid); /* no libc answers that one without asking */
}

static void write_call(void)
{
	if (write(null_fd, "x", 1) != 1)
		lab_die("/dev/null");
}

static void read_call(void)
{
	char page[4096];

	if (read(zero_fd, page, sizeof(page)) != sizeof(page))
		lab_die("/dev/zero");
}

/* The best of some rounds: whatever else the machine did can only have made it longer. */
static double best_ns(void (*call)(void), uint64_t calls)
{
	uint64_t best = UINT64_MAX;

	for (unsigned round = 0; round < ROUNDS; round++) {
		const uint64_t start = lab_now_ns();

		for (uint64_t i = 0; i < calls; i++)
			call();
		const uint64_t took = lab_now_ns() - start;

		best = took < best ? took : best;
	}
	return (double)best / (double)calls;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*call)(void);
		unsigned times_more; /* a function call is too short for the clock */
	} all[] = {
		{"function", function, 100},
		{"getppid", getppid_call, 1},
		{"write", write_call, 1},
		{"read-4K", read_call, 1},
	};
	const uint64_t calls = lab_option(argc, argv, 'n', 2000);

	null_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	zero_fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	for (unsigned i = 0; i < sizeof(all) / sizeof(*all); i++) {
		const double ns = best_ns(all[i].call, calls * all[i].times_more);

		printf("%-10s %10.1f ns\n", all[i].name, ns);
		lab_row("cost", "call=%s ns=%.1f", all[i].name, ns);
	}
	return 0;
}

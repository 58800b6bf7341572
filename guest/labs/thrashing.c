/* SPDX-License-Identifier: MIT
 *
 * A working set that grows beyond memory: what share of accesses has to wait for the disk.
 *
 *   thrashing [-k ACCESSES] [-f FIRST%] [-s STEP%] [-l LAST%]      /dev/vda is a swap device
 */
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/swap.h>
#include <unistd.h>

#include "lab.h"

#define PAGE 4096

static volatile char *memory;

static uint64_t major_faults(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (uint64_t)usage.ru_majflt;
}

static uint64_t turn; /* page whose turn it is */

/* In turn, over and over; or anywhere. */
static uint64_t next_page(bool in_turn, uint64_t pages)
{
	static uint64_t state = 1;

	if (in_turn)
		return turn++ % pages;
	state = state * 6364136223846793005 + 1442695040888963407;
	return (state >> 33) % pages;
}

static void show(const char *order, uint64_t percent, uint64_t pages, uint64_t accesses)
{
	const uint64_t major = major_faults(), start = lab_now_ns();

	for (uint64_t i = 0; i < accesses; i++)
		memory[next_page(*order == 'i', pages) * PAGE]++;
	const double us = (double)(lab_now_ns() - start) / 1000 / (double)accesses;
	const double share = 100.0 * (double)(major_faults() - major) / (double)accesses;

	printf("%4lu %%   %-8s %8.1f %% %12.1f us\n", percent, order, share, us);
	lab_row("access", "set=%lu order=%s beyond=%d major=%.1f us=%.1f", percent, order,
		percent > 90, share, us);
}

int main(int argc, char **argv)
{
	const uint64_t accesses = lab_option(argc, argv, 'k', 400);
	const uint64_t first = lab_option(argc, argv, 'f', 50);
	const uint64_t step = lab_option(argc, argv, 's', 20);
	const uint64_t last = lab_option(argc, argv, 'l', 130);
	const uint64_t room = lab_file_value("/proc/meminfo", "MemFree") / (PAGE / 1024);
	uint64_t filled = 0;

	memory = mmap(NULL, room * last / 100 * PAGE, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED ||
	    madvise((char *)memory, room * last / 100 * PAGE, MADV_NOHUGEPAGE))
		lab_die("mmap");
	if (swapon("/dev/vda", 0))
		lab_die("/dev/vda");
	printf("%lu pages are free\nworking set      major faults    one access\n", room);
	for (uint64_t percent = first; percent <= last; percent += step) {
		const uint64_t pages = room * percent / 100;

		for (; filled < pages; filled++)
			memory[filled * PAGE] = 1;
		turn = percent < 100 ? 0 : turn; /* the first pages are those that go first */
		show("random", percent, pages, accesses);
		show("in-turn", percent, pages, accesses);
	}
	return 0;
}

/* SPDX-License-Identifier: MIT
 *
 * Writes known numbers of pages over and over, for the hypervisor to count; between them it does nothing.
 *
 *   dirty-logging [-d MILLISECONDS]      of each phase
 */
#include <sys/mman.h>
#include <unistd.h>

#include "lab.h"

#define PAGE 4096
#define MOST 512

static void write_for(volatile char *memory, unsigned pages, uint64_t ms)
{
	const uint64_t end = lab_now_ns() + ms * 1000000;

	while (lab_now_ns() < end) {
		for (unsigned i = 0; i < pages; i++)
			memory[i * PAGE]++;
		usleep(1000);
	}
}

int main(int argc, char **argv)
{
	static const unsigned phases[] = {128, MOST, 128};
	const uint64_t ms = lab_option(argc, argv, 'd', 2000);
	volatile char *memory = mmap(NULL, MOST * PAGE, PROT_READ | PROT_WRITE,
				     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED || madvise((char *)memory, MOST * PAGE, MADV_NOHUGEPAGE))
		lab_die("mmap");
	for (unsigned i = 0; i < MOST; i++)
		memory[i * PAGE] = 1; /* page faults are another lab's */
	for (unsigned i = 0; i < sizeof(phases) / sizeof(*phases); i++) {
		usleep((useconds_t)ms * 500);
		printf("phase %u: %u pages, again and again\n", i + 1, phases[i]);
		lab_row("wrote", "phase=%u pages=%u", i + 1, phases[i]);
		write_for(memory, phases[i], ms);
	}
	usleep((useconds_t)ms * 500);
	return 0;
}

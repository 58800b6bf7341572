/* SPDX-License-Identifier: MIT
 *
 * How far the TLB reaches: the time of one access while ever more pages take turns.
 *
 *   tlb-reach [-n PAGES] [-a ACCESSES] [-d]      -d: also with data of its own in every page, 4 KiB and 2 MiB
 *
 * A file of 64 pages is mapped again and again: whatever page is read, the data is in the first-level cache, and
 * what grows is the way to it alone.
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lab.h"

#define PAGE 4096ul
#define LARGE (512 * PAGE)
#define LINE 64
#define FRAMES 64
#define ROUNDS 5

/* In an order that no prefetcher guesses; full-period, as pages is a power of two. Each address depends on what
 * was read before, so accesses can't overlap. Each page has a cache line of its own, up to 64. */
static uint64_t visit(const volatile uint8_t *memory, uint64_t pages, uint64_t accesses)
{
	uint64_t page = 0;

	for (uint64_t i = 0; i < accesses; i++)
		page = (page * 1664525 + 1013904223 + memory[page * PAGE + page % FRAMES * LINE]) &
		       (pages - 1);
	return page;
}

/* ns per access, the best of some rounds. */
static double cost_ns(const uint8_t *memory, uint64_t pages, uint64_t accesses)
{
	uint64_t best = UINT64_MAX;

	for (unsigned round = 0; round < ROUNDS; round++) {
		const uint64_t start = lab_now_ns();

		const uint64_t last = visit(memory, pages, accesses);

		__asm__ volatile("" ::"r"(last)); /* so that it is really computed */
		const uint64_t took = lab_now_ns() - start;

		best = took < best ? took : best;
	}
	return (double)best / (double)accesses;
}

/* Address space, aligned to large pages. */
static uint8_t *reserve(uint64_t pages)
{
	uint8_t *memory = mmap(NULL, pages * PAGE + LARGE, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		lab_die("mmap");
	return (uint8_t *)(((uintptr_t)memory + LARGE - 1) & ~(LARGE - 1));
}

/* Each 64 pages are the same file, so the same 64 frames. */
static uint8_t *map_file(uint64_t pages)
{
	uint8_t *memory = reserve(pages);
	const int fd = shm_open("/tlb-reach", O_RDWR | O_CREAT, 0600);

	if (fd < 0 || ftruncate(fd, FRAMES * PAGE))
		lab_die("/dev/shm");
	shm_unlink("/tlb-reach");
	for (uint64_t i = 0; i < pages; i++) {
		if (i % FRAMES == 0 &&
		    mmap(memory + i * PAGE, FRAMES * PAGE, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_FIXED, fd, 0) == MAP_FAILED)
			lab_die("mmap");
		if (i < FRAMES)
			memory[i * PAGE] = 0;
	}
	return memory;
}

static uint8_t *map_data(uint64_t pages, int advice)
{
	uint8_t *memory = reserve(pages);

	if (madvise(memory, pages * PAGE, advice))
		lab_die("madvise");
	memset(memory, 0, pages * PAGE);
	return memory;
}

static void show(const char *kind, const uint8_t *memory, uint64_t most, uint64_t accesses)
{
	for (uint64_t pages = 8; pages <= most; pages *= 2) {
		const double ns = cost_ns(memory, pages, accesses);

		printf("%-8s %6lu pages, %6lu KiB: %6.2f ns each\n", kind, pages,
		       pages * PAGE / 1024, ns);
		lab_row("access", "kind=%s pages=%lu ns=%.2f", kind, pages, ns);
	}
}

int main(int argc, char **argv)
{
	const uint64_t pages = lab_option(argc, argv, 'n', 16384);
	const uint64_t accesses = lab_option(argc, argv, 'a', 200000);

	show("4K", map_file(pages), pages, accesses);
	if (lab_flag(argc, argv, 'd')) {
		show("4K-data", map_data(pages, MADV_NOHUGEPAGE), pages, accesses);
		show("2M-data", map_data(pages, MADV_HUGEPAGE), pages, accesses);
	}
	return 0;
}

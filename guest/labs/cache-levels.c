/* SPDX-License-Identifier: MIT
 *
 * How long one load takes that the next one waits for, by the size of what the loads go round in: as long as it
 * fits into a cache, that cache answers.
 *
 *   cache-levels [-m LARGEST_KIB] [-n ROUNDS]
 *
 * A page of pointers would teach the prefetcher its order, so the lines are chained in random order.
 */
#include <sys/mman.h>

#include "lab.h"

#define LINE_BYTES 64
#define SMALLEST_KIB 4
#define HUGE_BYTES (2u << 20)
#define ROUND_LOADS 10000
#define CALIBRATION_NS 50000000

struct line {
	struct line *next;
	char rest[LINE_BYTES - sizeof(struct line *)];
};

static uint64_t random_state = 88172645463325252ull;

/* xorshift64 */
static uint64_t random_below(uint64_t limit)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state % limit;
}

/* One cycle through all lines: Sattolo's shuffle never leaves a line in a cycle of its own. */
static void chain(struct line *line, uint64_t count, uint32_t *order)
{
	for (uint64_t i = 0; i < count; i++)
		order[i] = i;
	for (uint64_t i = count - 1; i > 0; i--) {
		const uint64_t j = random_below(i);
		const uint32_t other = order[j];

		order[j] = order[i];
		order[i] = other;
	}
	for (uint64_t i = 0; i < count; i++)
		line[order[i]].next = &line[order[(i + 1) % count]];
}

static struct line *follow(struct line *line, uint64_t loads)
{
	while (loads--)
		line = *(struct line *volatile *)&line->next;
	return line;
}

/* Of the TSC, which even a guest whose system calls are slow reads at once. */
static double ns_per_tick(void)
{
	const uint64_t start_ns = lab_now_ns(), start = lab_tsc();

	while (lab_now_ns() - start_ns < CALIBRATION_NS)
		;
	return (double)(lab_now_ns() - start_ns) / (double)(lab_tsc() - start);
}

/* The best of many rounds, each shorter than a time slice: what came in between can only have made one longer. */
static uint64_t best_ticks(struct line *line, uint64_t count, uint64_t rounds)
{
	uint64_t best = UINT64_MAX;

	line = follow(line, count); /* fills the caches */
	while (rounds--) {
		const uint64_t start = lab_tsc();
		uint64_t took;

		line = follow(line, ROUND_LOADS);
		took = lab_tsc() - start;
		best = took < best ? took : best;
	}
	return best;
}

/* Huge pages where the kernel has them, so that the caches are seen and not the TLB. */
static void *memory(uint64_t bytes)
{
	char *at = mmap(NULL, bytes + HUGE_BYTES, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED)
		lab_die("memory");
	at += -(uintptr_t)at % HUGE_BYTES;
	madvise(at, bytes, MADV_HUGEPAGE);
	return at;
}

int main(int argc, char **argv)
{
	const uint64_t largest = lab_option(argc, argv, 'm', 32768) << 10;
	const uint64_t rounds = lab_option(argc, argv, 'n', 100);
	const double tick_ns = ns_per_tick();
	struct line *line = memory(largest);
	uint32_t *order = memory(largest / LINE_BYTES * sizeof(*order));

	for (uint64_t bytes = SMALLEST_KIB << 10; bytes <= largest; bytes *= 2) {
		double ns;

		chain(line, bytes / LINE_BYTES, order);
		ns = (double)best_ticks(line, bytes / LINE_BYTES, rounds) * tick_ns / ROUND_LOADS;
		printf("%8lu KiB %8.1f ns\n", (unsigned long)bytes >> 10, ns);
		lab_row("latency", "kib=%lu ns=%.2f", (unsigned long)bytes >> 10, ns);
	}
	return 0;
}

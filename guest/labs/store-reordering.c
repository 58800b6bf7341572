/* SPDX-License-Identifier: MIT
 *
 * Two CPUs, two words, each CPU stores to its own and reads the other's. "Both read 0" can't happen in any order
 * of the four accesses, and does: a store waits in its CPU's buffer while a later load goes ahead.
 *
 * Then the same in a vring: a driver makes a request available and looks whether the device wants a kick; the
 * device finds nothing, asks for a kick, and looks again. If both miss each other, the request is forgotten.
 *
 *   store-reordering [-n ROUNDS] [-s SECONDS at most for each half]
 */
#define _GNU_SOURCE
#include <pthread.h>

#include "lab-cpu.h"

#define LOOK_ROUNDS 4096 /* between two looks at the clock */
#define SPIN_MAX 64	 /* turns that a side may be late, so that all orders come up */

struct line {
	volatile uint32_t word;
} __attribute__((aligned(128)));

static struct line a, b;
static uint32_t arrived __attribute__((aligned(128)));
static uint64_t rounds, limit_ns;
static volatile uint64_t last; /* round; the first side decides */
static bool with_fence;

static void full_barrier(void)
{
	__asm__ volatile("lock orl $0, -4(%%rsp)" ::: "memory", "cc");
}

/* Both sides leave at the same time, as nearly as two CPUs can. Called twice a round. */
static void meet(uint64_t *turn)
{
	*turn += 2;
	__atomic_add_fetch(&arrived, 1, __ATOMIC_ACQ_REL);
	while ((int32_t)(__atomic_load_n(&arrived, __ATOMIC_ACQUIRE) - (uint32_t)*turn) < 0)
		;
}

/* One side of the test: returns what it read. */
static uint32_t store_then_load(struct line *mine, const struct line *other, uint32_t value)
{
	mine->word = value;
	if (with_fence)
		full_barrier();
	else
		__asm__ volatile(
			"" ::
				: "memory"); /* the compiler keeps the order; does the processor? */
	return other->word;
}

struct side {
	struct line *mine, *other;
	unsigned cpu;
	uint8_t *saw; /* [round]: the other's store of that round */
};

static void *play(void *argument)
{
	struct side *side = argument;
	uint64_t turn = 0;
	uint32_t random = 12345 + side->cpu;

	lab_pin(side->cpu);
	for (uint32_t round = 1; round <= last; round++) {
		if (side->cpu == 0 && round % LOOK_ROUNDS == 0 && round < last &&
		    lab_now_ns() > limit_ns)
			last = round + 1; /* before they meet: the other side will know, too */
		meet(&turn);
		random = random * 1664525 + 1013904223;
		lab_spin((random >> 16) % SPIN_MAX);
		side->saw[round - 1] = store_then_load(side->mine, side->other, round) == round;
	}
	return NULL;
}

/* How often the four outcomes came up: bit 0 the first side saw the other's store, bit 1 the second side. */
static void run(bool fence, uint64_t seconds, uint64_t outcome[4], uint8_t *saw[2])
{
	struct side side[2] = {{&a, &b, 0, saw[0]}, {&b, &a, 1, saw[1]}};
	pthread_t second;

	arrived = 0;
	with_fence = fence;
	a.word = b.word = 0;
	last = rounds;
	limit_ns = lab_now_ns() + seconds * LAB_NS_PER_S;
	if (pthread_create(&second, NULL, play, &side[1]))
		lab_die("pthread_create");
	play(&side[0]);
	pthread_join(second, NULL);
	for (uint64_t i = 0; i < last; i++)
		outcome[saw[0][i] | saw[1][i] << 1]++;
}

int main(int argc, char **argv)
{
	const uint64_t seconds = lab_option(argc, argv, 's', 8);
	uint8_t *saw[2];

	rounds = lab_option(argc, argv, 'n', 1000000);
	lab_row("processor", "emulated=%d", lab_cpu_is_emulated());
	if (lab_cpus() < 2) {
		printf("one CPU sees its own stores in order: nothing to see\n");
		return 0;
	}
	for (unsigned i = 0; i < 2; i++)
		saw[i] = lab_shared(rounds);
	for (unsigned fence = 0; fence < 2; fence++) {
		uint64_t outcome[4] = {0};
		const char *name = fence ? "fence" : "none";

		run(fence, seconds, outcome, saw);
		printf("%-5s: both saw the other's store %lu times, one did %lu times, NEITHER %lu times\n",
		       name, outcome[3], outcome[1] + outcome[2], outcome[0]);
		lab_row("outcome", "barrier=%s both=%lu one=%lu neither=%lu", name, outcome[3],
			outcome[1] + outcome[2], outcome[0]);
	}
	return 0;
}

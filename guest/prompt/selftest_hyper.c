/* SPDX-License-Identifier: MIT
 *
 * Each call of the VMM once, with good and with bad arguments; and how many exits 64 of them are.
 */
#include "guest/prompt/selftest_hyper.h"

#include "guest/hyper/features.h"
#include "guest/hyper/hypercall.h"
#include "guest/lib/print.h"
#include "guest/lib/string.h"
#include "guest/mm/page.h"
#include "guest/sched/timer.h"
#include "guest/time/clock.h"

#define MS 1000000ull
#define TRIES 20 /* another CPU's exits, or an interrupt's, may come between two readings */
#define NOT_RAM 0xfffffffffffff000ull

static void (*check)(bool condition, const char *what);

static void test_console(void)
{
	static const char text[] = "         this line went through the hypercall page\r\n";
	static char copy[sizeof(text)];

	memcpy(copy, text, sizeof(text));
	check(hypercall(HYPERCALL_CONSOLE_WRITE, image_gpa(copy), sizeof(text) - 1) ==
		      sizeof(text) - 1,
	      "CONSOLE_WRITE writes all");
	check(hypercall(HYPERCALL_CONSOLE_WRITE, image_gpa(copy), HYPERCALL_CONSOLE_MAX + 1) < 0,
	      "CONSOLE_WRITE refuses more than its limit");
	check(hypercall(HYPERCALL_CONSOLE_WRITE, NOT_RAM, 16) < 0,
	      "CONSOLE_WRITE refuses what isn't RAM");
}

static void test_doorbell(void)
{
	int64_t before;

	if (!pv_is_on(PV_DOORBELL))
		return;
	before = hypercall(HYPERCALL_DOORBELL_COUNT, 1, 0);
	hypercall_doorbell(1);
	for (unsigned i = 0; i < 100 && hypercall(HYPERCALL_DOORBELL_COUNT, 1, 0) == before; i++)
		timer_sleep_until(clock_ns() + 10 * MS);
	check(before >= 0 && hypercall(HYPERCALL_DOORBELL_COUNT, 1, 0) == before + 1,
	      "a doorbell is heard");
	check(hypercall(HYPERCALL_DOORBELL_COUNT, HYPERCALL_DOORBELL_MAX, 0) < 0,
	      "a doorbell that isn't there has no count");
}

/* This VM's exits to userspace so far. */
static uint64_t userspace_exits(struct page *page)
{
	const struct hypercall_counter *row = page_data(page);
	const int64_t count = hypercall(HYPERCALL_COUNTERS, page_gpa(page), HYPERCALL_COUNTERS_MAX);

	for (int64_t i = 0; i < count; i++)
		if (!strcmp(row[i].name, "userspace"))
			return row[i].value;
	return 0;
}

static void fill(struct hypercall_call *call)
{
	for (unsigned i = 0; i < HYPERCALL_MULTICALL_MAX; i++)
		call[i] = (struct hypercall_call){.number = HYPERCALL_FEATURES, .result = -1};
}

/* The least of some tries, without the exit that reading the counter is. */
static uint64_t exits_of_batch(struct page *page)
{
	struct hypercall_call *call = page_data(page);
	uint64_t least = UINT64_MAX;

	for (unsigned i = 0; i < TRIES; i++) {
		const uint64_t before = userspace_exits(page);

		fill(call);
		hypercall_batch(call, HYPERCALL_MULTICALL_MAX);
		const uint64_t exits = userspace_exits(page) - before - 1;

		least = exits < least ? exits : least;
	}
	return least;
}

static void test_batch_results(struct hypercall_call *call)
{
	const uint64_t gpa = (uint64_t)call - DIRECT_BASE;
	bool right = true;

	fill(call);
	hypercall_batch(call, HYPERCALL_MULTICALL_MAX);
	for (unsigned i = 0; i < HYPERCALL_MULTICALL_MAX; i++)
		right = right && call[i].result == hypercall_features();
	check(right, "each of 64 calls in a batch has its result");
	call[0] = (struct hypercall_call){HYPERCALL_MULTICALL, {gpa, 1}, 0};
	call[1] = (struct hypercall_call){HYPERCALL_COUNTERS, {gpa, 1}, 0};
	call[2] = (struct hypercall_call){HYPERCALL_YIELD, {0}, -1};
	check(hypercall(HYPERCALL_MULTICALL, gpa, 3) == 3 && call[0].result < 0 &&
		      call[1].result < 0 && call[2].result == 0,
	      "a batch inside a batch is refused, and what follows isn't");
	check(hypercall(HYPERCALL_MULTICALL, gpa, HYPERCALL_MULTICALL_MAX + 1) < 0 &&
		      hypercall(HYPERCALL_MULTICALL, NOT_RAM, 1) < 0,
	      "a batch that is too long or isn't in RAM is refused");
}

static void test_batch(void)
{
	struct page *page = page_alloc(0, 0);
	uint64_t exits;

	if (!page)
		return;
	if (pv_is_on(PV_MULTICALL))
		test_batch_results(page_data(page));
	exits = exits_of_batch(page);
	print("         64 hypercalls: %lu exit%s\n", exits, exits == 1 ? "" : "s");
	check(exits == (pv_is_on(PV_MULTICALL) ? 1 : HYPERCALL_MULTICALL_MAX),
	      "a batch is one exit, and without batches each call is one");
	page_put(page);
}

void selftest_hyper(void (*report)(bool condition, const char *what))
{
	check = report;
	if (!hypercall_available()) {
		print("  skip   no hypercall page: this is not Vitrine\n");
		return;
	}
	check(hypercall(HYPERCALL_FEATURES, 0, 0) == hypercall_features(),
	      "FEATURES agrees with the page's header");
	test_console();
	check(hypercall(HYPERCALL_YIELD, 0, 0) == 0, "YIELD returns");
	check(hypercall((enum hypercall_number)0x7fffffff, 0, 0) < 0, "an unknown call is refused");
	test_doorbell();
	test_batch();
}

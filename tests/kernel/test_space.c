/* SPDX-License-Identifier: MIT
 *
 * Address spaces against a model with one byte per page: random maps, unmaps, protections, moves, forks,
 * reads and writes, with private and shared memory, and nothing left over in the end.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "guest/lib/errno.h"
#include "guest/mm/area.h"
#include "guest/mm/map.h"
#include "guest/mm/page.h"
#include "guest/mm/space.h"
#include "guest/mm/user.h"
#include "guest/proc/process.h"
#include "guest/sched/task.h"
#include "tests/kernel/host.h"

#define RAM_BYTES 0x4000000
#define BASE 0x7000000000
#define PAGES 1100 /* a bit more than two tables' */
#define SPACES 4
#define CELLS 3000000
#define ROUNDS 30000

/* What a page holds; shared memory is the same cell in several models. */
static uint8_t cell[CELLS];
static unsigned cell_count;

struct model {
	struct space *space;
	struct {
		bool mapped, shared;
		uint8_t protection;
		unsigned cell;
	} page[PAGES];
};
static struct model model[SPACES];

static int start(void **state)
{
	(void)state;
	host_ram_start(RAM_BYTES);
	return 0;
}

static uint64_t gva_of(unsigned page)
{
	return BASE + (uint64_t)page * PAGE_BYTES;
}

static unsigned new_cell(uint8_t value)
{
	assert_true(cell_count < CELLS);
	cell[cell_count] = value;
	return cell_count++;
}

static void do_map(struct model *m, unsigned first, unsigned count)
{
	static const uint8_t protections[] = {PROT_READ | PROT_WRITE, PROT_READ, 0,
					      PROT_READ | PROT_WRITE | PROT_EXEC};
	const bool shared = rand() % 3 == 0;
	const uint8_t protection = protections[rand() % 4];
	const unsigned flags = MAP_ANONYMOUS | MAP_FIXED | (shared ? MAP_SHARED : MAP_PRIVATE) |
			       (rand() % 4 ? 0 : MAP_POPULATE);

	assert_int_equal(space_map(m->space, gva_of(first), (uint64_t)count * PAGE_BYTES,
				   protection, flags, NULL, 0),
			 gva_of(first));
	for (unsigned i = first; i < first + count; i++) {
		m->page[i].mapped = true;
		m->page[i].shared = shared;
		m->page[i].protection = protection;
		m->page[i].cell = new_cell(0);
	}
}

static void do_unmap(struct model *m, unsigned first, unsigned count)
{
	assert_int_equal(space_unmap(m->space, gva_of(first), (uint64_t)count * PAGE_BYTES), 0);
	for (unsigned i = first; i < first + count; i++)
		m->page[i].mapped = false;
}

static void do_protect(struct model *m, unsigned first, unsigned count)
{
	const uint8_t protection = rand() % 8;
	bool hole = false;
	const int error = space_protect(m->space, gva_of(first), (uint64_t)count * PAGE_BYTES,
					protection);

	for (unsigned i = first; i < first + count && !hole; i++) {
		hole = !m->page[i].mapped;
		if (!hole)
			m->page[i].protection = protection;
	}
	assert_int_equal(error, hole ? -ENOMEM : 0);
}

static void do_write(struct model *m, unsigned first, unsigned count)
{
	static uint8_t buffer[PAGES * PAGE_BYTES];
	const unsigned in_page = rand() % 100; /* starts there in the first page */
	uint8_t *from = buffer;
	bool good = true;
	unsigned i;

	count = count % 5 + 1;
	if (first + count > PAGES)
		count = PAGES - first;
	for (i = 0; i < count; i++)
		memset(buffer + i * PAGE_BYTES, rand(), PAGE_BYTES);
	host_task->space = m->space;
	for (i = 0; i < count && good; i++) {
		good = m->page[first + i].mapped && m->page[first + i].protection & PROT_WRITE;
		if (good && (i || !in_page))
			cell[m->page[first + i].cell] = buffer[i * PAGE_BYTES];
	}
	assert_int_equal(user_write(gva_of(first) + in_page, from + in_page,
				    (uint64_t)count * PAGE_BYTES - in_page),
			 good ? 0 : -EFAULT);
}

static void check_page(struct model *m, unsigned i)
{
	const bool readable = m->page[i].mapped && m->page[i].protection;
	uint8_t byte = 0;

	host_task->space = m->space;
	assert_int_equal(user_read(&byte, gva_of(i), 1), readable ? 0 : -EFAULT);
	if (readable)
		assert_int_equal(byte, cell[m->page[i].cell]);
}

static void do_fork(const struct model *m)
{
	struct model *to = &model[rand() % SPACES];

	if (to == m)
		return;
	if (to->space)
		space_put(to->space);
	*to = *m;
	to->space = space_fork(m->space);
	assert_non_null(to->space);
	for (unsigned i = 0; i < PAGES; i++)
		if (to->page[i].mapped && !to->page[i].shared)
			to->page[i].cell = new_cell(cell[to->page[i].cell]);
}

/* The range is one area only if the model's pages agree, and were mapped together. */
static void do_move(struct model *m, unsigned first, unsigned count)
{
	const unsigned to = rand() % PAGES;
	int64_t result;

	if (to + count > PAGES || (to < first + count && first < to + count))
		return;
	result = space_remap(m->space, gva_of(first), (uint64_t)count * PAGE_BYTES,
			     (uint64_t)count * PAGE_BYTES, 3, gva_of(to));
	if (result == -EFAULT)
		return; /* the target is untouched then */
	assert_int_equal(result, gva_of(to));
	for (unsigned i = 0; i < count; i++) {
		m->page[to + i] = m->page[first + i];
		m->page[first + i].mapped = false;
	}
}

static void check_areas(const struct space *space)
{
	uint64_t last = 0, pages = 0;

	for (struct vm_area *area = area_of(space->areas.first); area; area = area_next(area)) {
		assert_true(area->start_gva >= last && area->start_gva < area->end_gva);
		assert_int_equal(area->start_gva % PAGE_BYTES | area->end_gva % PAGE_BYTES, 0);
		last = area->end_gva;
		pages += (area->end_gva - area->start_gva) / PAGE_BYTES;
	}
	assert_int_equal(space->mapped_pages, pages);
	assert_true(space->resident <= pages);
}

static void one_round(struct model *m)
{
	const unsigned first = rand() % PAGES, most = rand() % 8 ? 20 : PAGES;
	unsigned count = rand() % most + 1;

	if (first + count > PAGES)
		count = PAGES - first;
	switch (rand() % 16) {
	case 0: do_map(m, first, count); break;
	case 1: do_unmap(m, first, count); break;
	case 2: do_protect(m, first, count); break;
	case 3: do_move(m, first, count); break;
	case 4:
		if (rand() % 8 == 0)
			do_fork(m);
		break;
	case 5: check_areas(m->space); break;
	case 6:
	case 7:
	case 8:
	case 9:
	case 10: do_write(m, first, count); break;
	default: check_page(m, first);
	}
}

static void test_random(void **state)
{
	struct page_stats before, after;

	(void)state;
	page_stats_read(&before);
	srand(4);
	model[0].space = space_create();
	for (unsigned round = 0; round < ROUNDS; round++) {
		struct model *m = &model[rand() % SPACES];

		if (m->space)
			one_round(m);
	}
	for (unsigned i = 0; i < SPACES; i++) {
		if (!model[i].space)
			continue;
		for (unsigned j = 0; j < PAGES; j++)
			check_page(&model[i], j);
		check_areas(model[i].space);
		space_put(model[i].space);
		model[i].space = NULL;
	}
	page_stats_read(&after);
	assert_int_equal(after.page_tables, 0);
	assert_int_equal(after.cached, 0);
	assert_int_equal(after.anonymous, 1);		 /* the page of zeroes */
	assert_in_range(before.free - after.free, 0, 9); /* it, and empty slabs */
}

static struct space *fresh(void)
{
	host_task->space = space_create();
	return host_task->space;
}

static int64_t map(struct space *space, uint64_t bytes, unsigned flags)
{
	return space_map(space, 0, bytes, PROT_READ | PROT_WRITE, MAP_ANONYMOUS | flags, NULL, 0);
}

static void test_demand_zero_and_copies(void **state)
{
	struct space *parent = fresh(), *child;
	const int64_t at = map(parent, 100 * PAGE_BYTES, MAP_PRIVATE);
	const uint64_t free = page_free_count();
	uint64_t value = 7;

	(void)state;
	assert_true(at > 0);
	assert_int_equal(parent->resident, 0);
	assert_int_equal(user_read(&value, at + 8, 8), 0);
	assert_int_equal(value, 0);
	value = 1;
	assert_int_equal(user_write(at + PAGE_BYTES, &value, 8), 0);
	assert_int_equal(parent->resident, 2);
	child = space_fork(parent);
	assert_int_equal(child->resident, 2);
	value = 2;
	assert_int_equal(user_write(at + PAGE_BYTES, &value, 8), 0);
	assert_int_equal(space_peek(child, &value, at + PAGE_BYTES, 8), 0);
	assert_int_equal(value, 1);
	space_put(child);
	/* The only owner again: written in place. */
	const uint64_t copies = page_counters.copied_on_write;

	assert_int_equal(user_write(at + PAGE_BYTES, &value, 8), 0);
	assert_int_equal(page_counters.copied_on_write, copies);
	assert_in_range(free - page_free_count(), 0, 8);
	space_put(parent);
}

static void test_stack_grows_to_its_limit(void **state)
{
	struct space *space = fresh();
	const uint64_t top = USER_END - 0x10000;
	uint8_t byte = 1;

	(void)state;
	process_this()->limits[RLIMIT_STACK].soft = 1 << 20;
	assert_int_equal(space_map(space, top - PAGE_BYTES, PAGE_BYTES, PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_GROWSDOWN, NULL,
				   0),
			 top - PAGE_BYTES);
	assert_int_equal(user_write(top - (512 << 10), &byte, 1), 0);
	assert_int_equal(user_write(top - (1 << 20), &byte, 1), 0);
	assert_int_equal(user_write(top - (1 << 20) - 1, &byte, 1), -EFAULT);
	/* Nor does it touch its neighbour below. */
	process_this()->limits[RLIMIT_STACK].soft = 64 << 20;
	assert_int_equal(space_map(space, top - (3 << 20), PAGE_BYTES, PROT_READ,
				   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, NULL, 0),
			 top - (3 << 20));
	assert_int_equal(user_write(top - (3 << 20) + PAGE_BYTES + STACK_GUARD_BYTES, &byte, 1), 0);
	assert_int_equal(user_write(top - (3 << 20) + PAGE_BYTES + STACK_GUARD_BYTES - 1, &byte, 1),
			 -EFAULT);
	space_put(space);
}

static void test_brk(void **state)
{
	struct space *space = fresh();
	const uint64_t start = 0x600000;
	uint8_t byte = 1;

	(void)state;
	space->brk_start_gva = space->brk_gva = start + 0x123;
	assert_int_equal(space_set_brk(space, 0), start + 0x123);
	assert_int_equal(space_set_brk(space, start + 0x5000), start + 0x5000);
	assert_int_equal(user_write(start + 0x4fff, &byte, 1), 0);
	assert_int_equal(user_write(start + 0x5000, &byte, 1), -EFAULT);
	assert_int_equal(space_set_brk(space, start + 0x8001), start + 0x8001);
	assert_int_equal(user_write(start + 0x8fff, &byte, 1), 0);
	assert_string_equal(area_find(space, start + 0x1000)->label, "[heap]");
	assert_int_equal(space_set_brk(space, start + 0x2000), start + 0x2000);
	assert_int_equal(user_write(start + 0x4fff, &byte, 1), -EFAULT);
	assert_int_equal(space_set_brk(space, USER_END + 1), start + 0x2000);
	process_this()->limits[RLIMIT_DATA].soft = 0x10000;
	assert_int_equal(space_set_brk(space, start + 0x20000), start + 0x2000);
	process_this()->limits[RLIMIT_DATA].soft = UINT64_MAX;
	space_put(space);
}

static void test_large_pages(void **state)
{
	struct space *space = fresh(), *child;
	const uint64_t bytes = 8 * LARGE_PAGE_BYTES, before = page_free_count();
	const int64_t at = map(space, bytes, MAP_PRIVATE | MAP_HUGETLB);
	uint8_t byte = 3;

	(void)state;
	assert_int_equal(at % LARGE_PAGE_BYTES, 0);
	assert_int_equal(user_write(at + 0x345678, &byte, 1), 0);
	assert_int_equal(space->resident, 512);
	assert_int_equal(user_write(at + 0x3fffff, &byte, 1), 0);
	assert_int_equal(space->resident, 512);
	/* Split by a part of it that goes, and by fork. */
	assert_int_equal(space_unmap(space, at + LARGE_PAGE_BYTES, PAGE_BYTES), 0);
	assert_int_equal(space->resident, 511);
	byte = 0;
	assert_int_equal(user_read(&byte, at + 0x345678, 1), 0);
	assert_int_equal(byte, 3);
	assert_int_equal(user_write(at + 2 * LARGE_PAGE_BYTES, &byte, 1), 0);
	assert_int_equal(space->resident, 1023);
	child = space_fork(space);
	assert_int_equal(child->resident, 1023);
	byte = 4;
	assert_int_equal(user_write(at + 2 * LARGE_PAGE_BYTES, &byte, 1), 0);
	assert_int_equal(space_peek(child, &byte, at + 2 * LARGE_PAGE_BYTES, 1), 0);
	assert_int_equal(byte, 3);
	assert_int_equal(space_protect(child, at + 2 * LARGE_PAGE_BYTES, PAGE_BYTES, PROT_READ), 0);
	space_put(child);
	assert_int_equal(user_write(at + 4 * LARGE_PAGE_BYTES, &byte, 1), 0);
	assert_int_equal(
		space_protect(space, at + 4 * LARGE_PAGE_BYTES + PAGE_BYTES, PAGE_BYTES, PROT_READ),
		0);
	assert_int_equal(user_write(at + 4 * LARGE_PAGE_BYTES + PAGE_BYTES, &byte, 1), -EFAULT);
	assert_int_equal(user_write(at + 4 * LARGE_PAGE_BYTES + 2 * PAGE_BYTES, &byte, 1), 0);
	space_put(space);
	assert_in_range(page_free_count() + 10 - before, 0, 20);
}

static void test_large_pages_by_themselves(void **state)
{
	struct space *space = fresh();
	const int64_t at = map(space, 4 * LARGE_PAGE_BYTES, MAP_PRIVATE);
	const uint64_t before = page_counters.huge_faults;
	uint8_t byte = 1;

	(void)state;
	for (uint64_t i = 0; i < 3 * 512; i++)
		assert_int_equal(user_write(at + i * PAGE_BYTES, &byte, 1), 0);
	assert_int_equal(page_counters.huge_faults - before, 2);
	assert_int_equal(space->resident, 3 * 512);
	space_put(space);
}

static void test_bad_requests(void **state)
{
	struct space *space = fresh();
	const unsigned private = MAP_PRIVATE | MAP_ANONYMOUS;
	uint8_t byte = 0;

	(void)state;
	assert_int_equal(space_map(space, 0, 0, 3, private, NULL, 0), -EINVAL);
	assert_int_equal(space_map(space, 0, UINT64_MAX - 5000, 3, private, NULL, 0), -ENOMEM);
	assert_int_equal(space_map(space, 0, PAGE_BYTES, 3, MAP_ANONYMOUS, NULL, 0), -EINVAL);
	assert_int_equal(space_map(space, 0, USER_END, 3, private, NULL, 0), -ENOMEM);
	assert_int_equal(space_map(space, 0x12345, PAGE_BYTES, 3, private | MAP_FIXED, NULL, 0),
			 -EINVAL);
	assert_int_equal(space_map(space, 0, PAGE_BYTES, 3, private | MAP_FIXED, NULL, 0), -EPERM);
	assert_int_equal(space_map(space, USER_END, PAGE_BYTES, 3, private | MAP_FIXED, NULL, 0),
			 -ENOMEM);
	assert_int_equal(
		space_map(space, 0xffff800000000000, PAGE_BYTES, 3, private | MAP_FIXED, NULL, 0),
		-ENOMEM);
	assert_int_equal(space_unmap(space, 1, PAGE_BYTES), -EINVAL);
	assert_int_equal(space_unmap(space, 0x10000, UINT64_MAX), -EINVAL);
	assert_int_equal(space_unmap(space, 0xffffffff80000000, PAGE_BYTES), -EINVAL);
	assert_int_equal(space_protect(space, 0x10000, 0x1000, 3), -ENOMEM);
	assert_int_equal(space_protect(space, 0x10000, UINT64_MAX - 0xffff, 3), -ENOMEM);
	assert_int_equal(space_remap(space, 0x10000, 0x1000, 0x2000, 1, 0), -EFAULT);
	assert_int_equal(space_remap(space, 0x10000, 0x1000, 0x2000, 2, 0), -EINVAL);
	for (uint64_t gva = 1; gva; gva <<= 1)
		assert_int_equal(user_write(gva, &byte, 1), -EFAULT);
	assert_int_equal(user_read(&byte, UINT64_MAX, 1), -EFAULT);
	assert_int_equal(user_read(&byte, USER_END - 1, 2), -EFAULT);
	process_this()->limits[RLIMIT_AS].soft = 10 * PAGE_BYTES;
	assert_int_equal(space_map(space, 0, 11 * PAGE_BYTES, 3, private, NULL, 0), -ENOMEM);
	assert_true(space_map(space, 0, 10 * PAGE_BYTES, 3, private, NULL, 0) > 0);
	process_this()->limits[RLIMIT_AS].soft = UINT64_MAX;
	space_put(space);
}

static void test_strings_and_words(void **state)
{
	struct space *space = fresh();
	const uint64_t at = map(space, 2 * PAGE_BYTES, MAP_PRIVATE), end = at + 2 * PAGE_BYTES;
	char text[200];
	uint32_t old;

	(void)state;
	assert_int_equal(user_write(end - 6, "hello", 6), 0);
	assert_int_equal(user_read_string(text, end - 6, sizeof(text)), 5);
	assert_string_equal(text, "hello");
	assert_int_equal(user_read_string(text, end - 6, 5), -ENAMETOOLONG);
	assert_int_equal(user_write(end - 6, "hello!", 6), 0);
	assert_int_equal(user_read_string(text, end - 6, sizeof(text)), -EFAULT);
	assert_int_equal(user_exchange32(at + 4, 0, 9, &old), 0);
	assert_int_equal(old, 0);
	assert_int_equal(user_exchange32(at + 4, 0, 10, &old), 0);
	assert_int_equal(old, 9);
	assert_int_equal(user_load32(at + 4, &old), 0);
	assert_int_equal(old, 9);
	assert_int_equal(user_load32(at + 5, &old), -EFAULT);
	assert_int_equal(user_zero(at, PAGE_BYTES), 0);
	assert_int_equal(user_load32(at + 4, &old), 0);
	assert_int_equal(old, 0);
	space_put(space);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_demand_zero_and_copies),
		cmocka_unit_test(test_stack_grows_to_its_limit),
		cmocka_unit_test(test_brk),
		cmocka_unit_test(test_large_pages),
		cmocka_unit_test(test_large_pages_by_themselves),
		cmocka_unit_test(test_bad_requests),
		cmocka_unit_test(test_strings_and_words),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}

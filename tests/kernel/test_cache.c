/* SPDX-License-Identifier: MIT
 *
 * The page cache over a file that is an array, mapped privately and shared; reclaim, swap and the choice of
 * a victim when there is no memory.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "guest/fs/vfs.h"
#include "guest/mm/area.h"
#include "guest/mm/cache.h"
#include "guest/mm/oom.h"
#include "guest/mm/reclaim.h"
#include "guest/mm/shared.h"
#include "guest/mm/swap.h"
#include "guest/mm/swap_out.h"
#include "guest/mm/user.h"
#include "guest/proc/process.h"
#include "tests/kernel/host.h"

#define RAM_BYTES 0x1000000 /* 16 MiB */
#define FILE_PAGES 64

static uint8_t disk[FILE_PAGES * PAGE_BYTES];
static unsigned reads, writes;
static bool fail_io;

static int read_page(struct page_cache *cache, struct page *page)
{
	(void)cache;
	reads++;
	if (fail_io)
		return -EIO;
	memcpy(page_data(page), disk + page->index * PAGE_BYTES, PAGE_BYTES);
	return 0;
}

static int write_page(struct page_cache *cache, struct page *page)
{
	(void)cache;
	writes++;
	assert_true(page->flags & PAGE_WRITEBACK);
	assert_true(page->flags & PAGE_LOCKED);
	if (fail_io)
		return -EIO;
	memcpy(disk + page->index * PAGE_BYTES, page_data(page), PAGE_BYTES);
	return 0;
}

static const struct cache_operations operations = {.read_page = read_page,
						   .write_page = write_page};
static const struct file_operations file_operations;
static struct inode inode = {.refs = 1, .size = FILE_PAGES * PAGE_BYTES - 100};
static struct file file = {
	.operations = &file_operations, .inode = &inode, .flags = O_RDWR, .refs = 1};

static int start(void **state)
{
	(void)state;
	host_ram_start(RAM_BYTES);
	for (unsigned i = 0; i < FILE_PAGES; i++)
		memset(disk + i * PAGE_BYTES, i + 1, PAGE_BYTES);
	cache_init(&inode.cache, &operations, &inode);
	return 0;
}

static struct space *fresh(void)
{
	host_task->space = space_create();
	return host_task->space;
}

static int64_t map_file(struct space *space, unsigned protection, unsigned flags)
{
	return space_map(space, 0, FILE_PAGES * PAGE_BYTES, protection, flags, &file, 0);
}

static uint8_t byte_at(uint64_t gva)
{
	uint8_t byte = 0xee;

	assert_int_equal(user_read(&byte, gva, 1), 0);
	return byte;
}

static void test_private_mapping(void **state)
{
	struct space *space = fresh(), *child;
	const int64_t at = map_file(space, PROT_READ | PROT_WRITE, MAP_PRIVATE);
	uint8_t byte = 99;

	(void)state;
	assert_true(at > 0);
	assert_int_equal(file.refs, 2);
	reads = 0;
	assert_int_equal(byte_at(at + 5 * PAGE_BYTES), 6);
	assert_int_equal(byte_at(at + 5 * PAGE_BYTES + 1), 6);
	assert_int_equal(reads, 1);
	assert_int_equal(user_write(at + 5 * PAGE_BYTES, &byte, 1), 0);
	assert_int_equal(user_write(at + 6 * PAGE_BYTES, &byte, 1), 0);
	assert_int_equal(byte_at(at + 5 * PAGE_BYTES), 99);
	assert_int_equal(byte_at(at + 6 * PAGE_BYTES + 1), 7);
	child = space_fork(space);
	assert_int_equal(child->resident, 2); /* not what a fault finds again */
	assert_int_equal(file.refs, 3);
	space_put(space);
	host_task->space = child;
	assert_int_equal(byte_at(at + 5 * PAGE_BYTES), 99);
	assert_int_equal(byte_at(at + 8 * PAGE_BYTES), 9);
	space_put(child);
	assert_int_equal(file.refs, 1);
	assert_int_equal(disk[5 * PAGE_BYTES], 6);
	cache_drop(&inode.cache, 0, UINT64_MAX);
	assert_int_equal(inode.cache.page_count, 0);
}

static void test_faults_map_what_is_cached_around(void **state)
{
	struct space *space = fresh();
	const int64_t at = map_file(space, PROT_READ, MAP_PRIVATE);
	int error;

	(void)state;
	for (unsigned i = 0; i < FILE_PAGES; i++)
		page_put(cache_read(&inode.cache, i, &error));
	byte_at(at + 20 * PAGE_BYTES);
	assert_in_range(space->resident, 8, 16);
	space_put(space);
	cache_drop(&inode.cache, 0, UINT64_MAX);
	assert_int_equal(inode.cache.page_count, 0);
}

static void test_shared_mapping_and_write_back(void **state)
{
	struct space *space = fresh();
	const int64_t at = map_file(space, PROT_READ | PROT_WRITE, MAP_SHARED);
	uint8_t byte = 77;

	(void)state;
	byte_at(at);
	assert_int_equal(inode.cache.dirty_count, 0);
	assert_int_equal(user_write(at + 10, &byte, 1), 0);
	assert_int_equal(inode.cache.dirty_count, 1);
	writes = 0;
	assert_int_equal(cache_write_back(&inode.cache, 0, UINT64_MAX), 0);
	assert_int_equal(writes, 1);
	assert_int_equal(disk[10], 77);
	assert_int_equal(cache_write_back(&inode.cache, 0, UINT64_MAX), 0);
	assert_int_equal(writes, 1);
	/* Read-only since then, so that this is noticed. */
	byte = 78;
	assert_int_equal(user_write(at + 10, &byte, 1), 0);
	assert_int_equal(inode.cache.dirty_count, 1);
	host_clock_ns += 1000;
	cache_sync_all();
	assert_int_equal(disk[10], 78);
	assert_int_equal(page_counters.dirty, 0);
	fail_io = true;
	assert_int_equal(user_write(at + 10, &byte, 1), 0);
	cache_sync_all();
	fail_io = false;
	assert_int_equal(cache_write_back(&inode.cache, 0, UINT64_MAX), -EIO); /* reported once */
	assert_int_equal(cache_write_back(&inode.cache, 0, UINT64_MAX), 0);
	space_put(space);
}

static void test_truncate(void **state)
{
	struct space *space = fresh();
	const int64_t at = map_file(space, PROT_READ | PROT_WRITE, MAP_SHARED);
	const uint64_t size = inode.size;
	uint8_t byte = 1;

	(void)state;
	for (unsigned i = 0; i < FILE_PAGES; i++)
		assert_int_equal(user_write(at + i * PAGE_BYTES + 50, &byte, 1), 0);
	inode.size = 3 * PAGE_BYTES + 50;
	cache_truncate(&inode.cache, inode.size);
	assert_int_equal(inode.cache.page_count, 4);
	assert_int_equal(inode.cache.dirty_count, 4);
	assert_int_equal(space->resident, 4);
	assert_int_equal(byte_at(at + 3 * PAGE_BYTES + 49), 4);
	assert_int_equal(byte_at(at + 3 * PAGE_BYTES + 50), 0);
	assert_int_equal(space_fault(space, at + 3 * PAGE_BYTES + 60, SPACE_READ), 0);
	assert_int_equal(space_fault(space, at + 4 * PAGE_BYTES, SPACE_READ), -EIO);
	inode.size = size;
	assert_int_equal(byte_at(at + 4 * PAGE_BYTES), 5);
	cache_truncate(&inode.cache, 0);
	assert_int_equal(inode.cache.page_count, 0);
	assert_int_equal(page_counters.dirty, 0);
	space_put(space);
}

static void test_read_errors(void **state)
{
	struct space *space = fresh();
	const int64_t at = map_file(space, PROT_READ, MAP_PRIVATE);
	int error = 0;

	(void)state;
	fail_io = true;
	assert_null(cache_read(&inode.cache, 7, &error));
	assert_int_equal(error, -EIO);
	assert_int_equal(space_fault(space, at, SPACE_READ), -EIO);
	fail_io = false;
	assert_int_equal(byte_at(at + 7 * PAGE_BYTES), 8);
	space_put(space);
	cache_truncate(&inode.cache, 0);
}

static void test_permissions_of_the_file(void **state)
{
	struct space *space = fresh();

	(void)state;
	file.flags = O_RDONLY;
	assert_int_equal(map_file(space, PROT_READ | PROT_WRITE, MAP_SHARED), -EACCES);
	const int64_t at = map_file(space, PROT_READ, MAP_SHARED);

	assert_true(at > 0);
	assert_int_equal(space_protect(space, at, PAGE_BYTES, PROT_READ | PROT_WRITE), -EACCES);
	assert_true(map_file(space, PROT_READ | PROT_WRITE, MAP_PRIVATE) > 0);
	file.flags = O_WRONLY;
	assert_int_equal(map_file(space, PROT_READ, MAP_PRIVATE), -EACCES);
	file.flags = O_RDWR;
	space_put(space);
	assert_int_equal(file.refs, 1);
}

static void test_poke_into_read_only(void **state)
{
	struct space *space = fresh();
	const int64_t at = map_file(space, PROT_READ, MAP_PRIVATE);

	(void)state;
	assert_int_equal(byte_at(at), disk[0]);
	assert_int_equal(space_poke(space, at, "x", 1), 0);
	assert_int_equal(byte_at(at), 'x');
	assert_int_equal(user_write(at, "y", 1), -EFAULT);
	assert_int_not_equal(disk[0], 'x');
	space_put(space);
	cache_truncate(&inode.cache, 0);
}

/* --- reclaim and swap */

#define SWAP_PAGES 3000
static uint8_t swap_disk[(SWAP_PAGES + 1) * PAGE_BYTES];
static struct inode swap_inode = {.refs = 1, .size = sizeof(swap_disk)};
static struct file swap_file = {.inode = &swap_inode, .refs = 1, .private = swap_disk};

static void test_clean_pages_are_reclaimed(void **state)
{
	int error;

	(void)state;
	for (unsigned i = 0; i < FILE_PAGES; i++)
		page_put(cache_read(&inode.cache, i, &error));
	assert_int_equal(inode.cache.page_count, FILE_PAGES);
	for (unsigned effort = 0; effort < 4; effort++)
		reclaim_for(0, effort);
	assert_true(inode.cache.page_count < FILE_PAGES);
	cache_truncate(&inode.cache, 0);
}

static void test_bad_swap_headers(void **state)
{
	uint32_t *header = (uint32_t *)(swap_disk + 1024);

	(void)state;
	assert_int_equal(swap_on(&swap_file), -EINVAL);
	memcpy(swap_disk + PAGE_BYTES - 10, "SWAPSPACE2", 10);
	assert_int_equal(swap_on(&swap_file), -EINVAL);
	header[0] = 1;
	assert_int_equal(swap_on(&swap_file), -EINVAL);
	header[1] = SWAP_PAGES + 1;
	assert_int_equal(swap_on(&swap_file), -EINVAL); /* beyond the end */
	header[1] = UINT32_MAX;
	assert_int_equal(swap_on(&swap_file), -EINVAL);
	header[1] = SWAP_PAGES;
	assert_int_equal(swap_off(&swap_inode), -EINVAL);
	assert_int_equal(swap_on(&swap_file), 0);
	assert_int_equal(swap_on(&swap_file), -EBUSY);
}

/* More than there is RAM, private (with a child) and shared. */
static void test_swap(void **state)
{
	const uint64_t pages = RAM_BYTES / PAGE_BYTES + 300, shared_pages = 800;
	struct space *space = fresh(), *child;
	const int64_t at = space_map(space, 0, pages * PAGE_BYTES, 3, MAP_PRIVATE | MAP_ANONYMOUS,
				     NULL, 0);
	const int64_t shared = space_map(space, 0, shared_pages * PAGE_BYTES, 3,
					 MAP_SHARED | MAP_ANONYMOUS, NULL, 0);

	(void)state;
	for (uint64_t i = 0; i < shared_pages; i++)
		assert_int_equal(user_write(shared + i * PAGE_BYTES, &i, 8), 0);
	for (uint64_t i = 0; i < pages; i++)
		assert_int_equal(user_write(at + i * PAGE_BYTES + 8, &i, 8), 0);
	assert_true(page_counters.swapped_out > 800);
	assert_int_equal(page_counters.oom_kills, 0);
	child = space_fork(space);
	assert_non_null(child);
	for (uint64_t i = 0; i < pages; i += 3) {
		const uint64_t value = ~i;

		assert_int_equal(user_write(at + i * PAGE_BYTES + 8, &value, 8), 0);
	}
	for (uint64_t i = 0, value; i < pages; i++) {
		assert_int_equal(space_peek(space, &value, at + i * PAGE_BYTES + 8, 8), 0);
		assert_int_equal(value, i % 3 ? i : ~i);
		assert_int_equal(space_peek(child, &value, at + i * PAGE_BYTES + 8, 8), 0);
		assert_int_equal(value, i);
	}
	for (uint64_t i = 0, value; i < shared_pages; i++) {
		assert_int_equal(space_peek(child, &value, shared + i * PAGE_BYTES, 8), 0);
		assert_int_equal(value, i);
	}
	space_put(child);
	space_put(space);
	assert_int_equal(page_counters.swap_free, SWAP_PAGES);
	assert_int_equal(page_counters.cached, 0);
}

static void test_swap_off_reads_back(void **state)
{
	struct space *space = fresh();
	const uint64_t pages = 500;
	const int64_t at = space_map(space, 0, pages * PAGE_BYTES, 3, MAP_PRIVATE | MAP_ANONYMOUS,
				     NULL, 0);

	(void)state;
	for (uint64_t i = 0; i < pages; i++)
		assert_int_equal(user_write(at + i * PAGE_BYTES, &i, 8), 0);
	for (unsigned i = 0; i < 10; i++)
		swap_out(100);
	assert_true(space->swapped > 100);
	assert_int_equal(swap_off(&swap_inode), 0);
	assert_int_equal(space->swapped, 0);
	assert_int_equal(swap_file.refs, 0);
	memset(swap_disk, 0xff, sizeof(swap_disk));
	for (uint64_t i = 0, value; i < pages; i++) {
		assert_int_equal(user_read(&value, at + i * PAGE_BYTES, 8), 0);
		assert_int_equal(value, i);
	}
	space_put(space);
}

static void test_locked_memory_stays(void **state)
{
	struct space *space = fresh();
	const int64_t at = space_map(space, 0, 100 * PAGE_BYTES, 3,
				     MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED, NULL, 0);

	(void)state;
	assert_true(at > 0);
	assert_int_equal(space->resident, 100);
	assert_int_equal(space->locked_pages, 100);
	swap_file.refs = 1;
	memset(swap_disk, 0, PAGE_BYTES);
	memcpy(swap_disk + PAGE_BYTES - 10, "SWAPSPACE2", 10);
	((uint32_t *)(swap_disk + 1024))[0] = 1;
	((uint32_t *)(swap_disk + 1024))[1] = SWAP_PAGES;
	assert_int_equal(swap_on(&swap_file), 0);
	for (unsigned i = 0; i < 10; i++)
		swap_out(100);
	assert_int_equal(space->swapped, 0);
	assert_int_equal(swap_off(&swap_inode), 0);
	space_put(space);
}

static struct process *victim_of(struct process *process, unsigned count)
{
	const unsigned before = host_signals_sent;

	list_init(&process_all);
	for (unsigned i = 0; i < count; i++)
		list_add_last(&process_all, &process[i].in_all);
	if (!oom_kill() || host_signals_sent == before)
		return NULL;
	for (unsigned i = 0; i < count; i++)
		if (process[i].space->doomed)
			return &process[i];
	return NULL;
}

static void test_choice_of_victim(void **state)
{
	struct space space[3] = {
		{.resident = 5000}, {.resident = 100, .swapped = 500}, {.resident = 300}};
	struct process process[3] = {{.pid = 1, .space = &space[0]},
				     {.pid = 2, .space = &space[1]},
				     {.pid = 3, .space = &space[2]}};

	(void)state;
	assert_ptr_equal(victim_of(process, 3), &process[1]);
	assert_null(victim_of(process, 3)); /* one is on its way out */
	space[1].doomed = false;
	oom_victim_gone();
	process[2].oom_adjust = 1000;
	assert_ptr_equal(victim_of(process, 3), &process[2]);
	space[2].doomed = false;
	oom_victim_gone();
	process[1].oom_adjust = process[2].oom_adjust = -1000;
	assert_null(victim_of(process, 3)); /* init is never chosen */
	assert_false(oom_kill());
	list_init(&process_all);
}

static void test_sharers_of_a_victim(void **state)
{
	struct space space[2] = {{.resident = 5000}, {.resident = 10}};
	struct process process[3] = {{.pid = 1, .space = &space[1]},
				     {.pid = 2, .space = &space[0]},
				     {.pid = 3, .space = &space[0]}};
	const unsigned before = host_signals_sent;

	(void)state;
	process_init = &process[0];
	assert_ptr_equal(victim_of(process, 3), &process[1]);
	assert_int_equal(host_signals_sent, before + 2); /* both of those that have it */
	oom_victim_gone();
	space[0].doomed = false;
	process[1].space = process[2].space = &space[1];
	assert_null(victim_of(process, 3)); /* init's memory is theirs */
	process_init = NULL;
	list_init(&process_all);
}

static void test_doomed_spaces_get_nothing(void **state)
{
	struct space *space = fresh();
	const int64_t at = space_map(space, 0, PAGE_BYTES, 3, MAP_PRIVATE | MAP_ANONYMOUS, NULL, 0);

	(void)state;
	space->doomed = true;
	assert_int_equal(space_fault(space, at, SPACE_WRITE), -ENOMEM);
	space_put(space);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_private_mapping),
		cmocka_unit_test(test_faults_map_what_is_cached_around),
		cmocka_unit_test(test_shared_mapping_and_write_back),
		cmocka_unit_test(test_truncate),
		cmocka_unit_test(test_read_errors),
		cmocka_unit_test(test_permissions_of_the_file),
		cmocka_unit_test(test_poke_into_read_only),
		cmocka_unit_test(test_clean_pages_are_reclaimed),
		cmocka_unit_test(test_bad_swap_headers),
		cmocka_unit_test(test_swap),
		cmocka_unit_test(test_swap_off_reads_back),
		cmocka_unit_test(test_locked_memory_stays),
		cmocka_unit_test(test_choice_of_victim),
		cmocka_unit_test(test_sharers_of_a_victim),
		cmocka_unit_test(test_doomed_spaces_get_nothing),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}

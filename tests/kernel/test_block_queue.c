/* SPDX-License-Identifier: MIT
 *
 * The request queue beside a model: every sector of every bio goes to the disk once, requests are
 * merged as far as they may be, and both elevators keep their order.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <string.h>

#include "guest/block/io.h"
#include "guest/mm/paging.h"
#include "guest/mm/slab.h"
#include "tests/kernel/host.h"

#define MEMORY_BYTES (64u << 20)
#define SECTORS 4096
#define BIOS_MAX 40
#define LOG_MAX 256

/* A driver that only remembers what it got, and answers when it is told to. */
static struct block_request *got[LOG_MAX];
static struct block_request log_of[LOG_MAX];
static unsigned got_count, log_count, room;
static struct block_device disk;
static struct block_queue *queue;
static uint8_t medium[SECTORS];
static uint64_t seed = 7;

static uint32_t random_below(uint32_t limit)
{
	seed = seed * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(seed >> 33) % limit;
}

static bool submit(struct block_device *on, struct block_request *request)
{
	(void)on;
	if (got_count == room)
		return false;
	log_of[log_count++] = *request;
	got[got_count++] = request;
	return true;
}

static void start(struct block_device *on)
{
	(void)on;
}

/* Each sector is one byte here: the first of its 512. */
static struct block_request *take(struct block_device *on)
{
	struct block_request *request;
	uint64_t sector;

	(void)on;
	if (!got_count)
		return NULL;
	request = got[0];
	memmove(got, got + 1, --got_count * sizeof got[0]);
	sector = request->sector;
	for (unsigned i = 0; i < request->piece_count; i++) {
		const struct block_piece *piece = &request->pieces[i];

		assert_int_equal(piece->gpa, (uint64_t)piece->data - DIRECT_BASE);
		for (uint32_t at = 0; at < piece->bytes; at += SECTOR_BYTES, sector++)
			if (request->operation == BLOCK_WRITE)
				medium[sector] = ((uint8_t *)piece->data)[at];
			else
				((uint8_t *)piece->data)[at] = medium[sector];
	}
	assert_int_equal(request->sector + request->sector_count, sector);
	request->failed = false;
	return request;
}

int wait_step(struct wait *wait, enum task_state state, uint64_t deadline_ns)
{
	(void)wait, (void)state, (void)deadline_ns;
	if (!got_count)
		abort();
	disk.interrupted(&disk);
	return 0;
}

static int make_queue(void **state)
{
	(void)state;
	host_ram_start(MEMORY_BYTES);
	if (!queue) {
		disk = (struct block_device){.name = "fake",
					     .sector_count = SECTORS,
					     .request_max = 64,
					     .piece_max = BLOCK_PIECES_MAX,
					     .depth = 4,
					     .submit = submit,
					     .start = start,
					     .take = take};
		queue = block_queue_create(&disk, 1, 2);
		assert_non_null(queue);
	}
	room = 4;
	log_count = 0;
	host_clock_ns += 1000000000;
	memset(queue->count, 0, sizeof queue->count);
	queue->head = 0;
	return 0;
}

static void note_end(struct bio *bio)
{
	bio->sector = UINT64_MAX;
}

static struct bio bio_of(enum block_operation operation, uint64_t sector, uint32_t count,
			 void *data)
{
	return (struct bio){.operation = operation,
			    .sector = sector,
			    .sector_count = count,
			    .data = data,
			    .ended = note_end};
}

/* Submits writes of one sector at these places, plugged, and lets the disk take them one by one. */
static void submit_at(const uint64_t *sectors, unsigned count, struct bio *bios, uint8_t *data)
{
	block_plug(queue);
	for (unsigned i = 0; i < count; i++) {
		bios[i] = bio_of(BLOCK_WRITE, sectors[i], 1, data + (uint64_t)i * 2 * SECTOR_BYTES);
		block_submit(queue, &bios[i]);
	}
	block_unplug(queue);
	while (got_count)
		disk.interrupted(&disk);
	for (unsigned i = 0; i < count; i++)
		assert_int_equal(UINT64_MAX, bios[i].sector);
}

static void test_merges_back_and_front(void **state)
{
	static const uint64_t sectors[] = {100, 101, 102, 99, 98, 200, 97, 201};
	struct bio bios[8];
	uint8_t *data = kmalloc(16 * SECTOR_BYTES);

	(void)state;
	submit_at(sectors, 8, bios, data);
	assert_int_equal(2, log_count);
	assert_int_equal(97, log_of[0].sector);
	assert_int_equal(6, log_of[0].sector_count);
	assert_int_equal(200, log_of[1].sector);
	assert_int_equal(6, queue->count[BLOCK_WRITE].merges);
	kfree(data);
}

/* 11 closes the gap between 10 and 12; and neighbours in memory are one piece. */
static void test_joins_requests(void **state)
{
	static const uint64_t sectors[] = {10, 12, 11};
	struct bio bios[4];
	uint8_t *data = kmalloc(16 * SECTOR_BYTES);

	(void)state;
	submit_at(sectors, 3, bios, data);
	assert_int_equal(1, log_count);
	assert_int_equal(3, log_of[0].sector_count);
	assert_int_equal(3, log_of[0].piece_count);
	log_count = 0;
	block_plug(queue);
	for (unsigned i = 0; i < 4; i++) {
		bios[i] = bio_of(BLOCK_READ, 50 + i, 1, data + i * SECTOR_BYTES);
		block_submit(queue, &bios[i]);
	}
	block_unplug(queue);
	disk.interrupted(&disk);
	assert_int_equal(1, log_count);
	assert_int_equal(1, log_of[0].piece_count);
	kfree(data);
}

static void test_limits_of_a_request(void **state)
{
	uint64_t sectors[40];
	struct bio bios[40];
	uint8_t *data = kmalloc(80 * SECTOR_BYTES);

	(void)state;
	for (unsigned i = 0; i < 40; i++)
		sectors[i] = 1000 + i;
	submit_at(sectors, 40, bios, data);
	assert_int_equal(3, log_count); /* 16 pieces each */
	assert_int_equal(16, log_of[0].piece_count);
	assert_int_equal(8, log_of[2].piece_count);
	log_count = 0;
	for (unsigned i = 0; i < 2; i++)
		bios[i] = bio_of(BLOCK_READ, 40 * i, 40, data + i * 40 * SECTOR_BYTES);
	block_plug(queue);
	block_submit(queue, &bios[0]);
	block_submit(queue, &bios[1]);
	block_unplug(queue);
	disk.interrupted(&disk);
	assert_int_equal(2, log_count); /* 80 sectors are more than one may have */
	kfree(data);
}

static void test_sweep_and_none(void **state)
{
	static const uint64_t sectors[] = {900, 100, 500, 300, 700};
	static const uint64_t sweep[] = {500, 700, 900, 100, 300};
	struct bio bios[5];
	uint8_t *data = kmalloc(16 * SECTOR_BYTES);

	(void)state;
	assert_int_equal(-EINVAL, block_set_elevator(queue, "cfq"));
	queue->head = 400;
	submit_at(sectors, 5, bios, data);
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(sweep[i], log_of[i].sector);
	log_count = 0;
	assert_int_equal(0, block_set_elevator(queue, "none"));
	submit_at(sectors, 5, bios, data);
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(sectors[i], log_of[i].sector);
	assert_int_equal(0, block_set_elevator(queue, "sweep"));
	kfree(data);
}

/* A read behind the head goes first once it has waited for half a second. */
static void test_patience(void **state)
{
	struct bio bios[3];
	uint8_t *data = kmalloc(16 * SECTOR_BYTES);

	(void)state;
	queue->head = 500;
	room = 0;
	bios[0] = bio_of(BLOCK_READ, 100, 1, data);
	block_submit(queue, &bios[0]);
	host_clock_ns += 600000000;
	bios[1] = bio_of(BLOCK_READ, 600, 1, data + 1024);
	block_submit(queue, &bios[1]);
	bios[2] = bio_of(BLOCK_FLUSH, 0, 0, NULL);
	block_submit(queue, &bios[2]);
	room = 4;
	block_plug(queue);
	block_unplug(queue);
	assert_int_equal(100, log_of[0].sector);
	assert_int_equal(BLOCK_FLUSH, log_of[1].operation);
	assert_int_equal(600, log_of[2].sector);
	disk.interrupted(&disk);
	kfree(data);
}

/* Random groups of writes, more than the queue has room for at times, then read back. */
static void test_random_groups(void **state)
{
	static uint8_t model[SECTORS];
	uint8_t *data = kmalloc(BIOS_MAX * 16 * SECTOR_BYTES);

	(void)state;
	memcpy(model, medium, sizeof model);
	for (unsigned round = 0; round < 2000; round++) {
		struct block_io io;
		bool used[SECTORS / 16] = {false};

		block_io_start(&io, queue);
		for (unsigned i = 0; i < BIOS_MAX; i++) {
			const uint32_t slot = random_below(SECTORS / 16);
			const uint32_t count = 1 + random_below(16);
			uint8_t *piece = data + (uint64_t)i * 16 * SECTOR_BYTES;

			if (used[slot])
				continue;
			used[slot] = true;
			for (uint32_t s = 0; s < count; s++)
				model[slot * 16 + s] = piece[s * SECTOR_BYTES] = (uint8_t)
					random_below(256);
			block_io_add(&io, BLOCK_WRITE, slot * 16, piece, count * SECTOR_BYTES);
		}
		log_count = 0;
		assert_int_equal(0, block_io_wait(&io));
	}
	assert_memory_equal(model, medium, SECTORS);
	assert_int_equal(0, queue->waiting);
	assert_int_equal(0, queue->at_driver);
	assert_int_equal(0, queue->plugs);
	for (unsigned i = 0; i < SECTORS; i += 16) {
		log_count = 0;
		assert_int_equal(0, block_io(queue, BLOCK_READ, i, data, 16 * SECTOR_BYTES));
		for (unsigned s = 0; s < 16; s++)
			assert_int_equal(model[i + s], data[s * SECTOR_BYTES]);
	}
	kfree(data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_merges_back_and_front, make_queue),
		cmocka_unit_test_setup(test_joins_requests, make_queue),
		cmocka_unit_test_setup(test_limits_of_a_request, make_queue),
		cmocka_unit_test_setup(test_sweep_and_none, make_queue),
		cmocka_unit_test_setup(test_patience, make_queue),
		cmocka_unit_test_setup(test_random_groups, make_queue),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

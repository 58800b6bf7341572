/* SPDX-License-Identifier: MIT
 *
 * The rings between the VMM and vitrine-slirp: order and contents over many wraps, a full and an empty ring
 * and who rings whose bell, and another side that writes nonsense.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "slirp/frame_ring.h"

struct fixture {
	int fd;
	int sender_bell, receiver_bell; /* what wakes each */
	struct frame_ring sender, receiver;
	void *mapping[2];
};

static struct fixture open_ring(void)
{
	struct fixture f = {.fd = frame_ring_create_pair(),
			    .sender_bell = eventfd(0, EFD_NONBLOCK),
			    .receiver_bell = eventfd(0, EFD_NONBLOCK)};
	struct frame_ring rings[2];

	assert_true(f.fd >= 0);
	assert_int_equal(frame_ring_map(f.fd, f.receiver_bell, rings, &f.mapping[0]), 0);
	f.sender = rings[1];
	assert_int_equal(frame_ring_map(f.fd, f.sender_bell, rings, &f.mapping[1]), 0);
	f.receiver = rings[1];
	return f;
}

static void close_ring(struct fixture *f)
{
	frame_ring_unmap(f->mapping[0]);
	frame_ring_unmap(f->mapping[1]);
	close(f->fd);
	close(f->sender_bell);
	close(f->receiver_bell);
}

static bool has_rung(int bell)
{
	eventfd_t count;

	return eventfd_read(bell, &count) == 0;
}

static bool put(struct frame_ring *ring, uint32_t number, uint32_t len_bytes)
{
	uint8_t *room = frame_ring_reserve(ring, len_bytes);

	if (!room)
		return false;
	memset(room, (int)number, len_bytes);
	frame_ring_commit(ring, len_bytes);
	return true;
}

static bool take(struct frame_ring *ring, uint32_t number, uint32_t len_bytes)
{
	uint32_t len;
	const uint8_t *frame = frame_ring_peek(ring, &len);

	if (!frame)
		return false;
	assert_int_equal(len, len_bytes);
	for (uint32_t i = 0; i < len; i += 1 + len / 16)
		assert_int_equal(frame[i], (uint8_t)number);
	if (len)
		assert_int_equal(frame[len - 1], (uint8_t)number);
	frame_ring_drop(ring);
	return true;
}

/* The same lengths for both sides. */
static uint32_t len_of(uint32_t number)
{
	uint32_t mixed = number * 2654435761u >> 8;

	return mixed % 7 == 0 ? mixed % 66000 : mixed % 1600;
}

static void test_order(void **state)
{
	struct fixture f = open_ring();
	uint32_t sent = 0, taken = 0;

	(void)state;
	while (taken < 50000) {
		unsigned burst = 1 + len_of(sent + taken) % 300;

		while (burst-- && put(&f.sender, sent, len_of(sent)))
			sent++;
		frame_ring_publish(&f.sender);
		for (burst = 1 + len_of(taken) % 200;
		     burst-- && take(&f.receiver, taken, len_of(taken));)
			taken++;
		frame_ring_release(&f.receiver);
		assert_true(taken <= sent);
	}
	while (take(&f.receiver, taken, len_of(taken)))
		taken++;
	assert_int_equal(taken, sent);
	assert_false(f.sender.broken || f.receiver.broken);
	close_ring(&f);
}

static void test_bells(void **state)
{
	struct fixture f = open_ring();
	unsigned count = 0;

	(void)state;
	put(&f.sender, 1, 100);
	frame_ring_publish(&f.sender);
	assert_false(has_rung(f.receiver_bell)); /* it did not say that it sleeps */
	assert_false(frame_ring_sleep(&f.receiver));
	assert_true(take(&f.receiver, 1, 100));
	assert_true(frame_ring_sleep(&f.receiver));
	put(&f.sender, 2, 100);
	assert_false(take(&f.receiver, 2, 100)); /* not published */
	frame_ring_publish(&f.sender);
	assert_true(has_rung(f.receiver_bell));
	put(&f.sender, 3, 100);
	frame_ring_publish(&f.sender);
	assert_false(has_rung(f.receiver_bell)); /* once is enough */

	frame_ring_release(&f.receiver);
	while (put(&f.sender, 0, 1500))
		count++;
	assert_in_range(count, FRAME_RING_BYTES / 1500 - 60, FRAME_RING_BYTES / 1500);
	frame_ring_publish(&f.sender);
	assert_true(frame_ring_wait_for_room(&f.sender));
	assert_true(take(&f.receiver, 2, 100) && take(&f.receiver, 3, 100));
	frame_ring_release(&f.receiver);
	assert_false(has_rung(f.sender_bell)); /* hardly worth while */
	for (unsigned i = 0; i < count; i++)
		assert_true(take(&f.receiver, 0, 1500));
	frame_ring_release(&f.receiver);
	assert_true(has_rung(f.sender_bell));
	assert_false(frame_ring_wait_for_room(&f.sender));
	assert_null(frame_ring_reserve(&f.sender, FRAME_RING_RECORD_MAX));
	close_ring(&f);
}

/* A ring that is kept empty stays at its start: a card that is idle costs few pages. */
static void test_few_pages(void **state)
{
	struct fixture f = open_ring();
	unsigned char resident[FRAME_RING_PAIR_BYTES / 4096];
	unsigned pages = 0;

	(void)state;
	for (uint32_t i = 0; i < 10000; i++) {
		assert_true(put(&f.sender, i, 1514));
		frame_ring_publish(&f.sender);
		assert_true(take(&f.receiver, i, 1514));
		frame_ring_release(&f.receiver);
	}
	assert_int_equal(mincore(f.mapping[0], FRAME_RING_PAIR_BYTES, resident), 0);
	for (unsigned i = 0; i < sizeof(resident); i++)
		pages += resident[i] & 1;
	assert_in_range(pages, 2, 12);
	close_ring(&f);
}

/* The shared part's layout, as another process sees it: head at 0, tail at 64, data at 4096. */
static void test_nonsense(void **state)
{
	static const struct {
		uint32_t head, len;
	} table[] = {
		{FRAME_RING_BYTES + 8, 0},
		{UINT32_MAX, 0},
		{8, 8},
		{16, 9},
		{4096, UINT32_MAX - 1},
		{4096, UINT32_MAX},
		{4096, 4089},
		{FRAME_RING_BYTES, 1u << 31},
		{4, 0},
		{FRAME_RING_BYTES, FRAME_RING_RECORD_MAX + 1},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(table) / sizeof(*table); i++) {
		struct fixture f = open_ring();
		uint8_t *shared = (uint8_t *)f.mapping[0] + FRAME_RING_PAIR_BYTES / 2;
		uint32_t len, tail = 1u << 31;

		memcpy(shared, &table[i].head, 4);
		memcpy(shared + 4096, &table[i].len, 4);
		assert_null(frame_ring_peek(&f.receiver, &len));
		assert_true(f.receiver.broken);
		assert_null(frame_ring_peek(&f.receiver, &len));
		assert_true(frame_ring_sleep(&f.receiver));
		memcpy(shared + 64, &tail, 4); /* ahead of the sender */
		while (!f.sender.broken)
			put(&f.sender, 0, 60000);
		assert_null(frame_ring_reserve(&f.sender, 1));
		assert_true(frame_ring_wait_for_room(&f.sender));
		close_ring(&f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_bells),
		cmocka_unit_test(test_few_pages),
		cmocka_unit_test(test_nonsense),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT
 *
 * The CD-ROM drives of an IDE channel: one with a medium of 50 sectors (and a bit), one without. Packets by PIO and
 * by DMA, sense data, and packets that a hostile guest would send.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dev_fake.h"
#include "ide_fake.h"

#include "ide_host.h"

#define REASON_COMMAND 1
#define REASON_TO_HOST 2
#define REASON_DONE 3

static uint8_t data[131072];

static int setup(void **state)
{
	int err = host_setup(state);

	((struct ide_host *)*state)->channel = 1;
	return err;
}

/* Sends a packet; limit is the byte count register's. */
static void packet(struct ide_host *h, uint8_t device, uint8_t feature, unsigned limit,
		   const uint8_t bytes[12])
{
	out(h, DEVICE, device);
	out(h, FEATURES, feature);
	out(h, LBA_MID, limit);
	out(h, LBA_HIGH, limit >> 8);
	out(h, COMMAND, 0xa0);
	assert_int_equal(alt_status(h) & (BSY | DRQ | ERR), DRQ);
	assert_int_equal(in(h, COUNT), REASON_COMMAND);
	assert_false(line(h));
	write_data(h, bytes, 12, 2);
}

static void assert_good(struct ide_host *h)
{
	assert_int_equal(take_irq(h) & (BSY | DRQ | ERR), 0);
	assert_int_equal(in(h, COUNT), REASON_DONE);
}

/* Takes an answer by PIO, block by block; how long it was. */
static unsigned take(struct ide_host *h, unsigned limit)
{
	unsigned total = 0;

	for (;;) {
		uint8_t status = take_irq(h);

		assert_int_equal(status & (BSY | ERR), 0);
		if (!(status & DRQ))
			break;
		unsigned count = in(h, LBA_MID) | (unsigned)in(h, LBA_HIGH) << 8;

		assert_int_equal(in(h, COUNT), REASON_TO_HOST);
		assert_in_range(count, 1, limit);
		read_data(h, data + total, count + count % 2, 2);
		total += count;
	}
	assert_int_equal(in(h, COUNT), REASON_DONE);
	return total;
}

static unsigned ask(struct ide_host *h, uint8_t device, const uint8_t bytes[12])
{
	packet(h, device, 0, 0xfffe, bytes);
	return take(h, 0xfffe);
}

/* CHECK CONDITION with this key; then REQUEST SENSE says it with all particulars, and once. */
static void assert_sense(struct ide_host *h, uint8_t device, uint8_t key, uint8_t asc)
{
	static const uint8_t request_sense[12] = {0x03, 0, 0, 0, 18};

	assert_int_equal(take_irq(h) & (BSY | DRQ | ERR), ERR);
	assert_int_equal(in(h, FEATURES), key << 4 | ABRT);
	assert_int_equal(ask(h, device, request_sense), 18);
	assert_int_equal(data[0], 0x70);
	assert_int_equal(data[2], key);
	assert_int_equal(data[12], asc);
	assert_int_equal(ask(h, device, request_sense), 18);
	assert_int_equal(data[2], 0);
}

/* After a reset each drive says so once. */
static void take_attention(struct ide_host *h, uint8_t device)
{
	packet(h, device, 0, 0xfffe, (uint8_t[12]){0});
	assert_sense(h, device, 0x6, 0x29);
}

static void test_attention(void **state)
{
	struct ide_host *h = *state;

	take_attention(h, 0);
	packet(h, 0, 0, 0, (uint8_t[12]){0});
	assert_good(h);
	out(h, COMMAND, 0x08); /* DEVICE RESET */
	assert_int_equal(alt_status(h), 0);
	assert_int_equal(in(h, LBA_HIGH), 0xeb);
	assert_false(line(h));
	take_attention(h, 0);
}

static void test_inquiry(void **state)
{
	static const uint8_t inquiry[12] = {0x12, 0, 0, 0, 255}, five[12] = {0x12, 0, 0, 0, 5},
			     none[12] = {0x12}, vital[12] = {0x12, 1, 0x80, 0, 255};
	struct ide_host *h = *state;

	for (unsigned device = 0; device <= 0x10; device += 0x10) {
		assert_int_equal(ask(h, (uint8_t)device, inquiry), 36);
		assert_int_equal(data[0], 5);
		assert_int_equal(data[1], 0x80);
		assert_memory_equal(data + 8, "VITRINE CD-ROM          ", 24);
		assert_int_equal(ask(h, (uint8_t)device, five), 5);
		assert_int_equal(ask(h, (uint8_t)device, none), 0);
	}
	take_attention(h, 0); /* it waited all the time */
	packet(h, 0, 0, 0, vital);
	assert_sense(h, 0, 5, 0x24);
}

static void test_capacity(void **state)
{
	struct ide_host *h = *state;

	take_attention(h, 0);
	assert_int_equal(ask(h, 0, (uint8_t[12]){0x25}), 8);
	assert_memory_equal(data, "\0\0\0\x31\0\0\x08\0", 8);
}

static const struct {
	uint8_t bytes[12];
	unsigned sector, count;
} reads[] = {
	{{0x28, 0, 0, 0, 0, 0, 0, 0, 1}, 0, 1},
	{{0x28, 0, 0, 0, 0, 49, 0, 0, 1}, 49, 1},
	{{0x28, 0, 0, 0, 0, 3, 0, 0, 40}, 3, 40}, /* more than the buffer */
	{{0xa8, 0, 0, 0, 0, 0, 0, 0, 0, 50}, 0, 50},
};

static void test_read_pio(void **state)
{
	static const unsigned limits[] = {2048, 0xfffe, 0xffff, 0, 2, 3, 1000, 32768};
	struct ide_host *h = *state;

	fill(h->cd, 0, CD_BYTES / 512);
	take_attention(h, 0);
	for (size_t l = 0; l < sizeof(limits) / sizeof(*limits); l++)
		for (size_t i = 0; i < sizeof(reads) / sizeof(*reads); i++) {
			unsigned most = limits[l] & 0xfffe ? limits[l] & 0xfffe : 0xfffe;

			packet(h, 0, 0, limits[l], reads[i].bytes);
			assert_int_equal(take(h, most), reads[i].count * 2048);
			assert_memory_equal(data, h->cd->data + reads[i].sector * 2048,
					    reads[i].count * 2048);
		}
}

static void test_read_dma(void **state)
{
	struct ide_host *h = *state;

	fill(h->cd, 0, CD_BYTES / 512);
	take_attention(h, 0);
	for (size_t i = 0; i < sizeof(reads) / sizeof(*reads); i++) {
		put_prd(h, 0x1000, 0, 0x20000, 0, false);
		put_prd(h, 0x1000, 1, 0x30000, 0, true);
		bm_out(h, 4, 4, 0x1000);
		packet(h, 0, 1, 0, reads[i].bytes);
		fake_run();
		assert_false(line(h));
		bm_out(h, 0, 1, 9);
		assert_good(h);
		bm_out(h, 0, 1, 8);
		gmem_read(&h->mem, 0x20000, data, reads[i].count * 2048);
		assert_memory_equal(data, h->cd->data + reads[i].sector * 2048,
				    reads[i].count * 2048);
	}
	/* an answer that comes from no medium */
	put_prd(h, 0x1000, 0, 0x20001, 36, true);
	packet(h, 0, 1, 0, (uint8_t[12]){0x12, 0, 0, 0, 36});
	bm_out(h, 0, 1, 9);
	assert_good(h);
	assert_int_equal(bm_in(h, 2, 1) & 7, 4);
	gmem_read(&h->mem, 0x20000, data, 36);
	assert_memory_equal(data + 8, "VITRINE CD-ROM", 14);
	bm_out(h, 0, 1, 8);
	/* no memory there */
	put_prd(h, 0x1000, 0, 0xf0000000, 36, true);
	packet(h, 0, 1, 0, (uint8_t[12]){0x12, 0, 0, 0, 36});
	bm_out(h, 0, 1, 9);
	fake_run();
	assert_int_equal(bm_in(h, 2, 1) & 7, 6);
	assert_int_equal(take_irq(h) & (BSY | DRQ | ERR), ERR);
	bm_out(h, 0, 1, 8);
	/* the other drive has no DMA */
	out(h, DEVICE, 0x10);
	out(h, FEATURES, 1);
	out(h, COMMAND, 0xa0);
	assert_failed(h, ABRT);
}

static void test_read_range(void **state)
{
	static const struct {
		uint8_t bytes[12];
		bool good;
	} table[] = {
		{{0x28, 0, 0, 0, 0, 50, 0, 0, 1}, false},
		{{0x28, 0, 0, 0, 0, 49, 0, 0, 2}, false},
		{{0x28, 0, 0, 0, 0, 50, 0, 0, 0}, true},
		{{0x28, 0, 0, 0, 0, 51, 0, 0, 0}, false},
		{{0x28, 0, 0xff, 0xff, 0xff, 0xff, 0, 0xff, 0xff}, false},
		{{0xa8, 0, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff}, false},
		{{0xa8, 0, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 1}, false},
		{{0xa8, 0, 0, 0, 0, 0, 0, 0, 0, 51}, false},
	};
	struct ide_host *h = *state;

	take_attention(h, 0);
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		packet(h, 0, 0, 2048, table[i].bytes);
		if (table[i].good)
			assert_good(h);
		else
			assert_sense(h, 0, 5, 0x21);
	}
	assert_int_equal(h->cd->reads, 0);
	h->cd->error = -EIO;
	packet(h, 0, 0, 2048, (uint8_t[12]){0x28, 0, 0, 0, 0, 0, 0, 0, 1});
	assert_sense(h, 0, 3, 0x11);
}

static void test_no_medium(void **state)
{
	static const uint8_t needs[] = {0x00, 0x25, 0x28, 0xa8, 0x43, 0x2b};
	struct ide_host *h = *state;

	take_attention(h, 0x10);
	for (size_t i = 0; i < sizeof(needs); i++) {
		packet(h, 0x10, 0, 2048, (uint8_t[12]){needs[i]});
		assert_sense(h, 0x10, 2, 0x3a);
	}
	assert_int_equal(ask(h, 0x10, (uint8_t[12]){0x4a, 1, 0, 0, 0x10, 0, 0, 0, 8}), 8);
	assert_int_equal(data[5], 0);
}

static void test_toc(void **state)
{
	struct ide_host *h = *state;

	take_attention(h, 0);
	assert_int_equal(ask(h, 0, (uint8_t[12]){0x43, 0, 0, 0, 0, 0, 0, 0, 255}), 20);
	assert_memory_equal(data, "\0\x12\1\1\0\x14\1\0\0\0\0\0\0\x14\xaa\0\0\0\0\x32", 20);
	assert_int_equal(ask(h, 0, (uint8_t[12]){0x43, 2, 0, 0, 0, 0, 0xaa, 0, 255}), 12);
	assert_memory_equal(data, "\0\x0a\1\1\0\x14\xaa\0\0\0\x02\x32", 12); /* 2 s, frame 50 */
	assert_int_equal(ask(h, 0, (uint8_t[12]){0x43, 0, 1, 0, 0, 0, 0, 0, 255}), 12);
	assert_int_equal(ask(h, 0, (uint8_t[12]){0x43, 0, 0, 0, 0, 0, 0, 0, 255, 0x40}), 12);
	assert_int_equal(ask(h, 0, (uint8_t[12]){0x43, 0, 0, 0, 0, 0, 0, 0, 6}), 6);
	packet(h, 0, 0, 2048, (uint8_t[12]){0x43, 0, 0, 0, 0, 0, 2, 0, 255});
	assert_sense(h, 0, 5, 0x24);
	packet(h, 0, 0, 2048, (uint8_t[12]){0x43, 0, 5, 0, 0, 0, 0, 0, 255});
	assert_sense(h, 0, 5, 0x24);
}

static void test_mode_and_events(void **state)
{
	struct ide_host *h = *state;

	take_attention(h, 0);
	assert_int_equal(ask(h, 0, (uint8_t[12]){0x5a, 0, 0x2a, 0, 0, 0, 0, 0, 128}), 28);
	assert_int_equal(data[1], 26);
	assert_int_equal(data[8], 0x2a);
	assert_int_equal(ask(h, 0, (uint8_t[12]){0x5a, 0, 0x01, 0, 0, 0, 0, 0, 128}), 16);
	assert_int_equal(ask(h, 0, (uint8_t[12]){0x5a, 0, 0x3f, 0, 0, 0, 0, 1, 0}), 36);
	packet(h, 0, 0, 128, (uint8_t[12]){0x5a, 0, 0x0e, 0, 0, 0, 0, 0, 128});
	assert_sense(h, 0, 5, 0x24);
	assert_int_equal(ask(h, 0, (uint8_t[12]){0x4a, 1, 0, 0, 0x10, 0, 0, 0, 8}), 8);
	assert_int_equal(data[2], 4);
	assert_int_equal(data[5], 2);
	assert_int_equal(ask(h, 0, (uint8_t[12]){0x4a, 1, 0, 0, 0x02, 0, 0, 0, 8}), 4);
	packet(h, 0, 0, 128, (uint8_t[12]){0x4a, 0, 0, 0, 0x10, 0, 0, 0, 8});
	assert_sense(h, 0, 5, 0x24);
	packet(h, 0, 0, 128, (uint8_t[12]){0x1e, 0, 0, 0, 1});
	assert_good(h);
	packet(h, 0, 0, 128, (uint8_t[12]){0x1b, 0, 0, 0, 1});
	assert_good(h);
	packet(h, 0, 0, 128, (uint8_t[12]){0x1b, 0, 0, 0, 2}); /* eject */
	assert_sense(h, 0, 5, 0x24);
}

/* Every packet with every byte set, and a reset in each of its phases. */
static void test_hostile_packets(void **state)
{
	struct ide_host *h = *state;
	uint8_t bytes[12];

	for (unsigned code = 0; code < 256; code++)
		for (unsigned feature = 0; feature < 2; feature++) {
			memset(bytes, 0xff, sizeof(bytes));
			bytes[0] = (uint8_t)code;
			packet(h, 0, (uint8_t)feature, 1, bytes);
			out(h, COMMAND, 0xa0); /* as if nothing were */
			fake_run();
			if (alt_status(h) & DRQ)
				read_data(h, data, 4, 2);
			out(h, COMMAND, 0x08);
			fake_run();
			assert_int_equal(alt_status(h), 0);
			assert_false(line(h));
		}
	h->cd->delayed = true;
	take_attention(h, 0);
	packet(h, 0, 0, 2048, reads[2].bytes);
	fake_run();
	out(h, COMMAND, 0x08);
	assert_false(fake_complete(h->cd));
	assert_int_equal(alt_status(h), 0);
	take_attention(h, 0);
	packet(h, 0, 0, 2048, reads[0].bytes);
	fake_run();
	assert_true(fake_complete(h->cd));
	assert_int_equal(take(h, 2048), 2048);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, host_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_attention),	    TEST(test_inquiry),	 TEST(test_capacity),
		TEST(test_read_pio),	    TEST(test_read_dma), TEST(test_read_range),
		TEST(test_no_medium),	    TEST(test_toc),	 TEST(test_mode_and_events),
		TEST(test_hostile_packets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT
 *
 * The NE2000 in conversation with a driver that does what Linux's ne2k-pci does, and with one that
 * means harm.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "nic_fake.h"

#include "bus/pci.h"
#include "dev/ne2000.h"

#define CR 0x00
#define DATA 0x10
#define RESET 0x1f
#define TX_PAGE 0x40
#define RX_START 0x4c
#define RX_STOP 0x80
#define PAGE0 0x00
#define PAGE1 0x40
#define PAGE2 0x80
#define PAGE3 0xc0
#define STOP 0x21 /* and no DMA */
#define START 0x22
#define SEND 0x26

static struct device *card;

static void out(unsigned port, uint8_t value)
{
	dev_write(card, port, value);
}

static uint8_t in(unsigned port)
{
	return dev_read(card, port);
}

static bool line_is_up(void)
{
	return ((struct pci_function *)(void *)card)->intx_level;
}

/* --- what a driver does */

static void driver_init(void)
{
	static const uint8_t mac[6] = {0x52, 0x54, 0x00, 0x12, 0x34, 0x56};

	out(CR, STOP | PAGE0);
	out(0x0e, 0x49); /* words */
	out(0x0a, 0);
	out(0x0b, 0);
	out(0x0c, 0x20); /* receiver off */
	out(0x0d, 0x02); /* loopback */
	out(0x04, TX_PAGE);
	out(0x01, RX_START);
	out(0x03, RX_STOP - 1);
	out(0x02, RX_STOP);
	out(0x07, 0xff);
	out(0x0f, 0);
	out(CR, STOP | PAGE1);
	for (unsigned i = 0; i < 6; i++)
		out(1 + i, mac[i]);
	out(0x07, RX_START);
	out(CR, STOP | PAGE0);
	out(0x07, 0xff);
	out(0x0f, 0x3f);
	out(CR, START);
	out(0x0d, 0x00);
	out(0x0c, 0x04); /* broadcast */
	fake_thread_run();
}

static void dma_setup(unsigned address, unsigned len, uint8_t command)
{
	out(CR, START);
	out(0x0a, (uint8_t)len);
	out(0x0b, (uint8_t)(len >> 8));
	out(0x08, (uint8_t)address);
	out(0x09, (uint8_t)(address >> 8));
	out(CR, command);
}

static void block_read(unsigned address, void *to, unsigned len)
{
	uint8_t *at = to;

	dma_setup(address, len, 0x0a);
	for (unsigned i = 0; i < len; i += 2) {
		uint64_t word = dev_read_wide(card, 0, DATA, 2);

		at[i] = (uint8_t)word;
		if (i + 1 < len)
			at[i + 1] = (uint8_t)(word >> 8);
	}
	assert_int_equal(in(0x07) & 0x40, 0x40);
	out(0x07, 0x40);
}

static void block_write(unsigned address, const void *from, unsigned len)
{
	const uint8_t *at = from;

	dma_setup(address, len, 0x12);
	for (unsigned i = 0; i + 4 <= len; i += 4) {
		uint32_t value;

		memcpy(&value, at + i, 4);
		dev_write_wide(card, 0, DATA, 4, value);
	}
	for (unsigned i = len & ~3u; i < len; i += 2)
		dev_write_wide(card, 0, DATA, 2, at[i] | (unsigned)at[i + 1] << 8);
	assert_int_equal(in(0x07) & 0x40, 0x40);
	out(0x07, 0x40);
}

static void transmit(const void *frame, unsigned len)
{
	block_write(TX_PAGE << 8, frame, len);
	out(0x05, (uint8_t)len);
	out(0x06, (uint8_t)(len >> 8));
	out(0x04, TX_PAGE);
	out(CR, SEND);
	fake_thread_run();
}

static uint8_t current_page(void)
{
	out(CR, START | PAGE1);
	uint8_t page = in(0x07);

	out(CR, START | PAGE0);
	return page;
}

/* Takes the next frame as Linux's ei_receive() does. Its length, 0: none. */
static unsigned receive(uint8_t *frame)
{
	unsigned page = in(0x03) + 1u, len;
	uint8_t header[4];

	if (page >= RX_STOP)
		page = RX_START;
	if (page == current_page())
		return 0;
	block_read(page << 8, header, 4);
	len = header[2] + 256u * header[3] - 4;
	assert_int_equal(header[0] & 1, 1);
	block_read((page << 8) + 4, frame, (len + 1) & ~1u);
	unsigned expected = page + 1 + ((len + 4) >> 8), next = header[1];

	if (expected >= RX_STOP)
		expected -= RX_STOP - RX_START;
	unsigned behind = expected + 1 >= RX_STOP ? RX_START : expected + 1;

	assert_true(next == expected || next == behind);
	out(0x03, (uint8_t)(next - 1)); /* in front of the ring, if next is its first page */
	return len;
}

static int setup(void **state)
{
	static struct nic_options options;
	struct device_setup device_setup = {.loop = fake_loop(), .options = &options};

	(void)state;
	wire_init(0);
	options.net = &wire;
	return device_create(&ne2000_ops, "net0", &device_setup, &card);
}

static int setup_up(void **state)
{
	int err = setup(state);

	if (!err)
		driver_init();
	return err;
}

static int teardown(void **state)
{
	(void)state;
	device_destroy(card);
	wire_clear();
	return 0;
}

static unsigned make_frame(uint8_t *frame, unsigned len, uint8_t seed)
{
	static const uint8_t head[14] = {0x52, 0x54, 0, 0x12, 0x34, 0x56, 2, 0, 0, 0, 0, 1, 8, 0};

	memcpy(frame, head, sizeof(head));
	for (unsigned i = sizeof(head); i < len; i++)
		frame[i] = (uint8_t)(i * 5 + seed);
	return len;
}

/* --- tests */

/* As ne2k-pci finds the card and its address. */
static void test_probe(void **state)
{
	static const uint8_t mac[6] = {0x52, 0x54, 0x00, 0x12, 0x34, 0x56};
	struct pci_function *fn = (struct pci_function *)(void *)card;
	uint8_t prom[32];

	(void)state;
	assert_int_equal(pci_get32(fn, PCI_VENDOR_ID), 0x802910ec);
	assert_int_equal(fn->bar[0].space, BUS_PIO);
	assert_int_equal(fn->bar[0].size_bytes, 32);
	assert_int_not_equal(in(CR), 0xff);
	out(RESET, in(RESET));
	assert_int_equal(in(0x07) & 0x80, 0x80);
	out(0x07, 0xff);
	assert_int_equal(in(0x0a), 'P');
	assert_int_equal(in(0x0b), 'C');
	out(CR, STOP);
	out(0x0e, 0x49);
	dma_setup(0, 32, 0x0a);
	for (unsigned i = 0; i < 32; i++)
		prom[i] = (uint8_t)dev_read_wide(card, 0, DATA, 1);
	assert_memory_equal(prom, mac, 6);
	assert_int_equal(prom[14], 0x57);
	assert_int_equal(prom[15], 0x57);
	out(0x0e, 0x48); /* bytes: each of them twice */
	dma_setup(0, 32, 0x0a);
	for (unsigned i = 0; i < 32; i++)
		prom[i] = (uint8_t)dev_read_wide(card, 0, DATA, 1);
	for (unsigned i = 0; i < 6; i++)
		assert_int_equal(prom[2 * i + 1], mac[i]);
	assert_int_equal(dev_read_wide(card, 0, DATA, 2), 0xffff); /* the count is used up */
}

static void test_memory(void **state)
{
	static uint8_t wrote[0x8000], read[0x8000];

	(void)state;
	for (unsigned i = 0; i < sizeof(wrote); i++)
		wrote[i] = (uint8_t)(i * 11 + i / 256);
	out(0x02, 0xc0); /* no wrap in the middle */
	block_write(0x4000, wrote, sizeof(wrote));
	block_read(0x4000, read, sizeof(read));
	assert_memory_equal(read, wrote, sizeof(wrote));
	uint32_t word;

	dma_setup(0x4000, 8, 0x0a);
	word = (uint32_t)dev_read_wide(card, 0, DATA, 4);
	assert_memory_equal(&word, wrote, 4);
	word = (uint32_t)dev_read_wide(card, 0, DATA, 1);
	assert_int_equal(word, wrote[4]); /* of a word, all of which is taken */
	assert_int_equal(dev_read_wide(card, 0, DATA, 1), wrote[6]);
	block_write(0x3000, wrote, 16); /* nothing there */
	block_read(0x3000, read, 16);
	for (unsigned i = 0; i < 16; i++)
		assert_int_equal(read[i], 0xff);
}

/* INS and OUTS move the same bytes as single accesses, around the ring's end, of any width. */
static void test_strings(void **state)
{
	static uint8_t wrote[0x4000], expected[0x1000], got[0x1000 + 4];

	(void)state;
	for (unsigned i = 0; i < sizeof(wrote); i++)
		wrote[i] = (uint8_t)(i * 17 + i / 256);
	dma_setup(0x4000, sizeof(wrote), 0x12);
	ne2000_ops.write_string(card, 0, DATA, 2, wrote, 100);
	ne2000_ops.write_string(card, 0, DATA, 4, wrote + 200, (sizeof(wrote) - 200) / 4);
	assert_int_equal(in(0x07) & 0x40, 0x40);
	for (unsigned n = 0; n < 300; n++) {
		static const unsigned widths[] = {1, 2, 4};
		unsigned width = widths[n % 3], address = 0x7000 + n * 17, len = n * 13 % 4096;

		out(0x0e, n & 1 ? 0x49 : 0x48);
		memset(expected, 0xee, sizeof(expected));
		memset(got, 0xee, sizeof(got));
		dma_setup(address, len, 0x0a);
		for (unsigned at = 0; at + width <= len; at += width) {
			uint64_t value = dev_read_wide(card, 0, DATA, width);

			memcpy(expected + at, &value, width);
		}
		uint8_t isr = in(0x07);

		out(0x07, 0x40);
		dma_setup(address, len, 0x0a);
		assert_true(ne2000_ops.read_string(card, 0, DATA, width, got, len / width));
		assert_memory_equal(got, expected, sizeof(expected));
		assert_int_equal(in(0x07), isr);
		out(0x07, 0x40);
	}
	assert_false(ne2000_ops.read_string(card, 0, 0x07, 1, got, 1));
}

static void test_transmit(void **state)
{
	uint8_t frame[1514];
	size_t sent;

	(void)state;
	for (unsigned len = 60; len <= 1514; len += 242) {
		unsigned n = wire.sent_count;

		make_frame(frame, len, (uint8_t)len);
		transmit(frame, len);
		assert_int_equal(wire.sent_count, n + 1);
		assert_memory_equal(wire_sent(n, &sent), frame, len);
		assert_int_equal(sent, len);
		assert_int_equal(in(0x04) & 1, 1);
		assert_int_equal(in(CR)&4, 0);
		assert_true(line_is_up());
		out(0x07, 0x02);
		assert_false(line_is_up());
	}
}

/* While the back end is full TXP stays, and no interrupt comes. */
static void test_transmit_waits(void **state)
{
	uint8_t frame[100];

	(void)state;
	wire.send_room = 0;
	transmit(frame, make_frame(frame, sizeof(frame), 1));
	assert_int_equal(in(CR)&4, 4);
	assert_false(line_is_up());
	wire.send_room = 10;
	wire.writable(wire.ctx);
	assert_int_equal(wire.sent_count, 1);
	assert_int_equal(in(CR)&4, 0);
	assert_true(line_is_up());
}

static void test_transmit_and_reset(void **state)
{
	uint8_t frame[100];

	(void)state;
	wire.send_room = 0;
	transmit(frame, make_frame(frame, sizeof(frame), 1));
	in(RESET);
	driver_init();
	wire.send_room = 10;
	wire.writable(wire.ctx);
	assert_false(line_is_up()); /* of the frame before the reset nobody hears */
	transmit(frame, 100);
	assert_int_equal(wire.sent_count, 2);
	assert_true(line_is_up());
}

static void test_loopback_sends_nothing(void **state)
{
	uint8_t frame[100];

	(void)state;
	out(0x0d, 0x02);
	transmit(frame, make_frame(frame, sizeof(frame), 1));
	assert_int_equal(wire.sent_count, 0);
	assert_int_equal(in(0x07) & 2, 2);
}

static void test_receive(void **state)
{
	uint8_t frame[1514], got[2048];

	(void)state;
	for (unsigned len = 42; len <= 1514; len += 7) { /* many times around the ring */
		unsigned wire_len = len < 60 ? 60 : len;

		memset(frame, 0, sizeof(frame));
		make_frame(frame, len, (uint8_t)len);
		wire_put(frame, len);
		wire_tell();
		assert_true(line_is_up());
		assert_int_equal(in(0x07) & 1, 1);
		assert_int_equal(receive(got), wire_len);
		out(0x07, 1);
		assert_false(line_is_up());
		assert_memory_equal(got, frame, wire_len);
		assert_int_equal(receive(got), 0);
	}
}

/* The ring fills up: frames wait, all come in the end, OVW never does. */
static void test_ring_full(void **state)
{
	uint8_t frame[1514], got[2048];
	unsigned seen = 0, rounds = 0;

	(void)state;
	for (unsigned i = 0; i < 200; i++)
		wire_put(frame, make_frame(frame, 200 + i * 6, (uint8_t)i));
	wire_tell();
	while (seen < 200 && rounds++ < 1000) {
		unsigned len = receive(got);

		assert_int_equal(in(0x07) & 0x10, 0);
		fake_thread_run();
		if (!len)
			continue;
		make_frame(frame, 200 + seen * 6, (uint8_t)seen);
		assert_int_equal(len, 200 + seen * 6);
		assert_memory_equal(got, frame, len);
		seen++;
	}
	assert_int_equal(seen, 200);
}

/* A frame that comes after the driver's last look and before its acknowledgement is not
 * forgotten. */
static void test_late_frame(void **state)
{
	uint8_t frame[300], got[2048];

	(void)state;
	wire_put(frame, make_frame(frame, sizeof(frame), 1));
	wire_tell();
	assert_int_equal(receive(got), sizeof(frame));
	assert_int_equal(receive(got), 0);
	wire_put(frame, sizeof(frame));
	wire_tell();
	out(0x07, 1);
	assert_true(line_is_up());
	assert_int_equal(receive(got), sizeof(frame));
	assert_int_equal(receive(got), 0);
	out(0x07, 1);
	assert_false(line_is_up());
}

/* What Linux's ei_rx_overrun() does, in the middle of traffic. */
static void test_overrun_procedure(void **state)
{
	uint8_t frame[500], got[2048];

	(void)state;
	for (unsigned i = 0; i < 60; i++)
		wire_put(frame, make_frame(frame, 500, (uint8_t)i));
	wire_tell();
	out(CR, STOP);
	out(0x0a, 0);
	out(0x0b, 0);
	assert_int_equal(in(0x07) & 0x80, 0x80);
	out(0x0d, 0x02);
	out(CR, START);
	assert_int_equal(in(0x07) & 0x80, 0);
	unsigned seen = 0, last = 0;

	while ((last = receive(got)))
		assert_int_equal(got[20], (uint8_t)(20 * 5 + seen++));
	assert_true(seen > 0 && seen < 60);
	out(0x07, 0x10);
	out(0x0d, 0x00);
	fake_thread_run();
	for (unsigned i = 0; i < 200 && seen < 60; i++) {
		if (receive(got))
			assert_int_equal(got[20], (uint8_t)(20 * 5 + seen++));
		fake_thread_run();
	}
	assert_int_equal(seen, 60);
}

static void test_filters(void **state)
{
	static const struct {
		uint8_t destination[6], rcr;
		bool wanted;
	} rows[] = {
		{{0x52, 0x54, 0, 0x12, 0x34, 0x56}, 0x00, true},
		{{0x52, 0x54, 0, 0x12, 0x34, 0x57}, 0x0c, false},
		{{0x52, 0x54, 0, 0x12, 0x34, 0x57}, 0x10, true},
		{{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, 0x00, false},
		{{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, 0x04, true},
		{{0x01, 0x00, 0x5e, 0, 0, 1}, 0x04, false},
		{{0x01, 0x00, 0x5e, 0, 0, 1}, 0x0c, true}, /* hash 0x1f */
		{{0x01, 0x00, 0x5e, 0, 0, 2}, 0x0c, false},
	};
	uint8_t frame[64] = {0}, got[2048];

	(void)state;
	out(CR, START | PAGE1);
	for (unsigned i = 0; i < 8; i++)
		out(8 + i, 0);
	out(8 + 0x1f / 8, 1 << 0x1f % 8);
	out(CR, START | PAGE0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		memcpy(frame, rows[i].destination, 6);
		out(0x0c, rows[i].rcr);
		wire_put(frame, sizeof(frame));
		wire_tell();
		assert_int_equal(receive(got), rows[i].wanted ? 64 : 0);
	}
}

static void test_pages(void **state)
{
	(void)state;
	out(CR, START | PAGE2);
	assert_int_equal(in(0x01), RX_START);
	assert_int_equal(in(0x02), RX_STOP);
	assert_int_equal(in(0x0e), 0xc9);
	assert_int_equal(in(0x0f), 0xbf);
	out(0x01, 0x55); /* for reading only */
	assert_int_equal(in(0x01), RX_START);
	out(CR, START | PAGE3);
	out(0x06, 0x40);
	assert_int_equal(in(0x06), 0); /* locked */
	out(0x01, 0xc0);
	out(0x06, 0x40); /* full duplex, as Linux sets it */
	assert_int_equal(in(0x06), 0x40);
	assert_int_equal(in(0x0e), 0x29);
	out(CR, START | PAGE0);
}

/* Any rings, any addresses: frames come, commands are given, and the card works afterwards. */
static void test_hostile(void **state)
{
	static const uint8_t values[] = {0,    1,    0x3f, 0x40, 0x41, 0x4c,
					 0x7f, 0x80, 0xbf, 0xc0, 0xff};
	const unsigned count = sizeof(values);
	uint8_t frame[1514], got[2048];

	(void)state;
	make_frame(frame, sizeof(frame), 3);
	for (unsigned n = 0; n < count * count * count * count; n++) {
		if (wire.coming_count > WIRE_FRAMES - 10 || wire.sent_count > WIRE_FRAMES - 10)
			wire_clear();
		out(CR, STOP);
		out(0x01, values[n % count]);
		out(0x02, values[n / count % count]);
		out(0x03, values[n / count / count % count]);
		out(CR, STOP | PAGE1);
		out(0x07, values[n / count / count / count]);
		out(CR, START);
		out(0x0c, 0x1c);
		wire_put(frame, n % 7 ? sizeof(frame) : 60);
		wire_put(frame, 61);
		wire_tell();
	}
	for (unsigned n = 0; n < count * count * count; n++) {
		out(0x04, values[n % count]);
		out(0x05, values[n / count % count]);
		out(0x06, values[n / count / count]);
		out(CR, SEND);
		fake_thread_run();
		wire_clear();
		dma_setup(values[n % count] * 257u, values[n / count % count] * 257u,
			  n & 1 ? 0x0a : 0x12);
		for (unsigned i = 0; i < 40; i++) {
			dev_read_wide(card, 0, DATA, 1u << i % 4);
			dev_write_wide(card, 0, DATA, 1u << i % 4, n);
		}
	}
	in(RESET);
	driver_init();
	while (receive(got)) {
	}
	wire_clear();
	transmit(frame, 100);
	assert_int_equal(wire.sent_count, 1);
	wire_put(frame, 100);
	wire_tell();
	assert_int_equal(receive(got), 100);
}

#define TEST(fn, up) cmocka_unit_test_setup_teardown(fn, up, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_probe, setup),
		TEST(test_memory, setup_up),
		TEST(test_strings, setup_up),
		TEST(test_transmit, setup_up),
		TEST(test_transmit_waits, setup_up),
		TEST(test_transmit_and_reset, setup_up),
		TEST(test_loopback_sends_nothing, setup_up),
		TEST(test_receive, setup_up),
		TEST(test_ring_full, setup_up),
		TEST(test_late_frame, setup_up),
		TEST(test_overrun_procedure, setup_up),
		TEST(test_filters, setup_up),
		TEST(test_pages, setup_up),
		TEST(test_hostile, setup_up),
	};

	return cmocka_run_group_tests_name("ne2000", tests, NULL, NULL);
}

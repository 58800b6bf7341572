/* SPDX-License-Identifier: MIT
 *
 * What an e1000 receives: filters, sizes, checksums, buffers that run out, interrupts.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "e1000_fixture.h"
#include "ip_packets.h"

static int setup(void **state)
{
	(void)state;
	return card_create(0);
}

static int teardown(void **state)
{
	(void)state;
	wire_mtu = 1500;
	return card_destroy();
}

static void use_mtu(uint16_t mtu)
{
	card_destroy();
	wire_mtu = mtu;
	assert_int_equal(card_create(0), 0);
}

static void arrive(const void *frame, size_t len)
{
	wire_put(frame, len);
	wire_tell();
}

static void test_one_frame(void **state)
{
	uint8_t frame[1514];
	size_t len = make_packet(frame, false, 6, 1460);

	(void)state;
	finish_sums(frame, len);
	rx_start(RING_COUNT, RCTL_BAM);
	memset(gmem_slice(&ram, RX_BUFFERS, 0x1000), 0xee, 0x1000);
	arrive(frame, len);
	struct e1000_rx_desc desc = rx_desc_get(0);

	assert_int_equal(desc.status & (RXD_DD | RXD_EOP), RXD_DD | RXD_EOP);
	assert_int_equal(desc.errors, 0);
	assert_int_equal(desc.len_bytes, len + 4); /* the FCS is kept */
	assert_memory_equal(rx_buffer(0), frame, len);
	assert_memory_equal(rx_buffer(0) + len, "\0\0\0\0\xee", 5);
	assert_int_equal(reg_get(E1000_RDH), 1);
	assert_int_equal(reg_get(E1000_ICR) & 0xffff, ICR_RXT0);
	assert_int_equal(reg_get(E1000_GPRC), 1);
	assert_int_equal(reg_get(E1000_PRC64 + 4 * 5), 1);
}

static void test_strips_fcs_and_pads(void **state)
{
	uint8_t frame[60] = {0x52, 0x54, 0, 0x12, 0x34, 0x56, 2, 0, 0, 0, 0, 1, 8, 6, 0x77};

	(void)state;
	rx_start(RING_COUNT, RCTL_SECRC);
	memset(gmem_slice(&ram, RX_BUFFERS, 0x1000), 0xee, 0x1000);
	arrive(frame, 42);
	assert_int_equal(rx_desc_get(0).len_bytes, 60);
	assert_memory_equal(rx_buffer(0), frame, 60);
}

/* Who gets which frame. */
static void test_filters(void **state)
{
	static const struct {
		uint8_t destination[6];
		uint32_t rctl;
		bool wanted;
	} rows[] = {
		{{0x52, 0x54, 0, 0x12, 0x34, 0x56}, 0, true},
		{{0x52, 0x54, 0, 0x12, 0x34, 0x57}, 0, false},
		{{0x52, 0x54, 0, 0x12, 0x34, 0x57}, RCTL_UPE, true},
		{{0x52, 0x54, 0, 0x12, 0x34, 0x57}, RCTL_MPE, false},
		{{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, 0, false},
		{{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, RCTL_BAM, true},
		{{0x01, 0x00, 0x5e, 0, 0, 1}, 0, false},
		{{0x01, 0x00, 0x5e, 0, 0, 1}, RCTL_MPE, true},
		{{0x01, 0x00, 0x5e, 0, 0, 1}, RCTL_UPE, false},
		{{0x33, 0x33, 0, 0, 0x12, 0x34}, 0, true}, /* by its hash */
		{{0x33, 0x33, 0, 0, 0x12, 0x44}, 0, false},
		{{0x33, 0x33, 0, 0, 0x12, 0x34}, 3 << 12, false}, /* another offset, another hash */
		{{0x01, 0x80, 0xc2, 0, 0, 3}, 0, true},		  /* exact, second address */
		{{0x02, 0x80, 0xc2, 0, 0, 4}, 0, false},	  /* not valid */
	};
	uint8_t frame[64] = {0};

	(void)state;
	/* 0x3412 >> 4 = 0x341: word 26, bit 1 */
	reg_set(E1000_MTA + 4 * 26, 1u << 1);
	reg_set(E1000_RAL + 8, 0x00c28001);
	reg_set(E1000_RAH + 8, RAH_AV | 0x0300);
	reg_set(E1000_RAL + 16, 0x00c28002);
	reg_set(E1000_RAH + 16, 0x0400);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		reg_set(E1000_RCTL, 0);
		rx_start(RING_COUNT, rows[i].rctl);
		memcpy(frame, rows[i].destination, 6);
		arrive(frame, sizeof(frame));
		assert_int_equal(rx_desc_get(0).status & RXD_DD, rows[i].wanted ? RXD_DD : 0);
	}
}

/* In one batch some frames are for others: those behind them move up. */
static void test_holes_in_a_batch(void **state)
{
	uint8_t frame[100];
	size_t len = make_packet(frame, false, 17, 50);

	(void)state;
	rx_start(RING_COUNT, 0);
	for (unsigned i = 0; i < 50; i++) {
		frame[5] = i % 3 ? 0x99 : 0x56;
		frame[60] = (uint8_t)i;
		wire_put(frame, len);
	}
	wire_tell();
	assert_int_equal(reg_get(E1000_RDH), 17);
	for (unsigned i = 0; i < 17; i++)
		assert_int_equal(rx_buffer(i)[60], i * 3);
	assert_int_equal(rx_desc_get(17).status, 0);
	assert_int_equal(card_figure("filtered_frames"), 33);
}

static void test_sizes(void **state)
{
	static uint8_t frame[20000] = {0x52, 0x54, 0, 0x12, 0x34, 0x56};
	static const struct {
		size_t len;
		uint32_t rctl;
		unsigned descriptors; /* 0: dropped */
	} rows[] = {
		{1514, 0, 1},
		{1515, 0, 0},
		{1515, RCTL_LPE, 1},
		{2044, RCTL_LPE, 1},
		{2045, RCTL_LPE, 2},
		{9014, RCTL_LPE, 5},
		{16380, RCTL_LPE, 8},
		{16381, RCTL_LPE, 0},
		{1514, 1 << 16, 2},
		{1020, 1 << 16, 1},
		{1514, 3 << 16, 6},
		{9014, RCTL_LPE | RCTL_BSEX | 1 << 16, 1},
		{252, 3 << 16, 1},
		{253, 3 << 16, 2},
		{253, 3 << 16 | RCTL_SECRC, 1},
	};

	(void)state;
	for (size_t i = 6; i < sizeof(frame); i++)
		frame[i] = (uint8_t)(i * 13 + i / 200);
	use_mtu(20000);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		unsigned at = 0;

		reg_set(E1000_RCTL, 0);
		rx_start(RING_COUNT, rows[i].rctl);
		arrive(frame, rows[i].len);
		assert_int_equal(reg_get(E1000_RDH), rows[i].descriptors);
		for (unsigned n = 0; n < rows[i].descriptors; n++) {
			struct e1000_rx_desc desc = rx_desc_get(n);
			bool last = n + 1 == rows[i].descriptors;
			size_t data = at < rows[i].len ? rows[i].len - at : 0;

			data = data < desc.len_bytes ? data : desc.len_bytes;
			assert_int_equal(desc.status & (RXD_DD | RXD_EOP),
					 last ? RXD_DD | RXD_EOP : RXD_DD);
			assert_memory_equal(gmem_slice(&ram, desc.address, data ? data : 1),
					    frame + at, data);
			at += desc.len_bytes;
		}
		if (rows[i].descriptors)
			assert_int_equal(at, rows[i].len + (rows[i].rctl & RCTL_SECRC ? 0 : 4));
	}
}

static void test_checksums(void **state)
{
	static const struct {
		bool is_ipv6;
		unsigned protocol;
		int spoil; /* byte from the end; 0: none; -1: in the IP header */
		uint32_t rxcsum;
		uint8_t status, errors;
	} rows[] = {
		{false, 6, 0, 0x300, RXD_IPCS | RXD_TCPCS, 0},
		{false, 17, 0, 0x300, RXD_IPCS | RXD_TCPCS, 0},
		{true, 6, 0, 0x300, RXD_TCPCS, 0},
		{true, 17, 0, 0x300, RXD_TCPCS, 0},
		{false, 6, 1, 0x300, RXD_IPCS | RXD_TCPCS, RXD_ERR_TCPE},
		{true, 17, 2, 0x300, RXD_TCPCS, RXD_ERR_TCPE},
		{false, 6, -1, 0x300, RXD_IPCS | RXD_TCPCS, RXD_ERR_IPE},
		{false, 6, 0, 0x100, RXD_IPCS, 0},
		{false, 6, 0, 0x200, RXD_TCPCS, 0},
		{false, 6, 0, 0, RXD_IXSM, 0},
	};
	uint8_t frame[1514];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		size_t len = make_packet(frame, rows[i].is_ipv6, rows[i].protocol, 777);

		finish_sums(frame, len);
		if (rows[i].spoil > 0)
			frame[len - (unsigned)rows[i].spoil] ^= 0x10;
		else if (rows[i].spoil < 0)
			frame[ETH_BYTES + 8] ^= 1; /* TTL */
		reg_set(E1000_RXCSUM, rows[i].rxcsum);
		reg_set(E1000_RCTL, 0);
		rx_start(RING_COUNT, 0);
		arrive(frame, len);
		assert_int_equal(rx_desc_get(0).status & ~(RXD_DD | RXD_EOP), rows[i].status);
		assert_int_equal(rx_desc_get(0).errors, rows[i].errors);
	}
}

/* No checksum in UDP, a fragment, no IP at all: nothing is claimed. */
static void test_no_claims(void **state)
{
	uint8_t frame[200];
	size_t len = make_packet(frame, false, 17, 100);

	(void)state;
	finish_sums(frame, len);
	reg_set(E1000_RXCSUM, 0x300);
	rx_start(RING_COUNT, 0);
	be16_put(frame + 40, 0);
	arrive(frame, len);
	be16_put(frame + ETH_BYTES + 6, 0x2000); /* more fragments */
	be16_put(frame + ETH_BYTES + 10, 0);
	be16_put(frame + ETH_BYTES + 10, ~plain_sum(frame + ETH_BYTES, IP4_BYTES, 0));
	arrive(frame, len);
	be16_put(frame + 12, 0x0806);
	arrive(frame, len);
	assert_int_equal(rx_desc_get(0).status, RXD_DD | RXD_EOP | RXD_IPCS);
	assert_int_equal(rx_desc_get(1).status, RXD_DD | RXD_EOP | RXD_IPCS);
	assert_int_equal(rx_desc_get(2).status, RXD_DD | RXD_EOP | RXD_IXSM);
}

/* Frames wait for descriptors and none is lost; RXDMT0 on the way, RXO at the end. */
static void test_descriptors_run_out(void **state)
{
	uint8_t frame[100];
	size_t len = make_packet(frame, false, 17, 50);

	(void)state;
	rx_start(8, 0); /* 7 of them; threshold at half */
	for (unsigned i = 0; i < 20; i++) {
		frame[60] = (uint8_t)i;
		wire_put(frame, len);
	}
	wire_tell();
	assert_int_equal(reg_get(E1000_RDH), 7);
	assert_int_equal(reg_get(E1000_ICR) & (ICR_RXT0 | ICR_RXDMT0), ICR_RXT0 | ICR_RXDMT0);
	wire_tell();
	assert_int_equal(reg_get(E1000_ICR) & ICR_RXO, ICR_RXO);
	unsigned seen = 0, next = 0;

	while (seen < 20) {
		assert_int_equal(rx_desc_get(next).status & RXD_DD, RXD_DD);
		assert_int_equal(rx_buffer(next)[60], seen);
		struct e1000_rx_desc desc = {.address = RX_BUFFERS + 0x1000 * next};

		gmem_write(&ram, RX_RING + 16 * next, &desc, sizeof(desc));
		reg_set(E1000_RDT, next);
		fake_thread_run();
		next = (next + 1) % 8;
		seen++;
	}
	assert_int_equal(wire.coming_first, wire.coming_count);
	assert_int_equal(card_queue(1).requests, 20);
}

/* A long frame that needs more than are free waits; one that needs more than there can be goes. */
static void test_long_frame_waits(void **state)
{
	static uint8_t frame[9014] = {0x52, 0x54, 0, 0x12, 0x34, 0x56};

	(void)state;
	use_mtu(9000);
	rx_start(8, RCTL_LPE);
	reg_set(E1000_RDT, 2);
	arrive(frame, sizeof(frame));
	assert_int_equal(reg_get(E1000_RDH), 0);
	reg_set(E1000_RDT, 7);
	fake_thread_run();
	assert_int_equal(reg_get(E1000_RDH), 5);
	reg_set(E1000_RCTL, 0);
	rx_start(8, RCTL_LPE | 3 << 16);
	arrive(frame, sizeof(frame));
	arrive(frame, 200);
	assert_int_equal(reg_get(E1000_RDH), 1);
	assert_int_equal(rx_desc_get(0).len_bytes, 204);
}

static void test_vlan(void **state)
{
	uint8_t frame[104];
	size_t len = make_packet(frame, false, 17, 50);

	(void)state;
	memmove(frame + 16, frame + 12, len - 12);
	be16_put(frame + 12, 0x8100);
	be16_put(frame + 14, 0x6007);
	reg_set(E1000_VET, 0x8100);
	reg_set(E1000_CTRL, CTRL_VME);
	reg_set(E1000_VFTA, 1u << 7);
	rx_start(RING_COUNT, RCTL_VFE);
	arrive(frame, len + 4);
	assert_int_equal(rx_desc_get(0).status & RXD_VP, RXD_VP);
	assert_int_equal(rx_desc_get(0).special, 0x6007);
	assert_int_equal(rx_desc_get(0).len_bytes, len + 4);
	assert_int_equal(be16_get(rx_buffer(0) + 12), 0x0800);
	frame[15] = 8;
	arrive(frame, len + 4);
	assert_int_equal(reg_get(E1000_RDH), 1);
	reg_set(E1000_CTRL, 0);
	reg_set(E1000_VFTA, 1u << 8);
	arrive(frame, len + 4);
	assert_int_equal(rx_desc_get(1).len_bytes, len + 8);
	assert_int_equal(be16_get(rx_buffer(1) + 12), 0x8100);
}

/* RDTR: the interrupt waits. */
static void test_delayed_interrupt(void **state)
{
	uint8_t frame[100];
	size_t len = make_packet(frame, false, 17, 50);

	(void)state;
	rx_start(RING_COUNT, 0);
	reg_set(E1000_IMS, ICR_RXT0);
	reg_set(E1000_RDTR, 10);
	arrive(frame, len);
	assert_false(line_is_up());
	fake_time_pass(10 * 1024);
	assert_true(line_is_up());
	reg_get(E1000_ICR);
	arrive(frame, len);
	assert_false(line_is_up());
	reg_set(E1000_RDTR, 10 | 1u << 31); /* flush */
	assert_true(line_is_up());
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_one_frame),
		TEST(test_strips_fcs_and_pads),
		TEST(test_filters),
		TEST(test_holes_in_a_batch),
		TEST(test_sizes),
		TEST(test_checksums),
		TEST(test_no_claims),
		TEST(test_descriptors_run_out),
		TEST(test_long_frame_waits),
		TEST(test_vlan),
		TEST(test_delayed_interrupt),
	};

	return cmocka_run_group_tests_name("e1000 rx", tests, NULL, NULL);
}

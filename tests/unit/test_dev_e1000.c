/* SPDX-License-Identifier: MIT
 *
 * The e1000's registers as a driver meets them: EEPROM, PHY, interrupts and their throttle, reset,
 * the I/O window; and drivers that mean harm.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "e1000_fixture.h"

static int setup(void **state)
{
	(void)state;
	return card_create(0);
}

static int teardown(void **state)
{
	(void)state;
	return card_destroy();
}

static void test_identity(void **state)
{
	struct pci_function *fn = (struct pci_function *)(void *)card;

	(void)state;
	assert_int_equal(pci_get32(fn, PCI_VENDOR_ID), 0x100e8086);
	assert_int_equal(pci_get32(fn, PCI_REVISION_ID) >> 16, 0x0200);
	assert_int_equal(fn->bar[0].space, BUS_MMIO);
	assert_int_equal(fn->bar[0].size_bytes, 0x20000);
	assert_int_equal(fn->bar[1].space, BUS_PIO);
	assert_int_equal(fn->bar[1].size_bytes, 64);
	assert_int_equal(reg_get(E1000_RAL), 0x12005452);
	assert_int_equal(reg_get(E1000_RAH), RAH_AV | 0x5634);
	assert_int_equal(reg_get(E1000_STATUS) & 0x3, 0x3);
}

/* --- EEPROM */

static void eecd(uint32_t bits)
{
	reg_set(E1000_EECD, EECD_REQ | bits);
}

static void clock_in(bool bit)
{
	uint32_t data = EECD_CS | (bit ? EECD_DI : 0);

	eecd(data);
	eecd(data | EECD_SK);
	eecd(data);
}

static uint16_t clock_out(void)
{
	uint16_t value = 0;

	for (unsigned i = 0; i < 16; i++) {
		eecd(EECD_CS | EECD_SK);
		value = (uint16_t)(value << 1 | !!(reg_get(E1000_EECD) & EECD_DO));
		eecd(EECD_CS);
	}
	return value;
}

static uint16_t read_word_by_bits(unsigned address)
{
	eecd(0);
	eecd(EECD_CS);
	for (int bit = 8; bit >= 0; bit--)
		clock_in((6u << 6 | address) >> bit & 1);
	assert_int_equal(reg_get(E1000_EECD) & EECD_DO, 0); /* the dummy bit */
	return clock_out();
}

static void test_eeprom(void **state)
{
	uint16_t sum = 0;

	(void)state;
	reg_set(E1000_EECD, EECD_REQ);
	assert_int_equal(reg_get(E1000_EECD) & (EECD_GNT | EECD_PRES), EECD_GNT | EECD_PRES);
	for (unsigned i = 0; i < 64; i++) {
		uint16_t word = read_word_by_bits(i);

		reg_set(E1000_EERD, i << 8 | EERD_START);
		assert_int_equal(reg_get(E1000_EERD), (uint32_t)word << 16 | i << 8 | EERD_DONE);
		sum = (uint16_t)(sum + word);
	}
	assert_int_equal(sum, 0xbaba);
	assert_int_equal(read_word_by_bits(0), 0x5452);
	assert_int_equal(clock_out(), 0x1200); /* the word behind it */
	assert_int_equal(read_word_by_bits(2), 0x5634);
	eecd(0);
	reg_set(E1000_EECD, 0);
	assert_int_equal(reg_get(E1000_EECD) & EECD_GNT, 0);
	reg_set(E1000_EERD, 64 << 8 | EERD_START);
	assert_int_equal(reg_get(E1000_EERD) >> 16, 0xffff);
}

/* --- PHY */

static uint32_t phy_read(unsigned number)
{
	reg_set(E1000_MDIC, MDIC_OP_READ | 1 << 21 | number << 16);
	assert_int_equal(reg_get(E1000_MDIC) & (MDIC_READY | MDIC_ERROR), MDIC_READY);
	return reg_get(E1000_MDIC) & 0xffff;
}

static void phy_write(unsigned number, uint32_t value)
{
	reg_set(E1000_MDIC, MDIC_OP_WRITE | 1 << 21 | number << 16 | value);
	assert_int_equal(reg_get(E1000_MDIC) & (MDIC_READY | MDIC_ERROR), MDIC_READY);
}

static void test_phy(void **state)
{
	(void)state;
	assert_int_equal(phy_read(2), 0x0141);
	assert_int_equal(phy_read(3) & 0xfff0, 0x0c20);
	assert_int_equal(phy_read(1) & 0x24, 0x24); /* negotiated, link */
	phy_write(0, 0x9140);			    /* reset, which ends by itself */
	assert_int_equal(phy_read(0), 0x1140);
	phy_write(4, 0x0de1);
	assert_int_equal(phy_read(4), 0x0de1);
	phy_write(2, 0xffff);
	assert_int_equal(phy_read(2), 0x0141);
	reg_set(E1000_MDIC, MDIC_OP_READ | 2 << 21); /* nobody there */
	assert_int_equal(reg_get(E1000_MDIC) & MDIC_ERROR, MDIC_ERROR);
	reg_get(E1000_ICR);
	reg_set(E1000_MDIC, MDIC_OP_READ | 1 << 21 | MDIC_INTERRUPT);
	assert_int_equal(reg_get(E1000_ICR) & ICR_MDAC, ICR_MDAC);
}

static void test_link(void **state)
{
	(void)state;
	reg_set(E1000_IMS, ICR_LSC);
	wire.down = true;
	wire.link_changed(wire.link_ctx);
	assert_int_equal(reg_get(E1000_STATUS) & STATUS_LU, 0);
	assert_int_equal(phy_read(1) & 0x24, 0);
	assert_int_equal(phy_read(17), 0);
	assert_true(line_is_up());
	assert_int_equal(reg_get(E1000_ICR), ICR_INT_ASSERTED | ICR_LSC);
	wire.down = false;
	wire.link_changed(wire.link_ctx);
	assert_int_equal(reg_get(E1000_STATUS) & STATUS_LU, STATUS_LU);
	reg_get(E1000_ICR);
	phy_write(0, 0x1940); /* power down */
	assert_int_equal(reg_get(E1000_STATUS) & STATUS_LU, 0);
	assert_int_equal(reg_get(E1000_ICR) & ICR_LSC, ICR_LSC);
}

/* --- interrupts */

static void test_causes_and_mask(void **state)
{
	(void)state;
	reg_set(E1000_ICS, ICR_RXT0);
	assert_false(line_is_up());
	reg_set(E1000_IMS, ICR_RXT0 | ICR_TXDW);
	assert_true(line_is_up());
	assert_int_equal(reg_get(E1000_IMS), ICR_RXT0 | ICR_TXDW);
	reg_set(E1000_IMC, ICR_RXT0);
	assert_false(line_is_up());
	reg_set(E1000_IMS, ICR_RXT0);
	reg_set(E1000_ICR, ICR_RXT0); /* clears what is written */
	assert_false(line_is_up());
	assert_int_equal(reg_get(E1000_ICR), 0);
	reg_set(E1000_ICS, ICR_TXDW | ICR_RXO);
	assert_int_equal(reg_get(E1000_ICR), ICR_INT_ASSERTED | ICR_TXDW | ICR_RXO);
	assert_int_equal(reg_get(E1000_ICR), 0);
	assert_false(line_is_up());
	assert_int_equal(card_queue(0).interrupts, 3);
}

/* 195 * 256 ns = 49.92 us: Linux's 20,000 interrupts in a second. */
static void test_throttle(void **state)
{
	unsigned rises = 0;

	(void)state;
	reg_set(E1000_IMS, ICR_RXT0);
	reg_set(E1000_ITR, 195);
	reg_set(E1000_ICS, ICR_RXT0);
	assert_true(line_is_up()); /* the first one at once */
	for (unsigned us = 0; us < 1000; us++) {
		rises += line_is_up();
		if (line_is_up())
			reg_get(E1000_ICR);
		reg_set(E1000_ICS, ICR_RXT0);
		fake_time_pass(1000);
	}
	assert_in_range(rises, 20, 21);
	reg_get(E1000_ICR);
	fake_time_pass(100000);
	assert_false(line_is_up());
	reg_set(E1000_ICS, ICR_RXT0);
	assert_true(line_is_up()); /* after a pause at once again */
	reg_get(E1000_ICR);
	reg_set(E1000_ICS, ICR_RXT0);
	assert_false(line_is_up());
	reg_set(E1000_ITR, 0); /* the throttle goes: so does the wait */
	assert_true(line_is_up());
	reg_get(E1000_ICR);
	fake_time_pass(100000);
	assert_false(line_is_up()); /* nothing comes of the timer that was set */
}

/* --- reset and windows */

static void test_reset(void **state)
{
	(void)state;
	reg_set(E1000_RAL, 0);
	reg_set(E1000_MTA + 8, 0xffffffff);
	reg_set(E1000_TDT, 7);
	reg_set(E1000_IMS, ICR_RXT0);
	reg_set(E1000_ICS, ICR_RXT0);
	reg_set(E1000_CTRL, CTRL_RST);
	assert_int_equal(reg_get(E1000_CTRL) & CTRL_RST, 0);
	assert_int_equal(reg_get(E1000_RAL), 0x12005452);
	assert_int_equal(reg_get(E1000_MTA + 8), 0);
	assert_int_equal(reg_get(E1000_TDT), 0);
	assert_int_equal(reg_get(E1000_IMS), 0);
	assert_false(line_is_up());
	assert_int_equal(reg_get(E1000_STATUS) & STATUS_LU, STATUS_LU);
}

static void test_io_window(void **state)
{
	(void)state;
	dev_write_wide(card, 1, 0, 4, E1000_RDBAL);
	dev_write_wide(card, 1, 4, 4, 0x1234567f);
	assert_int_equal(reg_get(E1000_RDBAL), 0x12345670);
	assert_int_equal(dev_read_wide(card, 1, 4, 4), 0x12345670);
	assert_int_equal(dev_read_wide(card, 1, 0, 4), E1000_RDBAL);
	dev_write_wide(card, 1, 0, 4, 0xfffffffc); /* no such register */
	dev_write_wide(card, 1, 4, 4, 1);
	assert_int_equal(dev_read_wide(card, 1, 4, 4), 0);
	dev_write_wide(card, 1, 0, 4, E1000_CTRL); /* Linux resets the card this way */
	dev_write_wide(card, 1, 4, 4, CTRL_RST);
	assert_int_equal(reg_get(E1000_RDBAL), 0);
}

static void test_widths(void **state)
{
	(void)state;
	assert_int_equal(dev_read_wide(card, 0, E1000_RAL + 1, 1), 0x54);
	assert_int_equal(dev_read_wide(card, 0, E1000_RAL + 2, 2), 0x1200);
	assert_int_equal(dev_read_wide(card, 0, E1000_RAL, 8), 0x8000563412005452);
	dev_write_wide(card, 0, E1000_RAL, 2, 0xffff);
	assert_int_equal(reg_get(E1000_RAL), 0x12005452);
	dev_write_wide(card, 0, E1000_RAL + 8, 8, 0x8000111122223333);
	assert_int_equal(reg_get(E1000_RAH + 8), 0x80001111);
}

/* --- hostile drivers: nothing may crash or hang, and afterwards the card works */

static void assert_works(void)
{
	uint8_t frame[60] = {0x52, 0x54, 0, 0x12, 0x34, 0x56};
	unsigned before;

	reg_set(E1000_CTRL, CTRL_RST);
	fake_thread_run();
	wire_clear();
	before = wire.sent_count;
	tx_start(RING_COUNT);
	gmem_write(&ram, TX_BUFFERS, frame, sizeof(frame));
	tx_desc(0, (struct e1000_tx_desc){.address = TX_BUFFERS, .command = 60 | TXD_EOP | TXD_RS});
	tx_go(1);
	assert_int_equal(wire.sent_count, before + 1);
	rx_start(RING_COUNT, 0);
	wire_put(frame, sizeof(frame));
	wire_tell();
	assert_int_equal(rx_desc_get(0).status & RXD_DD, RXD_DD);
}

static void test_hostile_rings(void **state)
{
	static const struct {
		uint32_t low, high, len_bytes, head, tail;
	} rows[] = {
		{TX_RING, 0, 0, 0, 1},
		{TX_RING, 0, 0, 0xffff, 0xfffe},
		{TX_RING, 0, 128, 8, 1},
		{TX_RING, 0, 128, 0, 8},
		{TX_RING, 0, 128, 0, 0xffff},
		{TX_RING, 0, 0xfff80, 0, 0xffff},
		{RAM_BYTES, 0, 4096, 0, 5},
		{RAM_BYTES - 4096 + 128, 0, 4096, 0, 5},
		{RAM_BYTES - 4096, 0, 4096, 0, 255},
		{0xfffffff0, 0xffffffff, 0xfff80, 0, 5},
		{0xffffffff, 0, 128, 0, 5},
		{TX_RING + 7, 0, 133, 0, 5},
	};
	uint8_t frame[60] = {0x52, 0x54, 0, 0x12, 0x34, 0x56};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		for (unsigned tx = 0; tx < 2; tx++) {
			unsigned base = tx ? E1000_TDBAL : E1000_RDBAL;

			reg_set(base, rows[i].low);
			reg_set(base + 4, rows[i].high);
			reg_set(base + 8, rows[i].len_bytes);
			reg_set(base + 0x10, rows[i].head);
			reg_set(base + 0x18, rows[i].tail);
		}
		reg_set(E1000_TCTL, TCTL_EN);
		reg_set(E1000_RCTL, RCTL_EN | RCTL_UPE | RCTL_MPE | RCTL_LPE);
		fake_thread_run();
		wire_put(frame, sizeof(frame));
		wire_tell();
		assert_works();
	}
}

/* Packets that make no sense are consumed, reported, and not sent. */
static void test_hostile_descriptors(void **state)
{
	const uint32_t data = TXD_DEXT | TXD_DTYP_DATA << TXD_DTYP_SHIFT;
	const uint32_t context = TXD_DEXT | TXD_TCP | TXD_IP | TXD_TSE, last = TXD_EOP | TXD_RS;
	const struct {
		struct e1000_tx_desc context, data;
	} rows[] = {
		{{0}, {.address = RAM_BYTES, .command = 60 | data | last}},
		{{0}, {.address = RAM_BYTES - 59, .command = 60 | data | last}},
		{{0}, {.address = UINT64_MAX, .command = 0xfffff | data | last}},
		{{0}, {.address = TX_BUFFERS, .command = 0 | data | last}},
		{{0}, {.address = TX_BUFFERS, .command = 13 | data | last}},
		{{0}, {.address = TX_BUFFERS, .command = 0xfffff | data | last}},
		{{0}, {.address = TX_BUFFERS, .command = 16289 | data | last}},
		{{0},
		 {.address = TX_BUFFERS, .command = 2000 | data | last | TXD_TSE}}, /* no mss */
		{{.address = 0x320000220000180e, .command = context, .option = 54, .special = 0},
		 {.address = TX_BUFFERS, .command = 2000 | data | last | TXD_TSE}},
		{{.address = 0x3222000000180e, .command = context, .option = 255, .special = 10},
		 {.address = TX_BUFFERS,
		  .command = 200 | data | last | TXD_TSE}}, /* header > packet */
		{{.address = 0x3222000000180e, .command = context, .option = 40, .special = 10},
		 {.address = TX_BUFFERS,
		  .command = 200 | data | last | TXD_TSE}}, /* fields behind it */
		{{.address = 0xff22000000180e, .command = context, .option = 54, .special = 10},
		 {.address = TX_BUFFERS, .command = 200 | data | last | TXD_TSE}},
		{{.address = 0x3222000000ff0e, .command = context, .option = 54, .special = 10},
		 {.address = TX_BUFFERS, .command = 200 | data | last | TXD_TSE}},
		{{.address = 0x32ff000000180e, .command = context, .option = 54, .special = 10},
		 {.address = TX_BUFFERS, .command = 200 | data | last | TXD_TSE}},
		{{.address = 0x32220000001800, .command = context, .option = 54, .special = 10},
		 {.address = TX_BUFFERS, .command = 200 | data | last | TXD_TSE}},
		{{.address = 0x3222000000180e, .command = context, .option = 54, .special = 1},
		 {.address = TX_BUFFERS,
		  .command = 60000 | data | last | TXD_TSE}}, /* 59946 segments */
	};

	(void)state;
	tx_start(RING_COUNT);
	for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		tx_desc(2 * i, rows[i].context.command
				       ? rows[i].context
				       : (struct e1000_tx_desc){.command = TXD_DEXT});
		tx_desc(2 * i + 1, rows[i].data);
		tx_go(2 * i + 2);
		assert_int_equal(wire.sent_count, 0);
		assert_int_equal(reg_get(E1000_TDH), 2 * i + 2);
		assert_int_equal(tx_desc_get(2 * i + 1).status, TXD_DD);
	}
	assert_int_equal(card_figure("dropped_frames"), sizeof(rows) / sizeof(*rows));
	assert_works();
}

/* Checksum places outside the packet: it goes out as it is. */
static void test_hostile_checksums(void **state)
{
	const uint32_t data = TXD_DEXT | TXD_DTYP_DATA << TXD_DTYP_SHIFT | TXD_EOP | TXD_RS;
	unsigned tail = 0;

	(void)state;
	tx_start(RING_COUNT);
	for (unsigned i = 0; i < 40; i++) {
		uint64_t address = i * 0x0706050403020101ull;

		tx_desc(tail++, (struct e1000_tx_desc){.address = address, .command = TXD_DEXT});
		tx_desc(tail++, (struct e1000_tx_desc){.address = TX_BUFFERS,
						       .command = (60 + i * 30) | data,
						       .option = 3});
	}
	tx_go(tail);
	assert_int_equal(wire.sent_count, 40);
	tx_desc(tail++, (struct e1000_tx_desc){.address = TX_BUFFERS,
					       .command = 100 | 99 << 16 | TXD_IC | TXD_EOP,
					       .option = 255});
	tx_go(tail);
	assert_int_equal(wire.sent_count, 41);
	assert_works();
}

/* Context descriptors for ever, and a packet without an end: bounded by the ring. */
static void test_endless(void **state)
{
	(void)state;
	tx_start(RING_COUNT);
	for (unsigned i = 0; i < RING_COUNT; i++)
		tx_desc(i, (struct e1000_tx_desc){.command = TXD_DEXT | TXD_RS});
	for (unsigned i = 0; i < 10; i++)
		tx_go(i % 2 ? 255 : 254);
	assert_int_equal(reg_get(E1000_TDH), 255);
	for (unsigned i = 0; i < RING_COUNT; i++)
		tx_desc(i, (struct e1000_tx_desc){.address = TX_BUFFERS, .command = 0xffff});
	for (unsigned i = 0; i < 10; i++)
		tx_go(i % 2 ? 253 : 254);
	assert_int_equal(wire.sent_count, 0);
	assert_works();
}

static void test_hostile_receive_buffers(void **state)
{
	uint8_t frame[60] = {0x52, 0x54, 0, 0x12, 0x34, 0x56};

	(void)state;
	rx_start(16, 0);
	for (unsigned i = 0; i < 16; i++) {
		struct e1000_rx_desc desc = {.address = i % 2 ? UINT64_MAX - 100
							      : RAM_BYTES - 2048};

		gmem_write(&ram, RX_RING + 16 * i, &desc, sizeof(desc));
	}
	for (unsigned i = 0; i < 15; i++)
		wire_put(frame, sizeof(frame));
	wire_tell();
	assert_int_equal(reg_get(E1000_RDH), 15);
	for (unsigned i = 0; i < 15; i++)
		assert_int_equal(rx_desc_get(i).errors, i % 2 ? RXD_ERR_RXE : 0);
	assert_works();
}

/* The ring in its own buffers, all descriptors in one buffer. */
static void test_overlaps(void **state)
{
	uint8_t frame[1514] = {0x52, 0x54, 0, 0x12, 0x34, 0x56};

	(void)state;
	memset(frame + 6, 0xff, sizeof(frame) - 6);
	rx_start(RING_COUNT, RCTL_UPE | RCTL_MPE);
	for (unsigned i = 0; i < RING_COUNT; i++) {
		struct e1000_rx_desc desc = {.address = RX_RING};

		gmem_write(&ram, RX_RING + 16 * i, &desc, sizeof(desc));
	}
	for (unsigned i = 0; i < 300; i++)
		wire_put(frame, sizeof(frame));
	wire_tell();
	assert_works();
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_identity),
		TEST(test_eeprom),
		TEST(test_phy),
		TEST(test_link),
		TEST(test_causes_and_mask),
		TEST(test_throttle),
		TEST(test_reset),
		TEST(test_io_window),
		TEST(test_widths),
		TEST(test_hostile_rings),
		TEST(test_hostile_descriptors),
		TEST(test_hostile_checksums),
		TEST(test_endless),
		TEST(test_hostile_receive_buffers),
		TEST(test_overlaps),
	};

	return cmocka_run_group_tests_name("e1000", tests, NULL, NULL);
}

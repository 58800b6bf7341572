/* SPDX-License-Identifier: MIT
 *
 * What an e1000 sends: legacy and extended descriptors, checksums, segmentation, write-back, a back
 * end that is full.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "e1000_fixture.h"
#include "ip_packets.h"

#include <linux/virtio_net.h>

#define DATA (TXD_DEXT | TXD_DTYP_DATA << TXD_DTYP_SHIFT)
#define LAST (TXD_EOP | TXD_RS)
#define OFFLOADS (NET_OFFLOAD_CSUM | NET_OFFLOAD_TSO4 | NET_OFFLOAD_TSO6 | NET_OFFLOAD_TSO_ECN)

static int setup_plain(void **state)
{
	(void)state;
	if (card_create(0))
		return -1;
	tx_start(RING_COUNT);
	return 0;
}

static int setup_offloads(void **state)
{
	(void)state;
	if (card_create(OFFLOADS))
		return -1;
	tx_start(RING_COUNT);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	return card_destroy();
}

/* A context as a driver makes it for a packet of make_packet(). */
static struct e1000_tx_desc context_for(const uint8_t *frame, unsigned mss)
{
	bool is_ipv6 = frame[ETH_BYTES] >> 4 == 6;
	unsigned tucss = ETH_BYTES + (is_ipv6 ? IP6_BYTES : IP4_BYTES);
	uint64_t ip = ETH_BYTES | (ETH_BYTES + 10) << 8 | (is_ipv6 ? 0 : tucss - 1) << 16;
	uint64_t transport = tucss | (uint64_t)sum_at(frame) << 8;
	bool is_tcp = sum_at(frame) == tucss + 16;

	return (struct e1000_tx_desc){
		.address = ip | transport << 32,
		.command = TXD_DEXT | (is_tcp ? TXD_TCP : 0) | (is_ipv6 ? 0 : TXD_IP) |
			   (mss ? TXD_TSE : 0),
		.option = (uint8_t)(tucss + TCP_BYTES),
		.special = (uint16_t)mss,
	};
}

static void test_legacy(void **state)
{
	uint8_t frame[100];
	size_t len, sent;

	(void)state;
	len = make_packet(frame, false, 17, 58);
	gmem_write(&ram, TX_BUFFERS, frame, len);
	/* in three pieces, one of them empty */
	tx_desc(0, (struct e1000_tx_desc){.address = TX_BUFFERS, .command = 33});
	tx_desc(1, (struct e1000_tx_desc){.address = 0, .command = 0});
	tx_desc(2, (struct e1000_tx_desc){.address = TX_BUFFERS + 33,
					  .command = (uint32_t)(len - 33) | LAST});
	tx_go(2);
	assert_int_equal(wire.sent_count, 0); /* no end yet */
	assert_int_equal(reg_get(E1000_TDH), 0);
	tx_go(3);
	assert_int_equal(wire.sent_count, 1);
	assert_memory_equal(wire_sent(0, &sent), frame, len);
	assert_int_equal(sent, len);
	assert_int_equal(reg_get(E1000_TDH), 3);
	assert_int_equal(tx_desc_get(0).status, 0); /* RS was not set there */
	assert_int_equal(tx_desc_get(2).status, TXD_DD);
	assert_int_equal(reg_get(E1000_ICR) & 0xffff, ICR_TXDW | ICR_TXQE);
	assert_int_equal(reg_get(E1000_GPTC), 1);
	assert_int_equal(reg_get(E1000_GPTC), 0); /* reading clears */
	assert_int_equal(reg_get(E1000_GOTCL), len + 4);
	assert_int_equal(reg_get(E1000_GOTCL + 4), 0);
	assert_int_equal(reg_get(E1000_GOTCL), 0);
}

static void test_padding(void **state)
{
	uint8_t frame[20];
	size_t sent;

	(void)state;
	memset(frame, 0x5a, sizeof(frame));
	gmem_write(&ram, TX_BUFFERS, frame, sizeof(frame));
	tx_desc(0, (struct e1000_tx_desc){.address = TX_BUFFERS, .command = sizeof(frame) | LAST});
	tx_go(1);
	const uint8_t *bytes = wire_sent(0, &sent);

	assert_int_equal(sent, 60);
	assert_memory_equal(bytes, frame, sizeof(frame));
	for (unsigned i = sizeof(frame); i < 60; i++)
		assert_int_equal(bytes[i], 0);
	reg_set(E1000_TCTL, TCTL_EN); /* without PSP: as it is */
	tx_desc(1, (struct e1000_tx_desc){.address = TX_BUFFERS, .command = sizeof(frame) | LAST});
	tx_go(2);
	wire_sent(1, &sent);
	assert_int_equal(sent, sizeof(frame));
}

static void test_legacy_checksum(void **state)
{
	uint8_t frame[200];
	size_t len, sent;

	(void)state;
	len = make_packet(frame, false, 6, 101);
	finish_sums(frame, len);
	uint8_t good[200];

	memcpy(good, frame, len);
	be16_put(frame + 50, pseudo_sum(frame + ETH_BYTES, false, 6, (unsigned)len - 34));
	gmem_write(&ram, TX_BUFFERS, frame, len);
	tx_desc(0, (struct e1000_tx_desc){.address = TX_BUFFERS,
					  .command = (uint32_t)len | 50 << 16 | TXD_IC | LAST,
					  .option = 34});
	tx_go(1);
	assert_memory_equal(wire_sent(0, &sent), good, len);
}

/* Every protocol, by software: the result is what the sender would have computed. */
static void test_checksums(void **state)
{
	static const struct {
		bool is_ipv6;
		unsigned protocol;
		size_t payload;
	} rows[] = {
		{false, 6, 1000}, {false, 17, 1001}, {true, 6, 1400}, {true, 17, 3}, {false, 6, 0}};
	uint8_t frame[1600], good[1600];
	unsigned tail = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		size_t len = make_packet(frame, rows[i].is_ipv6, rows[i].protocol, rows[i].payload);
		unsigned start = rows[i].is_ipv6 ? 54 : 34;
		size_t sent;

		memcpy(good, frame, len);
		finish_sums(good, len);
		be16_put(frame + sum_at(frame),
			 pseudo_sum(frame + ETH_BYTES, rows[i].is_ipv6, rows[i].protocol,
				    (unsigned)len - start));
		gmem_write(&ram, TX_BUFFERS, frame, len);
		tx_desc(tail++, context_for(frame, 0));
		for (uint32_t at = 0; at < len; at += 333) { /* pieces at odd offsets */
			uint32_t part = len - at < 333 ? (uint32_t)len - at : 333;

			tx_desc(tail++,
				(struct e1000_tx_desc){
					.address = TX_BUFFERS + at,
					.command = part | DATA | (at + part == len ? LAST : 0),
					.option = TXD_POPTS_TXSM |
						  (rows[i].is_ipv6 ? 0 : TXD_POPTS_IXSM)});
		}
		tx_go(tail);
		assert_int_equal(wire.sent_count, i + 1);
		const uint8_t *out = wire_sent((unsigned)i, &sent);

		assert_true(sums_hold(out));
		assert_memory_equal(out, good, len);
	}
}

static void test_checksum_offload(void **state)
{
	uint8_t frame[1600];
	size_t len = make_packet(frame, false, 6, 1000);

	(void)state;
	gmem_write(&ram, TX_BUFFERS, frame, len);
	tx_desc(0, context_for(frame, 0));
	tx_desc(1, (struct e1000_tx_desc){.address = TX_BUFFERS,
					  .command = (uint32_t)len | DATA | LAST,
					  .option = TXD_POPTS_TXSM});
	tx_go(2);
	assert_int_equal(wire.sent_count, 1);
	const struct virtio_net_hdr_v1 *vnet = (const void *)wire.sent[0].bytes;

	assert_int_equal(vnet->flags, VIRTIO_NET_HDR_F_NEEDS_CSUM);
	assert_int_equal(vnet->csum_start, 34);
	assert_int_equal(vnet->csum_offset, 16);
	assert_int_equal(vnet->gso_type, VIRTIO_NET_HDR_GSO_NONE);
}

/* Puts a packet to segment into descriptors of 4 KiB as Linux does; sums as its driver leaves
 * them. */
static unsigned send_segmented(uint8_t *frame, size_t len, bool is_ipv6, unsigned mss,
			       unsigned tail)
{
	unsigned at = 0;

	be16_put(frame + sum_at(frame), pseudo_sum(frame + ETH_BYTES, is_ipv6, 6, 0));
	be16_put(frame + ETH_BYTES + (is_ipv6 ? 4 : 2), 0);
	gmem_write(&ram, TX_BUFFERS, frame, len);
	tx_desc(tail++, context_for(frame, mss));
	while (at < len) {
		uint32_t part = at ? 4096 : (is_ipv6 ? 74 : 54);

		part = len - at < part ? (uint32_t)len - at : part;
		tx_desc(tail++,
			(struct e1000_tx_desc){
				.address = TX_BUFFERS + at,
				.command = part | DATA | TXD_TSE | (at + part == len ? LAST : 0),
				.option = TXD_POPTS_TXSM | (is_ipv6 ? 0 : TXD_POPTS_IXSM)});
		at += part;
	}
	return tail;
}

static void check_segments(const uint8_t *frame, size_t len, bool is_ipv6, unsigned mss)
{
	unsigned header = is_ipv6 ? 74 : 54, tcp = header - TCP_BYTES, at = 0;
	unsigned count = (unsigned)((len - header + mss - 1) / mss);

	assert_int_equal(wire.sent_count, count);
	for (unsigned i = 0; i < count; i++) {
		size_t sent, payload = len - header - at < mss ? len - header - at : mss;
		const uint8_t *out = wire_sent(i, &sent);

		assert_int_equal(sent, header + payload);
		assert_true(sums_hold(out));
		assert_memory_equal(out + header, frame + header + at, payload);
		assert_int_equal(be32_get(out + tcp + 4), be32_get(frame + tcp + 4) + at);
		assert_int_equal(out[tcp + 13], i + 1 == count ? 0x19 : 0x10);
		if (!is_ipv6)
			assert_int_equal(be16_get(out + ETH_BYTES + 4), (0xfffe + i) & 0xffff);
		assert_int_equal(be16_get(out + ETH_BYTES + (is_ipv6 ? 4 : 2)),
				 sent - ETH_BYTES - (is_ipv6 ? IP6_BYTES : 0));
		at += (unsigned)payload;
	}
}

static void test_segmentation(void **state)
{
	static const struct {
		bool is_ipv6;
		size_t payload;
		unsigned mss;
	} rows[] = {{false, 10000, 1460}, {true, 10000, 1440}, {false, 1460, 1460},
		    {false, 65480, 536},  {true, 1, 1440},     {false, 2920, 1460}};
	static uint8_t frame[70000];
	unsigned tail = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		size_t len = make_packet(frame, rows[i].is_ipv6, 6, rows[i].payload);

		wire_clear();
		tail = send_segmented(frame, len, rows[i].is_ipv6, rows[i].mss, tail);
		tx_go(tail);
		check_segments(frame, len, rows[i].is_ipv6, rows[i].mss);
		assert_int_equal(reg_get(E1000_TDH), tail);
		assert_int_equal(tx_desc_get(tail - 1).status, TXD_DD);
	}
}

/* The back end takes a few frames at a time: nothing is sent twice, nothing is lost. */
static void test_full_back_end(void **state)
{
	static uint8_t frame[70000], next[200];
	size_t len = make_packet(frame, false, 6, 30000), len2 = make_packet(next, false, 17, 100);
	unsigned tail;

	(void)state;
	wire.send_room = 0;
	tail = send_segmented(frame, len, false, 1000, 0);
	gmem_write(&ram, TX_BUFFERS + 0x20000, next, len2);
	tx_desc(tail, context_for(next, 0)); /* must not be that of the packet before it */
	tx_desc(tail + 1, (struct e1000_tx_desc){.address = TX_BUFFERS + 0x20000,
						 .command = (uint32_t)len2 | DATA | LAST});
	tx_go(tail + 2);
	assert_int_equal(wire.sent_count, 0);
	assert_int_equal(reg_get(E1000_TDH), 0);
	for (unsigned i = 0; i < 100 && wire.sent_count < 31; i++) {
		wire.send_room = 7;
		wire.writable(wire.ctx);
		fake_thread_run();
		if (wire.sent_count < 30)
			assert_int_equal(reg_get(E1000_TDH), 0);
	}
	assert_int_equal(reg_get(E1000_TDH), tail + 2);
	size_t sent;

	assert_int_equal(wire.sent_count, 31);
	assert_memory_equal(wire_sent(30, &sent), next, len2);
	wire.sent_count = 30;
	check_segments(frame, len, false, 1000);
	free(wire.sent[30].bytes);
}

/* "No room" is of the frames that found none, not of a later batch that has none to send. */
static void test_dropped_after_full(void **state)
{
	(void)state;
	wire.send_room = 0;
	tx_desc(0, (struct e1000_tx_desc){.address = TX_BUFFERS, .command = 60 | LAST});
	tx_go(1);
	tx_start(RING_COUNT);
	wire.send_room = UINT32_MAX;
	tx_desc(0, (struct e1000_tx_desc){.address = RAM_BYTES, .command = 60 | LAST});
	reg_set(E1000_TDT, 1);
	fake_kick_fn(fake_kick_ctx, 0);
	for (unsigned i = 1; i < 3; i++) {
		tx_desc(i, (struct e1000_tx_desc){.address = TX_BUFFERS, .command = 60 | LAST});
		tx_go(i + 1);
	}
	assert_int_equal(wire.sent_count, 2);
	assert_int_equal(reg_get(E1000_TDH), 3);
}

static void test_segmentation_offload(void **state)
{
	static uint8_t frame[70000];

	(void)state;
	for (unsigned is_ipv6 = 0; is_ipv6 < 2; is_ipv6++) {
		size_t len = make_packet(frame, is_ipv6, 6, 20000), sent;
		unsigned tail;

		wire_clear();
		reg_set(E1000_TCTL, 0);
		tx_start(RING_COUNT);
		tail = send_segmented(frame, len, is_ipv6, 1400, 0);
		tx_go(tail);
		assert_int_equal(wire.sent_count, 1);
		const struct virtio_net_hdr_v1 *vnet = (const void *)wire.sent[0].bytes;
		const uint8_t *out = wire_sent(0, &sent);

		assert_int_equal(sent, len);
		assert_int_equal(vnet->flags, VIRTIO_NET_HDR_F_NEEDS_CSUM);
		assert_int_equal(vnet->gso_type,
				 is_ipv6 ? VIRTIO_NET_HDR_GSO_TCPV6 : VIRTIO_NET_HDR_GSO_TCPV4);
		assert_int_equal(vnet->gso_size, 1400);
		assert_int_equal(vnet->hdr_len, is_ipv6 ? 74 : 54);
		assert_int_equal(vnet->csum_start, is_ipv6 ? 54 : 34);
		assert_int_equal(vnet->csum_offset, 16);
		/* the field holds the pseudo header's sum with the whole length */
		unsigned tcp_bytes = (unsigned)len - (is_ipv6 ? 54 : 34);

		assert_int_equal(be16_get(out + sum_at(out)),
				 pseudo_sum(out + ETH_BYTES, is_ipv6, 6, tcp_bytes));
		assert_int_equal(be16_get(out + ETH_BYTES + (is_ipv6 ? 4 : 2)),
				 len - ETH_BYTES - (is_ipv6 ? IP6_BYTES : 0));
		if (!is_ipv6)
			assert_int_equal(plain_sum(out + ETH_BYTES, IP4_BYTES, 0), 0xffff);
	}
}

static void test_vlan(void **state)
{
	uint8_t frame[100];
	size_t len = make_packet(frame, false, 17, 50), sent;

	(void)state;
	reg_set(E1000_VET, 0x8100);
	reg_set(E1000_CTRL, CTRL_VME);
	gmem_write(&ram, TX_BUFFERS, frame, len);
	tx_desc(0, (struct e1000_tx_desc){.address = TX_BUFFERS,
					  .command = (uint32_t)len | LAST | TXD_VLE,
					  .special = 0x2005});
	tx_go(1);
	const uint8_t *out = wire_sent(0, &sent);

	assert_int_equal(sent, len + 4);
	assert_int_equal(be16_get(out + 12), 0x8100);
	assert_int_equal(be16_get(out + 14), 0x2005);
	assert_memory_equal(out + 16, frame + 12, len - 12);
}

/* A full ring at once, around its end, in batches; one kick. */
static void test_ring_wraps(void **state)
{
	uint8_t frame[80];
	size_t len = make_packet(frame, false, 17, 30), sent;
	unsigned number = 0;

	(void)state;
	batching_requests = 0;
	for (unsigned round = 0; round < 5; round++) {
		unsigned tail = (round * 255 + 255) % RING_COUNT;

		for (unsigned i = 0; i < 255; i++, number++) {
			unsigned index = (round * 255 + i) % RING_COUNT;
			uint32_t at = TX_BUFFERS + 0x100 * index;

			memcpy(frame + 44, &number, 4);
			gmem_write(&ram, at, frame, len);
			tx_desc(index, (struct e1000_tx_desc){.address = at,
							      .command = (uint32_t)len | LAST});
		}
		unsigned calls = wire.send_calls, updates = batching_updates;

		tx_go(tail);
		assert_int_equal(reg_get(E1000_TDH), tail);
		assert_true(wire.send_calls - calls <= 5);
		assert_int_equal(batching_updates - updates, 1);
	}
	assert_int_equal(wire.sent_count, number);
	for (unsigned i = 0; i < number; i++)
		assert_memory_equal(wire_sent(i, &sent) + 44, &i, 4);
	assert_int_equal(card_queue(0).requests, number);
	assert_int_equal(batching_requests, number);
}

/* IDE: the interrupt waits for TIDV; a second packet does not push it away. */
static void test_delayed_interrupt(void **state)
{
	(void)state;
	reg_set(E1000_TIDV, 8);
	reg_set(E1000_IMS, ICR_TXDW);
	for (unsigned i = 0; i < 2; i++)
		tx_desc(i, (struct e1000_tx_desc){.address = TX_BUFFERS,
						  .command = 60 | LAST | TXD_IDE});
	tx_go(1);
	assert_int_equal(tx_desc_get(0).status, TXD_DD);
	assert_false(line_is_up());
	fake_time_pass(5000);
	tx_go(2);
	assert_false(line_is_up());
	fake_time_pass(3200);
	assert_true(line_is_up());
	assert_int_equal(reg_get(E1000_ICR) & ICR_TXDW, ICR_TXDW);
	assert_false(line_is_up());
}

static void test_disabled(void **state)
{
	(void)state;
	tx_desc(0, (struct e1000_tx_desc){.address = TX_BUFFERS, .command = 60 | LAST});
	reg_set(E1000_TCTL, 0);
	tx_go(1);
	assert_int_equal(wire.sent_count, 0);
	make_master(false);
	reg_set(E1000_TCTL, TCTL_EN);
	fake_thread_run();
	assert_int_equal(wire.sent_count, 0);
	make_master(true);
	fake_thread_run();
	assert_int_equal(wire.sent_count, 1);
}

/* Many small pieces: more than are sent without copying. */
static void test_many_pieces(void **state)
{
	uint8_t frame[1000];
	size_t len = make_packet(frame, false, 17, 900), sent;
	unsigned tail = 0;

	(void)state;
	gmem_write(&ram, TX_BUFFERS, frame, len);
	for (unsigned packet = 0; packet < 2; packet++) {
		for (uint32_t at = 0; at < len; at += 10) {
			uint32_t part = len - at < 10 ? (uint32_t)len - at : 10;

			tx_desc(tail++, (struct e1000_tx_desc){
						.address = TX_BUFFERS + at,
						.command = part | (at + part == len ? LAST : 0)});
		}
	}
	tx_go(tail);
	assert_int_equal(wire.sent_count, 2);
	for (unsigned i = 0; i < 2; i++) {
		assert_memory_equal(wire_sent(i, &sent), frame, len);
		assert_int_equal(sent, len);
	}
}

#define PLAIN(fn) cmocka_unit_test_setup_teardown(fn, setup_plain, teardown)
#define OFFLOAD(fn) cmocka_unit_test_setup_teardown(fn, setup_offloads, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PLAIN(test_legacy),
		PLAIN(test_padding),
		PLAIN(test_legacy_checksum),
		PLAIN(test_checksums),
		OFFLOAD(test_checksum_offload),
		PLAIN(test_segmentation),
		PLAIN(test_full_back_end),
		PLAIN(test_dropped_after_full),
		OFFLOAD(test_segmentation_offload),
		PLAIN(test_vlan),
		PLAIN(test_ring_wraps),
		PLAIN(test_delayed_interrupt),
		PLAIN(test_disabled),
		PLAIN(test_many_pieces),
	};

	return cmocka_run_group_tests_name("e1000 tx", tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT
 *
 * virtio-net: what a driver may ask for in a frame's header, frames into buffers of every size, a back end that is
 * full, the receive filter and the control queue.
 */
#include "virtio_fakes.h"
#include "virtio_rig.h"

#include "virtio/net.h"
#include "virtio_net.h"

enum { RECEIVE, SEND, CONTROL };

#define HEADER NET_HEADER_BYTES
#define ALL_OFFLOADS 31
#define MRG VIRTIO_BIT(VIRTIO_NET_F_MRG_RXBUF)
#define ORDER VIRTIO_BIT(VIRTIO_F_IN_ORDER)

static struct rig rig;
static struct virtio_net_options options = {.net = &wire};
static const uint8_t our_mac[6] = {2, 0, 0, 0, 0, 1};

static void open_card(unsigned pairs, unsigned offloads, uint64_t features)
{
	memset(&wire, 0, sizeof(wire));
	wire.info = (struct net_info){.name = "wire",
				      .mac = {2, 0, 0, 0, 0, 1},
				      .mtu = 1500,
				      .queue_pairs = pairs,
				      .offloads = offloads,
				      .tap_fd = {-1, -1},
				      .vhost = NET_VHOST_OFF};
	wire.send_room = UINT32_MAX;
	rig_open(&rig, &virtio_net_model, &options, GMEM_ANONYMOUS);
	rig.vdev->offered |= ORDER;
	rig_start(&rig, features);
}

static int destroy(void **state)
{
	(void)state;
	rig_close(&rig);
	assert_int_equal(source_count, 0);
	assert_null(wire.readable);
	assert_null(wire.link_changed);
	return 0;
}

/* --- sending */

static bool is_sent(const struct virtio_net_header *header, uint32_t frame_bytes)
{
	static uint8_t out[HEADER + 0x4000];
	unsigned before = wire.sent_count;

	memcpy(out, header, HEADER);
	memset(out + HEADER, 0x77, frame_bytes);
	rig_send(&rig, SEND, out, HEADER + frame_bytes, 0);
	rig_turn(&rig, 1);
	assert_int_equal(rig_take(&rig, SEND, NULL, 0), 0); /* used up, sent or not */
	return wire.sent_count > before;
}

static void test_send(void **state)
{
	const struct virtio_net_header header = {.flags = VIRTIO_NET_HDR_F_DATA_VALID,
						 .hdr_len = 99,
						 .csum_start = 7,
						 .num_buffers = 9};
	static const uint8_t zero[HEADER];

	(void)state;
	open_card(1, 0, 0);
	assert_true(is_sent(&header, 60));
	assert_int_equal(wire.sent_bytes, HEADER + 60);
	assert_memory_equal(wire.sent, zero, HEADER); /* nothing of it means anything here */
	assert_int_equal(wire.sent[HEADER + 59], 0x77);
	assert_true(is_sent(&header, 14));
	assert_false(is_sent(&header, 13));
	assert_false(is_sent(&header, 0));
	assert_false(rig_is_broken(&rig));
}

static void test_send_asks_too_much(void **state)
{
	static const struct virtio_net_header rows[] = {
		{.flags = 1, .csum_start = 34, .csum_offset = 16},
		{.flags = 1, .gso_type = VIRTIO_NET_GSO_TCPV4, .gso_size = 1000},
		{.gso_type = VIRTIO_NET_GSO_ECN},
		{.gso_type = 2},
		{.gso_type = 0x7f},
	};

	(void)state;
	open_card(1, 0, 0);
	for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		assert_false(is_sent(&rows[i], 100));
}

static void test_send_offloads(void **state)
{
	static const struct {
		struct virtio_net_header header;
		bool sent;
	} rows[] = {
		{{.flags = 1, .csum_start = 82, .csum_offset = 16}, true},
		{{.flags = 1, .csum_start = 83, .csum_offset = 16}, false},
		{{.flags = 1, .csum_start = 0xffff, .csum_offset = 0xffff}, false},
		{{.flags = 1, .gso_type = VIRTIO_NET_GSO_TCPV4, .gso_size = 9}, true},
		{{.flags = 1, .gso_type = VIRTIO_NET_GSO_TCPV6, .gso_size = 9}, false},
		{{.flags = 1, .gso_type = VIRTIO_NET_GSO_UDP, .gso_size = 9}, false},
		{{.flags = 1, .gso_type = VIRTIO_NET_GSO_TCPV4}, false},
		{{.gso_type = VIRTIO_NET_GSO_TCPV4, .gso_size = 9}, false},
		{{.flags = 1, .gso_type = 0x81, .gso_size = 9}, false}, /* ECN is not negotiated */
	};

	(void)state;
	open_card(1, ALL_OFFLOADS,
		  VIRTIO_BIT(VIRTIO_NET_F_CSUM) | VIRTIO_BIT(VIRTIO_NET_F_HOST_TSO4));
	for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		assert_int_equal(is_sent(&rows[i].header, 100), rows[i].sent);
}

/* The header and the frame in buffers of any size. */
static void test_send_framing(void **state)
{
	struct driver *d = &rig.queue[SEND];

	(void)state;
	open_card(1, 0, 0);
	for (uint32_t cut = 1; cut < HEADER + 60; cut++) {
		uint64_t gpa = rig_data(&rig, SEND, HEADER + 60);
		const struct driver_buffer buffer[2] = {{gpa, cut, false},
							{gpa + cut, HEADER + 60 - cut, false}};

		memset(driver_hva(d, gpa), 0, HEADER);
		memset(driver_hva(d, gpa + HEADER), (int)cut, 60);
		assert_true(driver_add(d, buffer, 2, false, gpa));
		driver_show(d);
		virtio_queue_kick(rig.vdev->queue[SEND]);
		rig_turn(&rig, 1);
		assert_int_equal(rig_take(&rig, SEND, NULL, 0), 0);
		assert_int_equal(wire.sent_count, cut);
		assert_int_equal(wire.sent[HEADER], cut);
		assert_int_equal(wire.sent[HEADER + 59], cut);
	}
}

/* Longer than any frame: dropped before a back end sees it. */
static void test_send_too_long(void **state)
{
	struct driver *d = &rig.queue[SEND];
	struct driver_buffer buffer[3];

	(void)state;
	open_card(1, 0, 0);
	for (unsigned i = 0; i < 3; i++)
		buffer[i] = (struct driver_buffer){DRIVER_DATA_GPA, 30000, false};
	memset(driver_hva(d, DRIVER_DATA_GPA), 0, 30000);
	assert_true(driver_add(d, buffer, 3, false, 1));
	driver_show(d);
	virtio_queue_kick(rig.vdev->queue[SEND]);
	rig_turn(&rig, 1);
	assert_int_equal(rig_take(&rig, SEND, NULL, 0), 0);
	assert_int_equal(wire.sent_count, 0);
}

static void test_back_end_is_full(void **state)
{
	static const uint8_t out[HEADER + 60];

	(void)state;
	open_card(1, 0, 0);
	wire.send_room = 3;
	for (unsigned i = 0; i < 8; i++)
		rig_send(&rig, SEND, out, sizeof(out), 0);
	rig_turn(&rig, 1);
	assert_int_equal(wire.sent_count, 3);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(rig_take(&rig, SEND, NULL, 0), 0);
	assert_int_equal(rig_take(&rig, SEND, NULL, 0), -1);
	wire.send_room = 2;
	wire.writable(wire.ctx);
	assert_int_equal(wire.sent_count, 5);
	assert_int_equal(rig_take(&rig, SEND, NULL, 0), 0); /* seen though it is full again */
	wire.send_room = UINT32_MAX;
	wire.writable(wire.ctx);
	assert_int_equal(wire.sent_count, 8);
	wire.send_room = 0;
	rig_send(&rig, SEND, out, sizeof(out), 0);
	rig_turn(&rig, 1);
	virtio_write_status(rig.vdev, 0); /* with a frame held back */
	rig_start(&rig, 0);
	wire.send_room = 9;
	wire.writable(wire.ctx);
	assert_int_equal(wire.sent_count, 8);
}

/* --- receiving */

static void arrive(const uint8_t *frame, unsigned frame_bytes, unsigned count)
{
	wire.coming_frame = frame;
	wire.coming_bytes = HEADER + frame_bytes;
	wire.coming = count;
	wire.readable(wire.ctx);
}

static void give_buffers(unsigned count, uint32_t bytes)
{
	while (count--)
		rig_send(&rig, RECEIVE, NULL, 0, bytes);
	rig_turn(&rig, 1);
}

/* A longer ring for one queue, after a reset of it. */
static void rig_resize(unsigned queue, uint16_t size)
{
	struct driver *d = &rig.queue[queue];
	struct gmem mem = d->mem;
	struct virtq_config config = d->config;

	virtio_reset_queue(rig.vdev, queue);
	driver_create(d, 0, size);
	driver_destroy(d);
	d->mem = mem;
	d->config = config;
	d->config.size = size;
	d->desc = driver_hva(d, config.desc_gpa);
	d->avail = driver_hva(d, config.driver_gpa);
	d->used = driver_hva(d, config.device_gpa);
	d->used_event = &d->avail->ring[size];
	d->avail_event = (uint16_t *)&d->used->ring[size];
	memset(d->desc, 0, RIG_QUEUE_STEP);
	rig.vdev->queue[queue]->config = d->config;
	virtio_enable_queue(rig.vdev, queue);
}

static uint8_t frame[HEADER + 4000];

static void fill_frame_bytes(void)
{
	for (unsigned i = HEADER; i < sizeof(frame); i++)
		frame[i] = (uint8_t)(i * 7);
	memcpy(frame + HEADER, our_mac, 6);
}

static void test_receive(void **state)
{
	uint8_t got[2000];

	(void)state;
	open_card(1, 0, MRG);
	fill_frame_bytes();
	give_buffers(3, 2000);
	arrive(frame, 100, 2);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(rig_take(&rig, RECEIVE, got, sizeof(got)), HEADER + 100);
		assert_int_equal(got[10], 1);
		assert_memory_equal(got + HEADER, frame + HEADER, 100);
	}
	assert_int_equal(rig_take(&rig, RECEIVE, NULL, 0), -1);
	assert_true(rig.interrupts[RECEIVE] >= 1);
}

/* One frame over several buffers, in every number of them. */
static void test_mergeable(void **state)
{
	(void)state;
	for (unsigned order = 0; order < 2; order++) {
		open_card(1, 0, MRG | (order ? ORDER : 0));
		rig.queue[RECEIVE].is_in_order = order;
		fill_frame_bytes();
		for (unsigned len = 60; len <= 1514; len += 101) {
			uint8_t got[HEADER + 2000];
			unsigned total = 0;
			unsigned buffers = 0;
			int part;

			give_buffers((HEADER + len + 299) / 300, 300);
			arrive(frame, len, 1);
			while ((part = rig_take(&rig, RECEIVE, got + total, 300)) > 0) {
				total += (unsigned)part;
				buffers++;
			}
			assert_int_equal(total, HEADER + len);
			assert_int_equal(got[10], buffers);
			assert_memory_equal(got + HEADER, frame + HEADER, len);
		}
		rig_close(&rig);
	}
	open_card(1, 0, MRG);
}

/* 64 KiB in buffers of a page's third: more of them than are taken at once. */
static void test_large_frame_in_small_buffers(void **state)
{
	static uint8_t big[HEADER + 20000];
	unsigned total = 0;
	uint8_t header[HEADER];
	int part;

	(void)state;
	open_card(1, ALL_OFFLOADS, MRG | VIRTIO_BIT(VIRTIO_NET_F_GUEST_TSO4));
	memset(big + HEADER, 0x42, sizeof(big) - HEADER);
	rig_resize(RECEIVE, 128);
	give_buffers(70, 300);
	arrive(big, 20000, 1);
	part = rig_take(&rig, RECEIVE, header, sizeof(header));
	assert_int_equal(part, 300);
	assert_int_equal(header[10], (HEADER + 20000 + 299) / 300);
	for (; part >= 0; part = rig_take(&rig, RECEIVE, NULL, 0))
		total += (unsigned)part;
	assert_int_equal(total, HEADER + 20000);
}

static void test_not_enough_buffers(void **state)
{
	(void)state;
	open_card(1, 0, MRG);
	fill_frame_bytes();
	give_buffers(2, 300);
	arrive(frame, 1000, 1); /* dropped; its buffers stay */
	assert_int_equal(rig_take(&rig, RECEIVE, NULL, 0), -1);
	arrive(frame, 500, 1);
	assert_int_equal(rig_take(&rig, RECEIVE, NULL, 0), 300);
	assert_int_equal(rig_take(&rig, RECEIVE, NULL, 0), 212);
	arrive(frame, 100, 1); /* none left: it waits on the wire */
	assert_int_equal(wire.coming, 1);
	give_buffers(1, 300);
	assert_int_equal(rig_take(&rig, RECEIVE, NULL, 0), HEADER + 100);
}

static void test_too_long_without_mergeable(void **state)
{
	(void)state;
	open_card(1, 0, 0);
	give_buffers(1, 300);
	arrive(frame, 1000, 1);
	assert_int_equal(rig_take(&rig, RECEIVE, NULL, 0), -1);
	arrive(frame, 100, 1);
	assert_int_equal(rig_take(&rig, RECEIVE, NULL, 0), HEADER + 100);
}

static void test_buffer_without_room_for_a_header(void **state)
{
	(void)state;
	open_card(1, 0, MRG);
	give_buffers(4, HEADER - 1);
	assert_true(rig_is_broken(&rig));
}

/* --- control */

static int command(uint8_t class, uint8_t which, const void *data, uint32_t data_bytes)
{
	uint8_t out[1024] = {class, which};
	uint8_t ack = 0xee;

	if (data_bytes)
		memcpy(out + 2, data, data_bytes);
	rig_send(&rig, CONTROL, out, 2 + data_bytes, 1);
	rig_turn(&rig, 1);
	return rig_take(&rig, CONTROL, &ack, 1) == 1 ? ack : -1;
}

static unsigned received(const uint8_t address[6])
{
	unsigned count = 0;

	memcpy(frame + HEADER, address, 6);
	arrive(frame, 60, 1);
	while (rig_take(&rig, RECEIVE, NULL, 0) >= 0)
		count++;
	give_buffers(count, 2000);
	return count;
}

static void test_filter(void **state)
{
	static const uint8_t stranger[6] = {2, 0, 0, 0, 0, 9};
	static const uint8_t group[6] = {1, 0, 0x5e, 0, 0, 1};
	static const uint8_t all[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
	uint8_t table[4 + 6 + 4 + 6] = {1};

	(void)state;
	open_card(1, 0, VIRTIO_BIT(VIRTIO_NET_F_CTRL_VQ) | VIRTIO_BIT(VIRTIO_NET_F_CTRL_RX));
	give_buffers(4, 2000);
	assert_int_equal(received(stranger), 1);
	assert_int_equal(command(0, 0, "\0", 1), VIRTIO_NET_OK);
	assert_int_equal(received(stranger), 0);
	assert_int_equal(received(group), 0);
	assert_int_equal(received(our_mac), 1);
	assert_int_equal(received(all), 1);
	assert_int_equal(command(0, 1, "\1", 1), VIRTIO_NET_OK);
	assert_int_equal(received(group), 1);
	assert_int_equal(command(0, 1, "\0", 1), VIRTIO_NET_OK);
	memcpy(table + 4, stranger, 6);
	table[10] = 1;
	memcpy(table + 14, group, 6);
	assert_int_equal(command(1, 0, table, sizeof(table)), VIRTIO_NET_OK);
	assert_int_equal(received(stranger), 1);
	assert_int_equal(received(group), 1);
	assert_int_equal(command(1, 1, stranger, 6), VIRTIO_NET_OK);
	assert_int_equal(received(our_mac), 0);
	virtio_write_status(rig.vdev, 0);
	rig_start(&rig, 0);
	give_buffers(4, 2000);
	assert_int_equal(received(group), 1);
}

/* A table that is longer than ours lets all frames pass; a count that lies is refused, and quickly. */
static void test_long_tables(void **state)
{
	static const uint8_t stranger[6] = {2, 0, 0, 0, 0, 9};
	uint8_t table[4 + 40 * 6 + 4] = {40};
	const uint32_t lie = UINT32_MAX;

	(void)state;
	open_card(1, 0, VIRTIO_BIT(VIRTIO_NET_F_CTRL_VQ) | VIRTIO_BIT(VIRTIO_NET_F_CTRL_RX));
	give_buffers(4, 2000);
	assert_int_equal(command(0, 0, "\0", 1), VIRTIO_NET_OK);
	assert_int_equal(received(stranger), 0);
	assert_int_equal(command(1, 0, table, sizeof(table)), VIRTIO_NET_OK);
	assert_int_equal(received(stranger), 1);
	memcpy(table, &lie, sizeof(lie));
	assert_int_equal(command(1, 0, table, sizeof(table)), VIRTIO_NET_ERR);
	table[0] = 41;
	table[1] = table[2] = table[3] = 0;
	assert_int_equal(command(1, 0, table, sizeof(table)), VIRTIO_NET_ERR);
	assert_int_equal(received(stranger), 1); /* as before */
}

static void test_bad_commands(void **state)
{
	static const uint8_t group[6] = {1};

	(void)state;
	open_card(1, ALL_OFFLOADS, VIRTIO_BIT(VIRTIO_NET_F_CTRL_VQ));
	assert_int_equal(command(0, 0, NULL, 0), VIRTIO_NET_ERR);
	assert_int_equal(command(0, 0, "\2", 1), VIRTIO_NET_ERR);
	assert_int_equal(command(0, 2, "\1", 1), VIRTIO_NET_ERR);
	assert_int_equal(command(1, 1, group, 6), VIRTIO_NET_ERR);
	assert_int_equal(command(1, 1, group, 5), VIRTIO_NET_ERR);
	assert_int_equal(command(1, 2, group, 6), VIRTIO_NET_ERR);
	assert_int_equal(command(4, 0, "\1", 2), VIRTIO_NET_ERR); /* MQ is not negotiated */
	assert_int_equal(command(5, 0, "\0\0\0\0\0\0\0", 8), VIRTIO_NET_ERR);
	assert_int_equal(command(77, 0, NULL, 0), VIRTIO_NET_ERR);
	assert_false(rig_is_broken(&rig));
}

static void test_offloads_by_command(void **state)
{
	const uint64_t features = VIRTIO_BIT(VIRTIO_NET_F_CTRL_VQ) |
				  VIRTIO_BIT(VIRTIO_NET_F_CTRL_GUEST_OFFLOADS) |
				  VIRTIO_BIT(VIRTIO_NET_F_GUEST_CSUM) |
				  VIRTIO_BIT(VIRTIO_NET_F_GUEST_TSO4);
	uint64_t wanted = VIRTIO_BIT(VIRTIO_NET_F_GUEST_CSUM);

	(void)state;
	open_card(1, ALL_OFFLOADS, features);
	assert_int_equal(wire.offloads, NET_OFFLOAD_CSUM | NET_OFFLOAD_TSO4);
	assert_int_equal(command(5, 0, &wanted, 8), VIRTIO_NET_OK);
	assert_int_equal(wire.offloads, NET_OFFLOAD_CSUM);
	wanted |= VIRTIO_BIT(VIRTIO_NET_F_GUEST_TSO6);
	assert_int_equal(command(5, 0, &wanted, 8), VIRTIO_NET_ERR);
	assert_int_equal(wire.offloads, NET_OFFLOAD_CSUM);
}

/* With IN_ORDER a frame that is not wanted must not hold up the next one. */
static void test_filter_in_order(void **state)
{
	static const uint8_t stranger[6] = {2, 0, 0, 0, 0, 9};

	(void)state;
	open_card(1, 0, ORDER | VIRTIO_BIT(VIRTIO_NET_F_CTRL_VQ));
	rig.queue[RECEIVE].is_in_order = rig.queue[CONTROL].is_in_order = true;
	give_buffers(4, 2000);
	assert_int_equal(command(0, 0, "\0", 1), VIRTIO_NET_OK);
	memcpy(frame + HEADER, stranger, 6);
	arrive(frame, 60, 2);
	assert_int_equal(received(our_mac), 1);
}

static void test_link(void **state)
{
	uint16_t status;

	(void)state;
	open_card(1, 0, VIRTIO_BIT(VIRTIO_NET_F_STATUS));
	wire.down = true;
	wire.link_changed(wire.link_ctx);
	virtio_read_config(rig.vdev, 6, &status, sizeof(status));
	assert_int_equal(status, 0);
	assert_int_equal(rig.config_interrupts, 1);
}

/* A driver without MQ has its control queue as number 2, whatever pairs there are. */
static void test_control_queue_without_mq(void **state)
{
	(void)state;
	open_card(2, 0, VIRTIO_BIT(VIRTIO_NET_F_CTRL_VQ));
	assert_int_equal(rig.vdev->queue_count, 5);
	assert_int_equal(command(0, 0, "\1", 1), VIRTIO_NET_OK);
}

#define TEST(name) cmocka_unit_test_teardown(name, destroy)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_send),
		TEST(test_send_asks_too_much),
		TEST(test_send_offloads),
		TEST(test_send_framing),
		TEST(test_send_too_long),
		TEST(test_back_end_is_full),
		TEST(test_receive),
		TEST(test_mergeable),
		TEST(test_large_frame_in_small_buffers),
		TEST(test_not_enough_buffers),
		TEST(test_too_long_without_mergeable),
		TEST(test_buffer_without_room_for_a_header),
		TEST(test_filter),
		TEST(test_long_tables),
		TEST(test_bad_commands),
		TEST(test_offloads_by_command),
		TEST(test_filter_in_order),
		TEST(test_link),
		TEST(test_control_queue_without_mq),
	};

	return cmocka_run_group_tests_name("virtio_net", tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT
 *
 * The bundled guest's IP and UDP: fragments, ports nobody has, and multicast groups.
 */
#include "tests/kernel/net_peer.h"

#define PORT 5000
#define FLOOD 10000
#define FLOOD_BYTES_MAX (512 * 1024) /* that half-known datagrams may take */
#define MORE 0x2000
#define FRAGMENT 1400u
#define DATAGRAM (3 * FRAGMENT)
#define ICMP_UNREACHABLE 3
#define ICMP_PORT 3
#define IP_ADD_MEMBERSHIP 35
#define IP_DROP_MEMBERSHIP 36
#define IGMP 2
#define IGMP_REPORT 0x16
#define IGMP_LEAVE 0x17

static uint8_t buffer[65536], datagram[DATAGRAM];

static struct file *bound_to(uint16_t port)
{
	const struct socket_name name = rig_name(0, 0, 0, 0, port);
	struct file *file = rig_socket(SOCK_DGRAM, 0);

	assert_int_equal(file->operations->socket->bind(file, &name), 0);
	return file;
}

static int connect_to(struct file *file, const struct socket_name *name)
{
	return file->operations->socket->connect(file, name);
}

static void send_udp(unsigned port, const void *data, size_t bytes)
{
	uint8_t frame[NET_FRAME_MAX];
	const size_t at = make_ip(frame, 17, 8 + bytes, 0);

	be16_put(frame + at, 53);
	be16_put(frame + at + 2, port);
	be16_put(frame + at + 4, (unsigned)(8 + bytes));
	memcpy(frame + at + 8, data, bytes);
	put_sums_right(frame, at + 8 + bytes);
	rig_deliver(frame, (unsigned)(at + 8 + bytes));
}

/* --- fragments of the datagram, which has no checksum of its own */
static void make_datagram(void)
{
	fill(datagram, DATAGRAM);
	be16_put(datagram, 53);
	be16_put(datagram + 2, PORT);
	be16_put(datagram + 4, DATAGRAM);
	be16_put(datagram + 6, 0);
}

static void send_fragment(unsigned number, unsigned i)
{
	uint8_t frame[NET_FRAME_MAX];
	const unsigned place = i * FRAGMENT / 8 | (i < 2 ? MORE : 0);
	const size_t at = make_ip(frame, 17, FRAGMENT, place);

	be16_put(frame + 18, number);
	memcpy(frame + at, datagram + i * FRAGMENT, FRAGMENT);
	be16_put(frame + 24, 0);
	be16_put(frame + 24, ~plain_sum(frame + 14, 20, 0) & 0xffff);
	rig_deliver(frame, (unsigned)(at + FRAGMENT));
}

static void fragments_are_put_together(void **state)
{
	static const uint8_t orders[][3] = {{0, 1, 2}, {2, 1, 0}, {1, 2, 0}};
	struct file *file = bound_to(PORT);
	const size_t before = rig_memory_used;

	(void)state;
	make_datagram();
	for (unsigned i = 0; i < 3; i++) {
		send_fragment(100 + i, orders[i][0]);
		send_fragment(100 + i, orders[i][1]);
		send_fragment(100 + i, orders[i][1]); /* twice */
		assert_int_equal(rig_read(file, buffer, sizeof(buffer)), -EAGAIN);
		send_fragment(100 + i, orders[i][2]);
		assert_int_equal(rig_read(file, buffer, sizeof(buffer)), DATAGRAM - 8);
		assert_memory_equal(buffer, datagram + 8, DATAGRAM - 8);
	}
	assert_int_equal(rig_memory_used, before);
	rig_close(file);
}

static void a_flood_of_first_fragments_takes_little(void **state)
{
	struct file *file = bound_to(PORT);
	const size_t before = rig_memory_used;

	(void)state;
	make_datagram();
	for (unsigned i = 0; i < FLOOD; i++) {
		send_fragment(i, 0);
		wire_forget(); /* ICMP says that time is exceeded for those that had to go */
		assert_true(rig_memory_used < before + FLOOD_BYTES_MAX);
	}
	for (unsigned i = 0; i < 3; i++)
		send_fragment(FLOOD, i);
	assert_int_equal(rig_read(file, buffer, sizeof(buffer)), DATAGRAM - 8);
	wire_pass(60000);
	wire_forget();
	assert_int_equal(rig_memory_used, before);
	rig_close(file);
}

/* --- ports */
static void a_closed_port_is_told_of(void **state)
{
	const uint8_t *answer;

	(void)state;
	send_udp(4999, "anybody?", 8);
	answer = wire_take(1);
	assert_non_null(answer);
	assert_memory_equal(answer + 30, our_ip, 4);
	assert_int_equal(answer[34], ICMP_UNREACHABLE);
	assert_int_equal(answer[35], ICMP_PORT);
	assert_memory_equal(answer + 42 + 12, our_ip, 4); /* the header of what came */
	assert_int_equal(be16_get(answer + 42 + 20 + 2), 4999);
}

/* Answers the guest's last datagram with ICMP's word that nobody has its port; changes one byte of the quote. */
static void refuse(const uint8_t *sent, unsigned changed)
{
	uint8_t frame[NET_FRAME_MAX];
	const size_t at = make_ip(frame, 1, 8 + 28, 0);

	memset(frame + at, 0, 8);
	frame[at] = ICMP_UNREACHABLE;
	frame[at + 1] = ICMP_PORT;
	memcpy(frame + at + 8, sent + 14, 28);
	frame[at + 8 + changed] ^= changed ? 1 : 0;
	put_sums_right(frame, at + 36);
	rig_deliver(frame, (unsigned)(at + 36));
}

static void a_refused_datagram_is_an_error(void **state)
{
	const struct socket_name name = rig_name(10, 0, 0, 1, 4998);
	struct file *file = rig_socket(SOCK_DGRAM, 0), *other = bound_to(PORT);
	static const uint8_t misquoted[] = {9, 16, 21, 23}; /* protocol, address, both ports */
	uint8_t sent[64];
	const uint8_t *frame;

	(void)state;
	assert_int_equal(connect_to(file, &name), 0);
	assert_int_equal(rig_write(file, "hello", 5), 5);
	frame = wire_take(17);
	assert_non_null(frame);
	memcpy(sent, frame, sizeof(sent));
	for (unsigned i = 0; i < sizeof(misquoted); i++) {
		refuse(sent, misquoted[i]);
		assert_int_equal(rig_read(file, buffer, sizeof(buffer)), -EAGAIN);
	}
	refuse(sent, 0);
	assert_int_equal(rig_read(other, buffer, sizeof(buffer)), -EAGAIN);
	assert_int_equal(rig_read(file, buffer, sizeof(buffer)), -ECONNREFUSED);
	assert_int_equal(rig_read(file, buffer, sizeof(buffer)), -EAGAIN);
	refuse(sent, 0);
	assert_int_equal(rig_write(file, "hello", 5), -ECONNREFUSED);
	assert_int_equal(rig_write(file, "hello", 5), 5);
	rig_close(file);
	rig_close(other);
	refuse(sent, 0); /* of one that is gone */
	wire_forget();
}

static void loopback_refuses_too(void **state)
{
	const struct socket_name name = rig_name(127, 0, 0, 1, 4997);
	struct file *file = rig_socket(SOCK_DGRAM, 0);

	(void)state;
	assert_int_equal(connect_to(file, &name), 0);
	assert_int_equal(rig_write(file, "hello", 5), 5);
	assert_int_equal(rig_read(file, buffer, sizeof(buffer)), -ECONNREFUSED);
	rig_close(file);
}

static void a_udp_port_belongs_to_one(void **state)
{
	const struct socket_name name = rig_name(0, 0, 0, 0, PORT);
	struct file *first = bound_to(PORT), *second = rig_socket(SOCK_DGRAM, 0);

	(void)state;
	assert_int_equal(second->operations->socket->bind(second, &name), -EADDRINUSE);
	rig_close(first);
	assert_int_equal(second->operations->socket->bind(second, &name), 0);
	rig_close(second);
}

static void what_nobody_reads_is_bounded(void **state)
{
	struct file *file = bound_to(PORT);
	const size_t before = rig_memory_used;
	unsigned came = 0;

	(void)state;
	for (unsigned i = 0; i < 1000; i++)
		send_udp(PORT, datagram, 1000);
	assert_true(rig_memory_used < before + 500 * 1024);
	while (rig_read(file, buffer, sizeof(buffer)) == 1000)
		came++;
	assert_in_range(came, 100, 300);
	assert_int_equal(rig_memory_used, before);
	rig_close(file);
}

/* --- multicast: 224.1.2.3 */
static void send_to_group(const void *data, size_t bytes)
{
	static const uint8_t group[] = {224, 1, 2, 3}, mac[] = {1, 0, 0x5e, 1, 2, 3};
	uint8_t frame[NET_FRAME_MAX];
	const size_t at = make_ip(frame, 17, 8 + bytes, 0);

	memcpy(frame, mac, sizeof(mac));
	memcpy(frame + 30, group, sizeof(group));
	be16_put(frame + at, 53);
	be16_put(frame + at + 2, PORT);
	be16_put(frame + at + 4, (unsigned)(8 + bytes));
	memcpy(frame + at + 8, data, bytes);
	put_sums_right(frame, at + 8 + bytes);
	rig_deliver(frame, (unsigned)(at + 8 + bytes));
}

static int change_membership(struct file *file, int option)
{
	const uint8_t request[] = {224, 1, 2, 3, 10, 0, 0, 2};

	return file->operations->socket->set_option(file, 0, option, (uint64_t)request,
						    sizeof(request));
}

static void groups_are_joined_and_left(void **state)
{
	struct file *file = bound_to(PORT);
	const uint8_t *frame;

	(void)state;
	send_to_group("early", 5);
	assert_int_equal(rig_read(file, buffer, sizeof(buffer)), -EAGAIN);
	assert_int_equal(change_membership(file, IP_DROP_MEMBERSHIP), -EADDRNOTAVAIL);
	assert_int_equal(change_membership(file, IP_ADD_MEMBERSHIP), 0);
	assert_int_equal(change_membership(file, IP_ADD_MEMBERSHIP), -EADDRINUSE);
	frame = wire_take(IGMP);
	assert_non_null(frame);
	assert_int_equal(frame[38], IGMP_REPORT); /* behind the option for routers */
	send_to_group("member", 6);
	assert_int_equal(rig_read(file, buffer, sizeof(buffer)), 6);
	wire_pass(20000);
	wire_forget(); /* the report again */
	assert_int_equal(change_membership(file, IP_DROP_MEMBERSHIP), 0);
	frame = wire_take(IGMP);
	assert_non_null(frame);
	assert_int_equal(frame[38], IGMP_LEAVE);
	send_to_group("late", 4);
	assert_int_equal(rig_read(file, buffer, sizeof(buffer)), -EAGAIN);

	assert_int_equal(change_membership(file, IP_ADD_MEMBERSHIP), 0);
	wire_pass(20000);
	wire_forget();
	rig_close(file); /* leaves */
	frame = wire_take(IGMP);
	assert_non_null(frame);
	assert_int_equal(frame[38], IGMP_LEAVE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fragments_are_put_together),
		cmocka_unit_test(a_flood_of_first_fragments_takes_little),
		cmocka_unit_test(a_closed_port_is_told_of),
		cmocka_unit_test(a_refused_datagram_is_an_error),
		cmocka_unit_test(loopback_refuses_too),
		cmocka_unit_test(a_udp_port_belongs_to_one),
		cmocka_unit_test(what_nobody_reads_is_bounded),
		cmocka_unit_test(groups_are_joined_and_left),
	};

	return cmocka_run_group_tests(tests, wire_start, NULL);
}

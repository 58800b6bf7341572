/* SPDX-License-Identifier: MIT
 *
 * The bundled guest's TCP: over loopback, and with a peer who loses, reorders and floods.
 */
#include "tests/kernel/net_peer.h"

#define PORT 80
#define MSS 1460u
#define SYNS 10000
#define BACKLOG 16
#define FLOOD_BYTES_MAX 65536 /* that BACKLOG half-open connections may take */

static uint8_t buffer[200000], data[200000];

static int connect_to(struct file *file, struct socket_name name)
{
	return file->operations->socket->connect(file, &name);
}

/* --- loopback */
static void data_goes_both_ways_and_ends(void **state)
{
	struct file *listener = listen_at(1000, 1), *client = rig_socket(SOCK_STREAM, 0), *server;

	(void)state;
	assert_null(accept_one(listener));
	assert_int_equal(connect_to(client, rig_name(127, 0, 0, 1, 1000)), 0);
	server = accept_one(listener);
	assert_non_null(server);
	fill(data, 50000);
	assert_int_equal(rig_write(client, data, 50000), 50000);
	wire_pass(1000); /* the end of it waits for a delayed acknowledgement */
	assert_int_equal(rig_read(server, buffer, sizeof(buffer)), 50000);
	assert_memory_equal(buffer, data, 50000);
	assert_int_equal(rig_write(server, "pong", 4), 4);
	assert_int_equal(rig_read(client, buffer, sizeof(buffer)), 4);
	assert_int_equal(rig_read(client, buffer, sizeof(buffer)), -EAGAIN);

	assert_int_equal(client->operations->socket->shutdown(client, false, true), 0);
	assert_int_equal(rig_write(client, "x", 1), -EPIPE);
	assert_int_equal(rig_read(server, buffer, sizeof(buffer)), 0);
	assert_int_equal(rig_write(server, "late", 4), 4);
	assert_int_equal(rig_read(client, buffer, sizeof(buffer)), 4);
	rig_close(server);
	assert_int_equal(rig_read(client, buffer, sizeof(buffer)), 0);
	rig_close(client);
	rig_close(listener);
}

static void nobody_listens(void **state)
{
	struct file *client = rig_socket(SOCK_STREAM, 0);
	struct peer peer = {.port = 9};
	struct segment syn;

	(void)state;
	assert_int_equal(connect_to(client, rig_name(127, 0, 0, 1, 9)), -ECONNREFUSED);
	assert_int_equal(connect_to(client, rig_name(10, 0, 0, 1, 9)), -EINPROGRESS);
	assert_true(take_segment(&syn));
	assert_int_equal(syn.flags, TCP_SYN);
	peer.guest_port = syn.guest_port;
	peer.expected = syn.number + 1;
	peer_send(&peer, TCP_RST | TCP_ACK, NULL, 0);
	assert_int_equal(socket_error(client), -ECONNREFUSED);
	rig_close(client);
}

static void nobody_answers(void **state)
{
	struct file *client = rig_socket(SOCK_STREAM, 0);
	struct segment syn;
	unsigned syns = 0;

	(void)state;
	assert_int_equal(connect_to(client, rig_name(10, 0, 0, 1, 9)), -EINPROGRESS);
	wire_pass(180000);
	while (take_segment(&syn))
		syns += syn.flags == TCP_SYN;
	assert_in_range(syns, 3, 10);
	assert_int_equal(socket_error(client), -ETIMEDOUT);
	rig_close(client);
}

static void a_port_belongs_to_one(void **state)
{
	const struct socket_name name = rig_name(0, 0, 0, 0, PORT);
	struct file *listener = listen_at(PORT, 1), *second = rig_socket(SOCK_STREAM, 0);

	(void)state;
	assert_int_equal(second->operations->socket->bind(second, &name), -EADDRINUSE);
	rig_close(listener);
	assert_int_equal(second->operations->socket->bind(second, &name), 0);
	rig_close(second);
}

/* --- a peer */
static void a_lost_segment_is_sent_again(void **state)
{
	struct file *listener = listen_at(PORT, 1), *file;
	struct peer peer = {.port = 2000, .guest_port = PORT, .window = 8192};
	struct segment lost, again;

	(void)state;
	file = peer_connect(&peer, listener);
	assert_int_equal(rig_write(file, "something", 9), 9);
	assert_true(take_segment(&lost));
	assert_int_equal(lost.bytes, 9);
	assert_false(take_segment(&again));
	wire_pass(4000);
	assert_true(take_segment(&again));
	assert_int_equal(again.number, peer.expected);
	assert_int_equal(again.bytes, 9);
	assert_memory_equal(again.data, "something", 9);
	peer.expected += 9;
	peer_send(&peer, TCP_ACK, NULL, 0);
	while (take_segment(&again))
		;
	wire_pass(30000);
	assert_false(take_segment(&again));
	break_off(&peer, file);
	rig_close(listener);
}

static void segments_are_put_in_order(void **state)
{
	struct file *listener = listen_at(PORT, 1), *file;
	struct peer peer = {.port = 2001, .guest_port = PORT, .window = 8192};
	struct segment answer = {.bytes = 0};

	(void)state;
	file = peer_connect(&peer, listener);
	fill(data, 4 * MSS);
	peer_send_ahead(&peer, 3 * MSS, data + 3 * MSS, MSS);
	peer_send_ahead(&peer, MSS, data + MSS, MSS);
	peer_send_ahead(&peer, MSS / 2, data + MSS / 2, MSS); /* overlaps */
	assert_int_equal(rig_read(file, buffer, sizeof(buffer)), -EAGAIN);
	peer_send(&peer, TCP_ACK, data, MSS);
	assert_int_equal(rig_read(file, buffer, sizeof(buffer)), 2 * MSS);
	peer.next += MSS;
	peer_send(&peer, TCP_ACK, data + 2 * MSS, MSS);
	assert_int_equal(rig_read(file, buffer + 2 * MSS, sizeof(buffer)), 2 * MSS);
	assert_memory_equal(buffer, data, 4 * MSS);
	peer.next += MSS;
	wire_pass(1000);
	while (take_segment(&answer))
		;
	assert_int_equal(answer.acknowledged, peer.next);
	break_off(&peer, file);
	rig_close(listener);
}

static void the_peers_window_is_kept(void **state)
{
	struct file *listener = listen_at(PORT, 1), *file;
	struct peer peer = {.port = 2002, .guest_port = PORT, .window = 1000};
	struct segment segment;
	unsigned came = 0;

	(void)state;
	file = peer_connect(&peer, listener);
	fill(data, 3000);
	assert_int_equal(rig_write(file, data, 3000), 3000);
	wire_pass(2000);
	while (take_segment(&segment))
		came = segment.number + segment.bytes - peer.expected;
	assert_int_equal(came, 1000);
	peer.expected += 1000;
	peer.window = 0;
	peer_send(&peer, TCP_ACK, NULL, 0);
	wire_pass(60000);
	while (take_segment(&segment)) { /* the probes that ask whether it has opened */
		assert_in_range(segment.bytes, 0, 1);
		peer_send(&peer, TCP_ACK, NULL, 0);
	}
	peer.window = 8192;
	peer_send(&peer, TCP_ACK, NULL, 0);
	assert_int_equal(peer_read(&peer, buffer, sizeof(buffer), 5000), 2000);
	assert_memory_equal(buffer, data + 1000, 2000);
	break_off(&peer, file);
	rig_close(listener);
}

static void our_window_closes_and_opens(void **state)
{
	struct file *listener = listen_at(PORT, 1), *file;
	struct peer peer = {.port = 2003, .guest_port = PORT, .window = 8192};
	struct segment answer = {.window = 65535};
	unsigned sent = 0;

	(void)state;
	file = peer_connect(&peer, listener);
	fill(data, sizeof(data));
	while (answer.window >= MSS) {
		assert_true(sent + MSS <= sizeof(data));
		peer_send(&peer, TCP_ACK, data + sent, MSS);
		sent += MSS;
		while (take_segment(&answer))
			;
	}
	for (unsigned i = 0; i < 20; i++) /* beyond the window: not taken */
		peer_send_ahead(&peer, i * MSS, data + sent, MSS);
	wire_pass(1000);
	while (take_segment(&answer))
		;
	assert_in_range(answer.acknowledged - peer.next, 0, MSS);
	assert_in_range(rig_read(file, buffer, sizeof(buffer)), sent, sent + MSS);
	assert_memory_equal(buffer, data, sent);
	assert_true(take_segment(&answer));
	assert_true(answer.window > 8 * MSS);
	peer.next = answer.acknowledged;
	break_off(&peer, file);
	rig_close(listener);
}

/* --- hostile ones */
static void a_flood_of_syns_takes_little(void **state)
{
	struct file *listener = listen_at(PORT, BACKLOG), *file;
	struct peer flood = {.guest_port = PORT, .window = 8192};
	struct peer honest = {.port = 2004, .guest_port = PORT, .window = 8192};
	struct segment answer;
	const size_t before = rig_memory_used;
	unsigned answers = 0;

	(void)state;
	for (unsigned i = 0; i < SYNS; i++) {
		flood.port = (uint16_t)(10000 + i);
		peer_send(&flood, TCP_SYN, NULL, 0);
		assert_true(rig_memory_used < before + FLOOD_BYTES_MAX);
		while (take_segment(&answer))
			answers += answer.flags == (TCP_SYN | TCP_ACK);
	}
	assert_in_range(answers, 1, BACKLOG + 1);
	for (unsigned s = 0; s < 60; s++) {
		wire_pass(1000);
		wire_forget();
	}
	assert_int_equal(rig_memory_used, before);
	file = peer_connect(&honest, listener);
	peer_send(&honest, TCP_ACK, "hello", 5);
	assert_int_equal(rig_read(file, buffer, sizeof(buffer)), 5);
	break_off(&honest, file);
	rig_close(listener);
}

/* Each changes one byte of a good segment with data, which then is to be dropped. */
static void malformed_segments_are_dropped(void **state)
{
	static const struct {
		uint8_t at, value;
		bool sums_right;
	} change[] = {
		{14, 0x46, true},  /* a longer IP header than there is */
		{14, 0x44, false}, /* a shorter one than is possible */
		{14, 0x65, true},  /* IP version 6 */
		{16, 0xff, true},  /* more bytes than came */
		{17, 19, true},	   /* fewer than a header has */
		{46, 0xf0, true},  /* TCP's header is longer than the segment */
		{46, 0x40, true},  /* or too short */
		{50, 0x12, false}, /* a wrong checksum */
		{24, 0x12, false}, /* IP's */
	};
	struct file *listener = listen_at(PORT, 1), *file;
	struct peer peer = {.port = 2005, .guest_port = PORT, .window = 8192};
	uint8_t frame[NET_FRAME_MAX];

	(void)state;
	file = peer_connect(&peer, listener);
	for (unsigned i = 0; i < sizeof(change) / sizeof(change[0]); i++) {
		const size_t bytes = make_tcp(frame, &peer, peer.next, TCP_ACK, "evil", 4);

		frame[change[i].at] = change[i].value;
		if (change[i].sums_right)
			put_sums_right(frame, bytes);
		rig_deliver(frame, (unsigned)bytes);
		assert_int_equal(rig_read(file, buffer, sizeof(buffer)), -EAGAIN);
	}
	for (unsigned bytes = 1; bytes < 54; bytes++) { /* cut short */
		make_tcp(frame, &peer, peer.next, TCP_ACK, "evil", 4);
		rig_deliver(frame, bytes);
	}
	assert_int_equal(rig_read(file, buffer, sizeof(buffer)), -EAGAIN);
	peer_send(&peer, TCP_ACK, "good", 4);
	assert_int_equal(rig_read(file, buffer, sizeof(buffer)), 4);
	assert_memory_equal(buffer, "good", 4);
	break_off(&peer, file);
	rig_close(listener);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(data_goes_both_ways_and_ends),
		cmocka_unit_test(nobody_listens),
		cmocka_unit_test(nobody_answers),
		cmocka_unit_test(a_port_belongs_to_one),
		cmocka_unit_test(a_lost_segment_is_sent_again),
		cmocka_unit_test(segments_are_put_in_order),
		cmocka_unit_test(the_peers_window_is_kept),
		cmocka_unit_test(our_window_closes_and_opens),
		cmocka_unit_test(a_flood_of_syns_takes_little),
		cmocka_unit_test(malformed_segments_are_dropped),
	};

	return cmocka_run_group_tests(tests, wire_start, NULL);
}

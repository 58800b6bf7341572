/* SPDX-License-Identifier: MIT
 *
 * The bundled guest's TCP/IP with the cable unplugged: connections outlive it for as long as they would a silent peer, and
 * nothing new goes that way.
 */
#include "tests/kernel/net_peer.h"

#define PORT 80
#define NOTICED_MS 2000 /* the card is looked at each second */
#define SHORT_MS 60000
#define LONG_MS (60 * 60000u) /* beyond TCP's last retransmission */

static struct file *listener, *file;
static struct peer peer;
static uint8_t buffer[4096];

static int start(void **state)
{
	(void)state;
	listener = listen_at(PORT, 1);
	peer = (struct peer){.port = (uint16_t)(peer.port + 1), .guest_port = PORT, .window = 8192};
	file = peer_connect(&peer, listener);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	break_off(&peer, file);
	rig_close(listener);
	return 0;
}

static void plug(bool in)
{
	rig_has_link = in;
	wire_pass(NOTICED_MS);
}

static bool is_silent(void)
{
	return wire.first == wire.end;
}

static void what_was_under_way_arrives_later(void **state)
{
	(void)state;
	assert_int_equal(rig_write(file, "lost", 4), 4);
	wire_forget();
	rig_has_link = false;
	wire_pass(SHORT_MS);
	wire_forget(); /* until it was noticed */
	wire_pass(SHORT_MS);
	assert_true(is_silent());
	plug(true);
	assert_int_equal(peer_read(&peer, buffer, sizeof(buffer), 4 * SHORT_MS), 4);
	assert_memory_equal(buffer, "lost", 4);
}

static void what_is_written_meanwhile_arrives_later(void **state)
{
	(void)state;
	plug(false);
	assert_int_equal(rig_write(file, "one ", 4), 4);
	wire_pass(SHORT_MS);
	assert_int_equal(rig_write(file, "two", 3), 3);
	assert_true(is_silent());
	plug(true);
	assert_int_equal(peer_read(&peer, buffer, sizeof(buffer), 4 * SHORT_MS), 7);
	assert_memory_equal(buffer, "one two", 7);
	peer_send(&peer, TCP_ACK, "three", 5);
	assert_int_equal(rig_read(file, buffer, sizeof(buffer)), 5);
}

static void a_closed_window_is_waited_for(void **state)
{
	(void)state;
	peer.window = 0;
	peer_send(&peer, TCP_ACK, NULL, 0);
	assert_int_equal(rig_write(file, "patience", 8), 8);
	plug(false);
	wire_forget();
	wire_pass(SHORT_MS);
	assert_true(is_silent());
	plug(true);
	wire_forget();
	peer.window = 8192;
	peer_send(&peer, TCP_ACK, NULL, 0);
	assert_int_equal(peer_read(&peer, buffer, sizeof(buffer), 4 * SHORT_MS), 8);
}

static void at_last_the_program_is_told(void **state)
{
	(void)state;
	plug(false);
	assert_int_equal(rig_write(file, "into the void", 13), 13);
	wire_pass(5 * SHORT_MS);
	assert_int_equal(rig_read(file, buffer, sizeof(buffer)), -EAGAIN);
	wire_pass(LONG_MS);
	assert_true(is_silent());
	assert_int_equal(rig_read(file, buffer, sizeof(buffer)), -ETIMEDOUT);
	assert_int_equal(rig_read(file, buffer, sizeof(buffer)), 0);
	assert_int_equal(rig_write(file, "x", 1), -EPIPE);
	plug(true);
}

/* What a program has closed goes away, too. */
static void what_is_closed_meanwhile_is_forgotten(void **state)
{
	struct file *other;
	struct peer second = {.port = 7000, .guest_port = PORT, .window = 8192};
	const size_t before = rig_memory_used;

	(void)state;
	other = peer_connect(&second, listener);
	plug(false);
	rig_close(other);
	wire_pass(LONG_MS);
	assert_int_equal(rig_memory_used, before);
	plug(true);
}

static void nothing_new_goes_that_way(void **state)
{
	const struct socket_name name = rig_name(10, 0, 0, 1, 9), own = rig_name(10, 0, 0, 2, PORT);
	struct file *stream = rig_socket(SOCK_STREAM, 0), *datagrams = rig_socket(SOCK_DGRAM, 0);
	struct file *accepted;

	(void)state;
	plug(false);
	assert_int_equal(stream->operations->socket->connect(stream, &name), -ENETUNREACH);
	assert_int_equal(datagrams->operations->socket->connect(datagrams, &name), -ENETUNREACH);
	assert_int_equal(stream->operations->socket->connect(stream, &own), 0);
	accepted = accept_one(listener);
	assert_non_null(accepted);
	assert_int_equal(rig_write(stream, "myself", 6), 6);
	assert_int_equal(rig_read(accepted, buffer, sizeof(buffer)), 6);
	assert_true(is_silent());
	plug(true);
	assert_int_equal(datagrams->operations->socket->connect(datagrams, &name), 0);
	rig_close(stream);
	rig_close(accepted);
	rig_close(datagrams);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_was_under_way_arrives_later, start, stop),
		cmocka_unit_test_setup_teardown(what_is_written_meanwhile_arrives_later, start,
						stop),
		cmocka_unit_test_setup_teardown(a_closed_window_is_waited_for, start, stop),
		cmocka_unit_test_setup_teardown(at_last_the_program_is_told, start, stop),
		cmocka_unit_test_setup_teardown(what_is_closed_meanwhile_is_forgotten, start, stop),
		cmocka_unit_test_setup_teardown(nothing_new_goes_that_way, start, stop),
	};

	return cmocka_run_group_tests(tests, wire_start, NULL);
}

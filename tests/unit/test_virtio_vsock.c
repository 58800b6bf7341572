/* SPDX-License-Identifier: MIT
 *
 * virtio-vsock: connections from both sides, bytes, credit both ways, half-closed and closed ends, limits, resets, and
 * packets no driver would send. Real Unix sockets on the host's side.
 */
#include "virtio_rig.h"

#include <errno.h>
#include <sys/socket.h>

#include "virtio/vsock_internal.h"

#define GUEST_CID 3
#define PACKET_ROOM (4096 + (uint32_t)sizeof(struct vsock_header))

enum { RECEIVE, TRANSMIT };

struct packet {
	struct vsock_header header;
	uint8_t payload[4096];
};

static struct rig rig;
static struct virtio_vsock_options options;
static int service_fd; /* listens where the guest's port 7 goes */

static void open_vsock(void)
{
	char path[UNIX_SOCKET_PATH_BYTES];

	options.cid = GUEST_CID;
	snprintf(options.path, sizeof(options.path), "/tmp/test-virtio-vsock.%d", getpid());
	options.listen_fd = unix_socket_listen(options.path, 16);
	snprintf(path, sizeof(path), "%s_7", options.path);
	service_fd = unix_socket_listen(path, 64);
	assert_true(options.listen_fd >= 0 && service_fd >= 0);
	rig_open(&rig, &virtio_vsock_model, &options, GMEM_ANONYMOUS);
	rig_start(&rig, 0);
}

static void close_vsock(void)
{
	char path[UNIX_SOCKET_PATH_BYTES];

	rig_close(&rig);
	snprintf(path, sizeof(path), "%s_7", options.path);
	unlink(path);
	unlink(options.path);
	close(options.listen_fd);
	close(service_fd);
}

/* --- the guest's driver */

static void say_full(uint32_t host_port, uint32_t guest_port, uint16_t op, uint32_t flags,
		     const void *payload, uint32_t len_bytes, uint32_t buf_alloc, uint32_t fwd_cnt)
{
	struct packet packet = {.header = {.src_cid = GUEST_CID,
					   .dst_cid = VSOCK_CID_HOST,
					   .src_port = guest_port,
					   .dst_port = host_port,
					   .len_bytes = len_bytes,
					   .type = VSOCK_TYPE_STREAM,
					   .op = op,
					   .flags = flags,
					   .buf_alloc = buf_alloc,
					   .fwd_cnt = fwd_cnt}};

	if (len_bytes)
		memcpy(packet.payload, payload, len_bytes);
	rig_send(&rig, TRANSMIT, &packet, (uint32_t)sizeof(packet.header) + len_bytes, 0);
	rig_turn(&rig, 2);
	rig_take(&rig, TRANSMIT, NULL, 0);
}

static void say(uint32_t host_port, uint32_t guest_port, uint16_t op)
{
	say_full(host_port, guest_port, op, 0, NULL, 0, 65536, 0);
}

/* The next packet to the guest; false: there is none. */
static bool hear(struct packet *packet)
{
	memset(packet, 0, sizeof(*packet));
	if (rig.queue[RECEIVE].free_slots == RIG_QUEUE_SIZE)
		rig_send(&rig, RECEIVE, NULL, 0, PACKET_ROOM);
	rig_turn(&rig, 3);

	int got = rig_take(&rig, RECEIVE, packet, sizeof(*packet));

	if (got < 0)
		return false;
	assert_int_equal(got, sizeof(packet->header) + packet->header.len_bytes);
	assert_int_equal(packet->header.src_cid, VSOCK_CID_HOST);
	assert_int_equal(packet->header.dst_cid, GUEST_CID);
	assert_int_equal(packet->header.type, VSOCK_TYPE_STREAM);
	return true;
}

static struct packet expect(uint16_t op)
{
	struct packet packet;

	assert_true(hear(&packet));
	assert_int_equal(packet.header.op, op);
	return packet;
}

static void expect_silence(void)
{
	struct packet packet;

	assert_false(hear(&packet));
}

/* --- the host's programs */

static int host_connects(const char *line)
{
	int fd = unix_socket_connect(options.path);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, line, strlen(line)), strlen(line));
	rig_turn(&rig, 3);
	return fd;
}

static int accept_service(void)
{
	int fd = unix_socket_accept(service_fd);

	assert_true(fd >= 0);
	return fd;
}

static int connect_guest(uint32_t guest_port)
{
	say(7, guest_port, VSOCK_OP_REQUEST);
	struct packet packet = expect(VSOCK_OP_RESPONSE);

	assert_int_equal(packet.header.src_port, 7);
	assert_int_equal(packet.header.dst_port, guest_port);
	assert_int_equal(packet.header.buf_alloc, VSOCK_BUFFER_BYTES);
	return accept_service();
}

/* --- tests */

static void test_guest_connects(void **state)
{
	char bytes[16] = "";

	(void)state;
	open_vsock();
	int fd = connect_guest(1000);

	say_full(7, 1000, VSOCK_OP_RW, 0, "hello", 5, 65536, 0);
	assert_int_equal(read(fd, bytes, sizeof(bytes)), 5);
	assert_memory_equal(bytes, "hello", 5);
	assert_int_equal(write(fd, "world!", 6), 6);
	struct packet packet = expect(VSOCK_OP_RW);

	assert_memory_equal(packet.payload, "world!", 6);
	assert_int_equal(packet.header.fwd_cnt, 5);
	say_full(7, 1000, VSOCK_OP_SHUTDOWN, VSOCK_SHUT_BOTH, NULL, 0, 65536, 6);
	expect(VSOCK_OP_RST);
	assert_int_equal(read(fd, bytes, sizeof(bytes)), 0);
	close(fd);
	/* Nobody listens on port 8, and port 7 is free for another. */
	say(8, 1000, VSOCK_OP_REQUEST);
	expect(VSOCK_OP_RST);
	close(connect_guest(1000));
	close_vsock();
}

static void test_host_connects(void **state)
{
	char bytes[32] = "";
	char ok[32];

	(void)state;
	open_vsock();
	int fd = host_connects("CONNECT 52\nearly");
	struct packet packet = expect(VSOCK_OP_REQUEST);
	uint32_t port = packet.header.src_port;

	assert_int_equal(packet.header.dst_port, 52);
	expect_silence(); /* bytes wait for the answer */
	say(port, 52, VSOCK_OP_RESPONSE);
	packet = expect(VSOCK_OP_RW);
	assert_memory_equal(packet.payload, "early", 5);
	snprintf(ok, sizeof(ok), "OK %u\n", port);
	assert_int_equal(read(fd, bytes, sizeof(bytes)), strlen(ok));
	assert_string_equal(bytes, ok);
	close(fd);
	packet = expect(VSOCK_OP_SHUTDOWN);
	assert_int_equal(packet.header.flags, VSOCK_SHUT_BOTH);
	say(port, 52, VSOCK_OP_RST);
	expect_silence();
	/* Nobody listens in the guest. */
	fd = host_connects("CONNECT 53\n");
	packet = expect(VSOCK_OP_REQUEST);
	assert_true(packet.header.src_port != port);
	say(packet.header.src_port, 53, VSOCK_OP_RST);
	assert_int_equal(read(fd, bytes, sizeof(bytes)), 0);
	close(fd);
	close_vsock();
}

static void test_bad_lines(void **state)
{
	static const char *const lines[] = {
		"CONNECT\n",	"CONNECT x\n",	"CONNECT 5 \n",
		"connect 5\n",	"\n",		"CONNECT 4294967296\n",
		"CONNECT -1\n", "CONNECT +1\n", "CONNECT 00000000000000000000000000000000000052\n"};
	char byte;

	(void)state;
	open_vsock();
	for (unsigned i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		int fd = host_connects(lines[i]);

		assert_true(read(fd, &byte, 1) <= 0 && errno != EAGAIN);
		close(fd);
	}
	int fd = host_connects("CONN"); /* in two pieces, at last without an end */

	assert_int_equal(write(fd, "ECT 9", 5), 5);
	expect_silence();
	close(fd);
	expect_silence();
	fd = host_connects("CONN");
	assert_int_equal(write(fd, "ECT 9\n", 6), 6);
	assert_int_equal(expect(VSOCK_OP_REQUEST).header.dst_port, 9);
	close(fd);
	close_vsock();
}

/* Never more than the guest said it has room for; then one request for credit, and on with the next. */
static void test_credit_to_guest(void **state)
{
	static uint8_t bytes[10000];
	uint32_t got = 0;
	struct packet packet;

	(void)state;
	open_vsock();
	say_full(7, 1, VSOCK_OP_REQUEST, 0, NULL, 0, 5000, 0);
	expect(VSOCK_OP_RESPONSE);
	int fd = accept_service();

	assert_int_equal(write(fd, bytes, sizeof(bytes)), sizeof(bytes));
	while (hear(&packet) && packet.header.op == VSOCK_OP_RW)
		got += packet.header.len_bytes;
	assert_int_equal(got, 5000);
	assert_int_equal(packet.header.op, VSOCK_OP_CREDIT_REQUEST);
	expect_silence();
	say_full(7, 1, VSOCK_OP_CREDIT_UPDATE, 0, NULL, 0, 5000, 5000);
	while (hear(&packet) && packet.header.op == VSOCK_OP_RW)
		got += packet.header.len_bytes;
	assert_int_equal(got, sizeof(bytes));
	/* Nonsense: room shrinks below what is in flight. */
	assert_int_equal(write(fd, bytes, 100), 100);
	say_full(7, 1, VSOCK_OP_CREDIT_UPDATE, 0, NULL, 0, 10, 99999);
	while (hear(&packet))
		assert_int_equal(packet.header.op, VSOCK_OP_CREDIT_REQUEST);
	close(fd);
	close_vsock();
}

/* The guest fills our buffer and the socket's; what is above is refused, what is inside arrives whole. */
static void test_credit_of_guest(void **state)
{
	static uint8_t chunk[4096];
	static uint8_t back[sizeof(chunk)];
	uint64_t sent = 0;
	uint64_t got = 0;
	struct packet packet = {0};
	uint32_t told = 0;

	(void)state;
	open_vsock();
	int fd = connect_guest(5);

	/* As a driver does: only as much as there is credit for. */
	while (sent - told + sizeof(chunk) <= VSOCK_BUFFER_BYTES) {
		for (uint32_t i = 0; i < sizeof(chunk); i++)
			chunk[i] = (uint8_t)((sent + i) * 31 >> 3);
		say_full(7, 5, VSOCK_OP_RW, 0, chunk, sizeof(chunk), 65536, 0);
		sent += sizeof(chunk);
		while (hear(&packet)) {
			assert_int_equal(packet.header.op, VSOCK_OP_CREDIT_UPDATE);
			told = packet.header.fwd_cnt;
		}
		assert_true(sent < 100 << 20);
	}
	while (got < sent) {
		ssize_t count = read(fd, back, sizeof(back));

		for (ssize_t i = 0; i < count; i++)
			assert_int_equal(back[i], (uint8_t)((got + (uint64_t)i) * 31 >> 3));
		got += count > 0 ? (uint64_t)count : 0;
		if (count <= 0)
			rig_turn(&rig, 1);
	}
	packet = expect(VSOCK_OP_CREDIT_UPDATE);
	assert_int_equal(packet.header.fwd_cnt, (uint32_t)sent);
	/* And as none does. */
	for (unsigned i = 0; i < 2000 && !hear(&packet); i++)
		say_full(7, 5, VSOCK_OP_RW, 0, chunk, sizeof(chunk), 65536, 0);
	while (packet.header.op == VSOCK_OP_CREDIT_UPDATE)
		for (unsigned i = 0; i < 2000 && !hear(&packet); i++)
			say_full(7, 5, VSOCK_OP_RW, 0, chunk, sizeof(chunk), 65536, 0);
	assert_int_equal(packet.header.op, VSOCK_OP_RST);
	close(fd);
	close_vsock();
}

static void test_half_closed(void **state)
{
	char bytes[16] = "";

	(void)state;
	open_vsock();
	int fd = connect_guest(5);

	/* The host's program says that it has said all; the guest still answers. */
	assert_int_equal(write(fd, "last", 4), 4);
	shutdown(fd, SHUT_WR);
	expect(VSOCK_OP_RW);
	assert_int_equal(expect(VSOCK_OP_SHUTDOWN).header.flags, VSOCK_SHUT_SEND);
	say_full(7, 5, VSOCK_OP_RW, 0, "answer", 6, 65536, 4);
	assert_int_equal(read(fd, bytes, sizeof(bytes)), 6);
	close(fd);
	assert_int_equal(expect(VSOCK_OP_SHUTDOWN).header.flags, VSOCK_SHUT_BOTH);
	say_full(7, 5, VSOCK_OP_SHUTDOWN, VSOCK_SHUT_BOTH, NULL, 0, 65536, 4);
	expect(VSOCK_OP_RST);

	/* The other way round. */
	fd = connect_guest(6);
	say_full(7, 6, VSOCK_OP_SHUTDOWN, VSOCK_SHUT_SEND, NULL, 0, 65536, 0);
	assert_int_equal(read(fd, bytes, sizeof(bytes)), 0);
	assert_int_equal(write(fd, "reply", 5), 5);
	assert_memory_equal(expect(VSOCK_OP_RW).payload, "reply", 5);
	/* Bytes of one who said that he sends no more. */
	say_full(7, 6, VSOCK_OP_RW, 0, "x", 1, 65536, 5);
	expect(VSOCK_OP_RST);
	close(fd);
	close_vsock();
}

/* The host's program answers and goes without reading all: the guest still gets the answer. */
static void test_answer_of_one_who_left(void **state)
{
	(void)state;
	open_vsock();
	int fd = connect_guest(5);

	assert_int_equal(write(fd, "answer", 6), 6);
	close(fd);
	say_full(7, 5, VSOCK_OP_RW, 0, "unread", 6, 65536, 0);
	assert_memory_equal(expect(VSOCK_OP_RW).payload, "answer", 6);
	assert_int_equal(expect(VSOCK_OP_SHUTDOWN).header.flags, VSOCK_SHUT_BOTH);
	say_full(7, 5, VSOCK_OP_RW, 0, "late", 4, 65536, 6);
	say(7, 5, VSOCK_OP_RST);
	expect_silence();
	close_vsock();
}

static void test_packets_of_nobody(void **state)
{
	struct packet packet = {0};

	(void)state;
	open_vsock();
	for (uint16_t op = 0; op < 12; op++) {
		if (op == VSOCK_OP_REQUEST)
			continue;
		say(7, 1, op);
		if (op == VSOCK_OP_RST)
			expect_silence();
		else
			expect(VSOCK_OP_RST);
	}
	/* Another's CID, another's type. */
	packet.header = (struct vsock_header){.src_cid = 99,
					      .dst_cid = VSOCK_CID_HOST,
					      .op = VSOCK_OP_REQUEST,
					      .type = VSOCK_TYPE_STREAM,
					      .dst_port = 7};
	rig_send(&rig, TRANSMIT, &packet, sizeof(packet.header), 0);
	expect_silence();
	packet.header.src_cid = GUEST_CID;
	packet.header.type = 2;
	rig_send(&rig, TRANSMIT, &packet, sizeof(packet.header), 0);
	expect(VSOCK_OP_RST);
	assert_false(rig_is_broken(&rig));
	close_vsock();
}

/* More rejects than there is room for, and no buffer for any: the guest's packets wait, and all are answered. */
static void test_flood_of_orphans(void **state)
{
	struct vsock_header header = {.src_cid = GUEST_CID,
				      .dst_cid = VSOCK_CID_HOST,
				      .type = VSOCK_TYPE_STREAM,
				      .op = VSOCK_OP_RW};
	unsigned answered = 0;
	unsigned sent = 0;

	(void)state;
	open_vsock();
	for (; sent < 200; sent++) {
		while (rig_take(&rig, TRANSMIT, NULL, 0) >= 0)
			;
		if (!rig.queue[TRANSMIT].free_slots)
			break;
		header.src_port = sent;
		rig_send(&rig, TRANSMIT, &header, sizeof(header), 0);
		rig_turn(&rig, 1);
	}
	assert_int_equal(sent, VSOCK_ORPHAN_MAX + RIG_QUEUE_SIZE);
	for (struct packet packet; hear(&packet); answered++) {
		assert_int_equal(packet.header.op, VSOCK_OP_RST);
		assert_int_equal(packet.header.dst_port, answered);
	}
	assert_int_equal(answered, sent);
	close_vsock();
}

static void test_limits(void **state)
{
	char byte;

	(void)state;
	open_vsock();
	for (unsigned i = 0; i < VSOCK_CONN_MAX; i++) {
		int fd = connect_guest(100 + i);

		if (i % 2) { /* the guest never confirms the end of these */
			close(fd);
			expect(VSOCK_OP_SHUTDOWN);
		}
	}
	/* A new one takes the place of one whose host's end is gone. */
	for (unsigned i = 0; i < VSOCK_CONN_MAX / 2; i++)
		connect_guest(5000 + i);
	say(7, 9999, VSOCK_OP_REQUEST);
	expect(VSOCK_OP_RST);
	close(accept_service());
	int fd = host_connects("CONNECT 1\n");

	assert_true(read(fd, &byte, 1) <= 0 && errno != EAGAIN);
	close(fd);
	/* A reset frees all of them. */
	virtio_write_status(rig.vdev, 0);
	rig_turn(&rig, 3);
	rig_start(&rig, 0);
	connect_guest(1);
	close_vsock();
	for (int i = 3; i < 1024; i++)
		close(i);
}

static void test_malformed(void **state)
{
	struct packet packet = {.header = {.src_cid = GUEST_CID,
					   .dst_cid = VSOCK_CID_HOST,
					   .len_bytes = 100,
					   .op = VSOCK_OP_RW,
					   .type = VSOCK_TYPE_STREAM}};

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		open_vsock();
		if (i == 0) /* no whole header */
			rig_send(&rig, TRANSMIT, &packet, sizeof(packet.header) - 1, 0);
		else if (i == 1) /* more announced than there is */
			rig_send(&rig, TRANSMIT, &packet, sizeof(packet.header) + 99, 0);
		else /* a packet has to go into a buffer that holds none */
			rig_send(&rig, RECEIVE, NULL, 0,
				 (uint32_t)sizeof(packet.header) - (i == 2));
		rig_turn(&rig, 3);
		assert_true(rig_is_broken(&rig));
		close_vsock();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_guest_connects),
		cmocka_unit_test(test_host_connects),
		cmocka_unit_test(test_bad_lines),
		cmocka_unit_test(test_credit_to_guest),
		cmocka_unit_test(test_credit_of_guest),
		cmocka_unit_test(test_half_closed),
		cmocka_unit_test(test_answer_of_one_who_left),
		cmocka_unit_test(test_packets_of_nobody),
		cmocka_unit_test(test_flood_of_orphans),
		cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT
 *
 * --net switch: ports of one switch in one process: learning, flooding, ports that die or do not listen,
 * hostile frames, and a guest that takes no offloads.
 */
#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "backend/net.h"
#include "loop/loop.h"
#include "net_frames.h"

#define ALL_OFFLOADS (NET_OFFLOAD_CSUM | NET_OFFLOAD_TSO4 | NET_OFFLOAD_TSO6 | NET_OFFLOAD_TSO_ECN)

static char runtime_dir[64];
static struct frame frame; /* 64 KiB are too much for the stack */

static void mac_of(unsigned port, uint8_t mac[6])
{
	memcpy(mac, "\x52\x56\0\0\0", 5);
	mac[5] = (uint8_t)port;
}

static struct net *open_port(unsigned port)
{
	struct net_options options = {.kind = NET_SWITCH, .switch_name = "lan", .queue_pairs = 1};
	char err[256] = "";
	struct net *net = NULL;

	mac_of(port, options.mac);
	if (net_open(&options, &net, err, sizeof(err)))
		fail_msg("%s", err);
	assert_int_equal(net_set_offloads(net, ALL_OFFLOADS), 0);
	return net;
}

/* A frame of 100 bytes of data; to == 0: broadcast. */
static void send_frame(struct net *net, unsigned from, unsigned to)
{
	uint8_t to_mac[6], from_mac[6];

	mac_of(from, from_mac);
	mac_of(to, to_mac);
	frame_make(&frame, to ? to_mac : frame_broadcast, from_mac, 0x88b5, NULL, 100);
	assert_int_equal(frame_send(net, &frame), 1);
}

static void expect_frame(struct net *net, unsigned from)
{
	uint8_t mac[6];

	mac_of(from, mac);
	assert_int_equal(frame_receive_now(net, &frame), 1);
	assert_int_equal(frame.len_bytes, NET_HEADER_BYTES + ETH_HLEN + 100);
	assert_memory_equal(frame_ethernet(&frame) + 6, mac, 6);
	for (unsigned i = 0; i < 100; i++)
		assert_int_equal(frame_payload(&frame)[i], (uint8_t)(i * 7 + 1));
}

static void expect_nothing(struct net *net)
{
	assert_int_equal(frame_receive_now(net, &frame), -EAGAIN);
}

static unsigned sockets_in_switch(void)
{
	char path[128];
	DIR *folder;
	const struct dirent *entry;
	unsigned count = 0;

	snprintf(path, sizeof(path), "%s/vitrine/switch-lan", runtime_dir);
	folder = opendir(path);
	if (!folder)
		return 0;
	while ((entry = readdir(folder)))
		count += entry->d_name[0] != '.';
	closedir(folder);
	return count;
}

static void test_learning_and_flooding(void **state)
{
	struct net *net[3] = {open_port(1), open_port(2), open_port(3)};

	(void)state;
	assert_string_equal(net_get_info(net[0]).name, "switch:lan");
	assert_int_equal(net_get_info(net[0]).mtu, 1500);
	send_frame(net[0], 1, 2); /* nobody knows 2 yet */
	expect_frame(net[1], 1);
	expect_frame(net[2], 1);
	expect_nothing(net[0]);
	send_frame(net[1], 2, 1); /* 1 is known now */
	expect_frame(net[0], 2);
	expect_nothing(net[2]);
	send_frame(net[0], 1, 2); /* and 2 */
	expect_frame(net[1], 1);
	expect_nothing(net[2]);
	send_frame(net[2], 3, 0);
	expect_frame(net[0], 3);
	expect_frame(net[1], 3);
	/* 2's address moves to port 3: what is sent to it follows. */
	send_frame(net[2], 2, 1);
	expect_frame(net[0], 2);
	send_frame(net[0], 1, 2);
	expect_frame(net[2], 1);
	expect_nothing(net[1]);
	for (unsigned i = 0; i < 3; i++)
		net_close(net[i]);
	assert_int_equal(sockets_in_switch(), 0);
}

static void test_batches(void **state)
{
	struct net *net[2] = {open_port(1), open_port(2)};
	static struct frame in[40], out[40];
	struct iovec in_iov[40], out_iov[40];
	struct net_frame in_frame[40], out_frame[40];
	uint8_t one[6], two[6];

	(void)state;
	mac_of(1, one);
	mac_of(2, two);
	for (unsigned i = 0; i < 40; i++) {
		frame_make(&out[i], i % 4 ? two : frame_broadcast, one, 0x88b5, NULL, 60 + i);
		out_iov[i] = (struct iovec){out[i].bytes, out[i].len_bytes};
		out_frame[i] = (struct net_frame){.iov = &out_iov[i], .iov_count = 1};
		/* Frames 10 to 19 find too little room: they are lost, the others close up. */
		in_iov[i] = (struct iovec){in[i].bytes, i / 10 == 1 ? 80 : sizeof(in[i].bytes)};
		in_frame[i] = (struct net_frame){.iov = &in_iov[i], .iov_count = 1};
	}
	assert_int_equal(net_send_batch(net[0], 0, out_frame, 40), 40);
	/* Those that had room, but would have to move into the small rooms, are lost too. */
	assert_int_equal(net_receive_batch(net[1], 0, in_frame, 40), 10);
	for (unsigned i = 0; i < 10; i++) {
		assert_int_equal(in_frame[i].len_bytes, out[i].len_bytes);
		assert_memory_equal(in[i].bytes, out[i].bytes, out[i].len_bytes);
	}
	expect_nothing(net[1]);
	net_close(net[0]);
	net_close(net[1]);
}

/* A VM that is killed leaves its socket behind; the switch goes on, and the next who comes cleans up. */
static void test_port_dies(void **state)
{
	struct net *first = open_port(1), *third;
	int ready[2], status;
	char byte;
	pid_t child;

	(void)state;
	assert_int_equal(pipe(ready), 0);
	child = fork();
	if (child == 0) {
		struct net *net = open_port(2);

		send_frame(net, 2, 0);
		if (write(ready[1], "x", 1) == 1)
			pause();
		_exit(1);
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	expect_frame(first, 2);
	assert_int_equal(sockets_in_switch(), 2);
	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, &status, 0), child);
	send_frame(first, 1, 2); /* to the dead one */
	send_frame(first, 1, 2);
	expect_nothing(first);
	assert_int_equal(sockets_in_switch(), 2);
	third = open_port(3);
	assert_int_equal(sockets_in_switch(), 2);
	send_frame(third, 3, 1);
	expect_frame(first, 3);
	send_frame(first, 1, 2); /* the dead one's way is forgotten: flooded */
	expect_frame(third, 1);
	net_close(first);
	send_frame(third, 3, 1);
	net_close(third);
	close(ready[0]);
	close(ready[1]);
}

/* A stopped VM loses what it does not take, and the sender goes on. */
static void test_port_does_not_listen(void **state)
{
	struct net *net[3] = {open_port(1), open_port(2), open_port(3)};
	unsigned taken = 0;

	(void)state;
	for (unsigned i = 0; i < 20000; i++) {
		send_frame(net[0], 1, 0);
		expect_frame(net[2], 1);
	}
	while (frame_receive_now(net[1], &frame) == 1)
		taken++;
	assert_in_range(taken, 10, 19999);
	send_frame(net[0], 1, 0);
	expect_frame(net[1], 1);
	for (unsigned i = 0; i < 3; i++)
		net_close(net[i]);
}

/* A raw connection to the port, as a VM that follows no rules would have it. */
static int connect_raw(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s/vitrine/switch-lan/%d.0",
		 runtime_dir, getpid());
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static void test_hostile_headers(void **state)
{
	static const struct virtio_net_hdr_v1 headers[] = {
		{.flags = 0x80},
		{.flags = 4}, /* RSC_INFO: never offered */
		{.flags = 1, .csum_start = 0, .csum_offset = 16},
		{.flags = 1, .csum_start = 13, .csum_offset = 2},
		{.flags = 1, .csum_start = 112, .csum_offset = 1},
		{.flags = 1, .csum_start = 0xffff, .csum_offset = 0xffff},
		{.flags = 1, .csum_start = 34, .csum_offset = 0xffff},
		{.flags = 1, .gso_type = 1, .gso_size = 0, .csum_start = 34, .csum_offset = 16},
		{.flags = 1, .gso_type = 1, .gso_size = 1, .csum_start = 34, .csum_offset = 16},
		{.flags = 0, .gso_type = 1, .gso_size = 1448},
		{.flags = 1, .gso_type = 2, .gso_size = 1448, .csum_start = 34, .csum_offset = 16},
		{.flags = 1, .gso_type = 3, .gso_size = 1448, .csum_start = 34, .csum_offset = 6},
		{.flags = 1, .gso_type = 5, .gso_size = 1448, .csum_start = 34, .csum_offset = 16},
		{.flags = 1, .gso_type = 0x80, .gso_size = 99, .csum_start = 34, .csum_offset = 16},
		{.flags = 1,
		 .gso_type = 1,
		 .gso_size = 1448,
		 .hdr_len = 115,
		 .csum_start = 34,
		 .csum_offset = 16},
	};
	struct net *net = open_port(1);
	int fd = connect_raw();

	(void)state;
	for (unsigned i = 0; i < sizeof(headers) / sizeof(*headers); i++) {
		frame_make(&frame, frame_broadcast, (const uint8_t *)"\x52\x56\0\0\0\x02", 0x88b5,
			   NULL, 100);
		*frame_header(&frame) = headers[i];
		assert_int_equal(send(fd, frame.bytes, frame.len_bytes, 0), frame.len_bytes);
		expect_nothing(net);
	}
	/* Too short for a header, for an Ethernet header; then a good one. */
	assert_int_equal(send(fd, frame.bytes, 1, 0), 1);
	assert_int_equal(send(fd, frame.bytes, 25, 0), 25);
	frame_make(&frame, frame_broadcast, (const uint8_t *)"\x52\x56\0\0\0\x02", 0x88b5, NULL,
		   100);
	assert_int_equal(send(fd, frame.bytes, frame.len_bytes, 0), frame.len_bytes);
	expect_frame(net, 2);
	expect_nothing(net);
	close(fd);
	expect_nothing(net);
	net_close(net);
}

/* --- a guest without offloads --- */

#define TCP_AT (ETH_HLEN + 20)
#define DATA_AT (TCP_AT + 20)

/* A TCP segment of len_bytes with its checksum open and to be cut at 1000 bytes, or (gso 0) only open. */
static void make_tcp(struct frame *tcp_frame, unsigned gso, size_t len_bytes)
{
	static uint8_t segment[65000];
	struct tcphdr tcp = {.source = htons(1),
			     .dest = htons(2),
			     .seq = htonl(0xfffffff0), /* it wraps */
			     .doff = 5,
			     .ack = 1,
			     .psh = 1,
			     .fin = 1};
	uint8_t pseudo[] = {10, 0, 0, 1, 10, 0, 0, 2, 0, IPPROTO_TCP, 0, 0};
	uint8_t one[6], two[6];

	mac_of(1, one);
	mac_of(2, two);
	pseudo[10] = (uint8_t)((len_bytes + sizeof(tcp)) >> 8);
	pseudo[11] = (uint8_t)(len_bytes + sizeof(tcp));
	tcp.check = (uint16_t)~net_checksum_fold(net_checksum_add(0, pseudo, sizeof(pseudo)));
	memcpy(segment, &tcp, sizeof(tcp));
	for (size_t i = 0; i < len_bytes; i++)
		segment[sizeof(tcp) + i] = (uint8_t)(i % 251);
	frame_make_ip(tcp_frame, two, one, "10.0.0.1", "10.0.0.2", IPPROTO_TCP, segment,
		      sizeof(tcp) + len_bytes);
	*frame_header(tcp_frame) = (struct virtio_net_hdr_v1){
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.gso_type = gso ? VIRTIO_NET_HDR_GSO_TCPV4 : VIRTIO_NET_HDR_GSO_NONE,
		.gso_size = (uint16_t)gso,
		.hdr_len = DATA_AT,
		.csum_start = TCP_AT,
		.csum_offset = 16};
}

/* Sums over what has its checksum inside give 0. */
static void expect_good_checksums(struct frame *tcp_frame)
{
	const uint8_t *ethernet = frame_ethernet(tcp_frame);
	size_t tcp_bytes = tcp_frame->len_bytes - NET_HEADER_BYTES - TCP_AT;
	uint8_t length[] = {0, IPPROTO_TCP, (uint8_t)(tcp_bytes >> 8), (uint8_t)tcp_bytes};
	uint64_t sum = net_checksum_add(0, length, sizeof(length));

	assert_int_equal(net_checksum_fold(net_checksum_add(0, ethernet + ETH_HLEN, 20)), 0);
	sum = net_checksum_add(sum, ethernet + ETH_HLEN + 12, 8);
	assert_int_equal(net_checksum_fold(net_checksum_add(sum, ethernet + TCP_AT, tcp_bytes)), 0);
	assert_int_equal(ntohs(*(const uint16_t *)(ethernet + ETH_HLEN + 2)), 20 + tcp_bytes);
}

static void test_no_offloads(void **state)
{
	struct net *net[2] = {open_port(1), open_port(2)};
	size_t got = 0;
	unsigned segments = 0;

	(void)state;
	assert_int_equal(net_set_offloads(net[1], 0), 0);
	make_tcp(&frame, 0, 777);
	assert_int_equal(frame_send(net[0], &frame), 1);
	assert_int_equal(frame_receive_now(net[1], &frame), 1);
	assert_int_equal(frame_header(&frame)->flags, 0);
	expect_good_checksums(&frame);

	make_tcp(&frame, 1000, 60100);
	assert_int_equal(frame_send(net[0], &frame), 1);
	while (frame_receive_now(net[1], &frame) == 1) {
		struct tcphdr tcp;
		size_t len = frame.len_bytes - NET_HEADER_BYTES - DATA_AT;

		memcpy(&tcp, frame_ethernet(&frame) + TCP_AT, sizeof(tcp));
		assert_int_equal(ntohl(tcp.seq), (uint32_t)(0xfffffff0 + got));
		for (size_t i = 0; i < len; i++)
			assert_int_equal(frame_ethernet(&frame)[DATA_AT + i], (got + i) % 251);
		expect_good_checksums(&frame);
		got += len;
		segments++;
		assert_int_equal(tcp.fin, got == 60100);
		assert_int_equal(frame_header(&frame)->gso_type, 0);
	}
	assert_int_equal(segments, 61);
	assert_int_equal(got, 60100);

	assert_int_equal(net_set_offloads(net[1], ALL_OFFLOADS), 0);
	make_tcp(&frame, 1000, 60100);
	assert_int_equal(frame_send(net[0], &frame), 1);
	assert_int_equal(frame_receive_now(net[1], &frame), 1);
	assert_int_equal(frame.len_bytes, NET_HEADER_BYTES + DATA_AT + 60100);
	assert_int_equal(frame_header(&frame)->gso_size, 1000);
	net_close(net[0]);
	net_close(net[1]);
}

/* --- the loop --- */

struct listener {
	struct loop *loop;
	struct net *net;
	unsigned frames, calls;
};

static void readable(void *ctx)
{
	struct listener *listener = ctx;

	listener->calls++;
	while (frame_receive_now(listener->net, &frame) == 1)
		listener->frames++;
	if (listener->frames >= 2)
		loop_stop(listener->loop);
}

static void send_second(void *ctx)
{
	send_frame(ctx, 1, 0);
}

static void test_listen(void **state)
{
	struct net *sender = open_port(1);
	struct listener listener = {.net = open_port(2)};
	struct loop_timer *timer;

	(void)state;
	assert_int_equal(loop_create(&listener.loop), 0);
	assert_int_equal(net_listen(listener.net, 0, listener.loop, readable, NULL, &listener), 0);
	assert_int_equal(loop_timer_create(listener.loop, send_second, sender, &timer), 0);
	send_frame(sender, 1, 0);
	loop_timer_arm(timer, 20000000);
	assert_int_equal(loop_run(listener.loop), 0);
	assert_int_equal(listener.frames, 2);
	assert_in_range(listener.calls, 2, 3);
	assert_int_equal(net_listen(listener.net, 0, listener.loop, NULL, NULL, NULL), 0);
	loop_timer_destroy(timer);
	net_close(listener.net);
	net_close(sender);
	loop_destroy(listener.loop);
}

static void expect_refusal(const char *name, const char *words)
{
	struct net_options options = {.kind = NET_SWITCH, .switch_name = name, .queue_pairs = 1};
	char err[512] = "";
	struct net *net = NULL;

	assert_true(net_open(&options, &net, err, sizeof(err)) < 0);
	assert_null(net);
	if (!strstr(err, words) || strchr(err, '\n'))
		fail_msg("'%s' does not say '%s'", err, words);
}

static void test_refusals(void **state)
{
	char path[128];

	(void)state;
	expect_refusal("", "letters, digits");
	expect_refusal("..", "letters, digits");
	expect_refusal("a/b", "letters, digits");
	expect_refusal("a123456789012345678901234567890123", "letters, digits");
	snprintf(path, sizeof(path), "%s/vitrine/switch-open", runtime_dir);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(chmod(path, 0777), 0);
	expect_refusal("open", "is not a folder of yours alone");
	assert_int_equal(rmdir(path), 0);
}

static int make_runtime_dir(void **state)
{
	(void)state;
	strcpy(runtime_dir, "/tmp/test-net-switch-XXXXXX");
	assert_non_null(mkdtemp(runtime_dir));
	return setenv("XDG_RUNTIME_DIR", runtime_dir, 1);
}

static int remove_runtime_dir(void **state)
{
	char path[128];

	(void)state;
	snprintf(path, sizeof(path), "%s/vitrine", runtime_dir);
	return rmdir(path) || rmdir(runtime_dir); /* each test has left it empty */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_learning_and_flooding),
		cmocka_unit_test(test_batches),
		cmocka_unit_test(test_port_dies),
		cmocka_unit_test(test_port_does_not_listen),
		cmocka_unit_test(test_hostile_headers),
		cmocka_unit_test(test_no_offloads),
		cmocka_unit_test(test_listen),
		cmocka_unit_test(test_refusals),
	};

	return cmocka_run_group_tests(tests, make_runtime_dir, remove_runtime_dir);
}

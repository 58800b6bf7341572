/* SPDX-License-Identifier: MIT
 *
 * --net user, with the real helper: ARP, DHCP, UDP to a socket of the host, hostfwd, and what goes wrong.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "backend/net.h"
#include "backend/net_hostfwd.h"
#include "loop/loop.h"
#include "net_frames.h"

#define GUEST "10.0.2.15"
#define GATEWAY "10.0.2.2"

static const uint8_t mac[] = {0x52, 0x56, 0, 0, 0, 1};

/* Beside the program or above it, as the build tree has it. */
static const char *helper_path(void)
{
	static char path[4096];
	ssize_t len = readlink("/proc/self/exe", path, sizeof(path) - 64);

	assert_true(len > 0);
	path[len] = '\0';
	strcpy(strrchr(path, '/'), "/../../vitrine-slirp");
	return path;
}

static struct net_options user_options(void)
{
	struct net_options options = {.kind = NET_USER, .queue_pairs = 1, .helper = helper_path()};

	memcpy(options.mac, mac, sizeof(mac));
	return options;
}

static struct net *open_user(const struct net_options *options)
{
	char err[256] = "";
	struct net *net = NULL;
	int error = net_open(options, &net, err, sizeof(err));

	if (error)
		fail_msg("%s", err);
	return net;
}

/* Learns the gateway's MAC address. */
static void resolve_gateway(struct net *net, uint8_t gateway_mac[ETH_ALEN])
{
	static struct frame frame;
	struct ether_arp arp;

	frame_make_arp_request(&frame, mac, GUEST, GATEWAY);
	assert_int_equal(frame_send(net, &frame), 1);
	do
		assert_true(frame_receive(net, &frame));
	while (frame_ethertype(&frame) != ETH_P_ARP);
	memcpy(&arp, frame_payload(&frame), sizeof(arp));
	assert_int_equal(ntohs(arp.ea_hdr.ar_op), ARPOP_REPLY);
	assert_memory_equal(arp.arp_spa, "\x0a\x00\x02\x02", 4);
	memcpy(gateway_mac, arp.arp_sha, ETH_ALEN);
}

static void test_arp(void **state)
{
	struct net_options options = user_options();
	struct net *net = open_user(&options);
	uint8_t gateway[ETH_ALEN];

	(void)state;
	resolve_gateway(net, gateway);
	assert_int_equal(net_get_info(net).queue_pairs, 1);
	assert_int_equal(net_get_info(net).mtu, 32768);
	assert_true(net_link_is_up(net));
	net_close(net);
}

/* --- DHCP (RFC 2131) --- */

struct dhcp {
	uint8_t op, htype, hlen, hops;
	uint32_t xid;
	uint16_t secs, flags;
	uint32_t ciaddr, yiaddr, siaddr, giaddr;
	uint8_t chaddr[16], sname[64], file[128], cookie[4], options[312];
};

static void test_dhcp(void **state)
{
	struct net_options options = user_options();
	struct net *net = open_user(&options);
	static struct frame frame;
	struct dhcp dhcp = {.op = 1,
			    .htype = 1,
			    .hlen = 6,
			    .xid = 0x12345678,
			    .cookie = {99, 130, 83, 99},
			    .options = {53, 1, 1, 255}};

	(void)state;
	memcpy(dhcp.chaddr, mac, sizeof(mac));
	frame_make_udp(&frame, frame_broadcast, mac, "0.0.0.0", "255.255.255.255", 68, 67, &dhcp,
		       sizeof(dhcp));
	assert_int_equal(frame_send(net, &frame), 1);
	do
		assert_true(frame_receive(net, &frame));
	while (frame_ethertype(&frame) != ETH_P_IP);
	memcpy(&dhcp, frame_payload(&frame) + 20 + 8, sizeof(dhcp));
	assert_int_equal(dhcp.op, 2);
	assert_int_equal(dhcp.xid, 0x12345678);
	assert_memory_equal(&dhcp.yiaddr, "\x0a\x00\x02\x0f", 4);
	assert_memory_equal(dhcp.options, "\x35\x01\x02", 3); /* an offer */
	net_close(net);
}

/* --- through the host's sockets --- */

static int host_socket(int type, uint16_t *port)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t size = sizeof(address);
	int fd = socket(AF_INET, type, 0);

	inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
	*port = ntohs(address.sin_port);
	return fd;
}

/* The next IPv4 packet of a protocol. */
static void expect_ip(struct net *net, struct frame *frame, uint8_t protocol)
{
	do
		assert_true(frame_receive(net, frame));
	while (frame_ethertype(frame) != ETH_P_IP || frame_payload(frame)[9] != protocol);
}

static void test_udp_echo(void **state)
{
	struct net_options options = user_options();
	struct net *net = open_user(&options);
	uint8_t gateway[ETH_ALEN], data[64];
	static struct frame frame;
	struct sockaddr_in from;
	socklen_t size = sizeof(from);
	uint16_t port;
	int fd = host_socket(SOCK_DGRAM, &port);

	(void)state;
	resolve_gateway(net, gateway);
	frame_make_udp(&frame, gateway, mac, GUEST, GATEWAY, 1234, port, "hello", 5);
	assert_int_equal(frame_send(net, &frame), 1);
	assert_int_equal(recvfrom(fd, data, sizeof(data), 0, (struct sockaddr *)&from, &size), 5);
	assert_memory_equal(data, "hello", 5);
	assert_int_equal(sendto(fd, "and you", 7, 0, (struct sockaddr *)&from, size), 7);
	expect_ip(net, &frame, IPPROTO_UDP);
	assert_memory_equal(frame_payload(&frame) + 28, "and you", 7);
	assert_int_equal(frame.len_bytes, NET_HEADER_BYTES + ETH_HLEN + 28 + 7);
	close(fd);
	net_close(net);
}

/* A checksum left open is done on the way: libslirp drops what is wrong. */
static void test_open_checksum(void **state)
{
	struct net_options options = user_options();
	struct net *net = open_user(&options);
	uint8_t gateway[ETH_ALEN], data[64];
	/* UDP's pseudo header: addresses, protocol, length. */
	uint8_t pseudo[] = {10, 0, 2, 15, 10, 0, 2, 2, 0, IPPROTO_UDP, 0, 13};
	static struct frame frame;
	uint16_t port, sum = (uint16_t)~net_checksum_fold(net_checksum_add(0, pseudo, 12));
	int fd = host_socket(SOCK_DGRAM, &port);

	(void)state;
	resolve_gateway(net, gateway);
	/* Wrong, then open, then marked as open with a place outside: the second alone arrives. */
	for (int round = 0; round < 3; round++) {
		frame_make_udp(&frame, gateway, mac, GUEST, GATEWAY, 1234, port, "hello", 5);
		frame_payload(&frame)[28] = (uint8_t)('0' + round);
		memcpy(frame_payload(&frame) + 26, &sum, 2);
		if (round) {
			frame_header(&frame)->flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
			frame_header(&frame)->csum_start = round == 1 ? 34 : 60;
			frame_header(&frame)->csum_offset = 6;
		}
		assert_int_equal(frame_send(net, &frame), 1);
	}
	assert_int_equal(recv(fd, data, sizeof(data), 0), 5);
	assert_memory_equal(data, "1ello", 5);
	resolve_gateway(net, gateway); /* all three have been looked at */
	assert_int_equal(recv(fd, data, sizeof(data), MSG_DONTWAIT), -1);
	/* From now on what comes is marked as sound. */
	assert_int_equal(net_set_offloads(net, NET_OFFLOAD_CSUM), 0);
	frame_make_arp_request(&frame, mac, GUEST, GATEWAY);
	assert_int_equal(frame_send(net, &frame), 1);
	assert_true(frame_receive(net, &frame));
	assert_int_equal(frame_header(&frame)->flags, VIRTIO_NET_HDR_F_DATA_VALID);
	assert_int_equal(net_set_offloads(net, NET_OFFLOAD_UFO), -EINVAL);
	close(fd);
	net_close(net);
}

static void test_hostfwd(void **state)
{
	struct net_options options = user_options();
	struct net *net;
	uint8_t gateway[ETH_ALEN];
	static struct frame frame;
	char text[64];
	struct sockaddr_in address = {.sin_family = AF_INET};
	struct tcphdr tcp;
	uint16_t port;
	int fd = host_socket(SOCK_STREAM, &port);

	(void)state;
	close(fd); /* a port that is free now */
	snprintf(text, sizeof(text), "tcp:127.0.0.1:%u-:22", port);
	options.hostfwd[options.hostfwd_count++] = text;
	options.mtu = 1500;
	net = open_user(&options);
	assert_int_equal(net_get_info(net).mtu, 1500);
	resolve_gateway(net, gateway);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
	address.sin_port = htons(port);
	connect(fd, (struct sockaddr *)&address, sizeof(address));
	expect_ip(net, &frame, IPPROTO_TCP);
	memcpy(&tcp, frame_payload(&frame) + 20, sizeof(tcp));
	assert_memory_equal(frame_ethernet(&frame), mac, sizeof(mac));
	assert_memory_equal(frame_payload(&frame) + 16, "\x0a\x00\x02\x0f", 4);
	assert_int_equal(ntohs(tcp.dest), 22);
	assert_true(tcp.syn && !tcp.ack);
	close(fd);
	net_close(net);
}

/* --- what goes wrong --- */

static void expect_refusal(const struct net_options *options, const char *words)
{
	char err[512] = "";
	struct net *net = NULL;

	assert_true(net_open(options, &net, err, sizeof(err)) < 0);
	assert_null(net);
	if (!strstr(err, words) || strchr(err, '\n'))
		fail_msg("'%s' does not say '%s'", err, words);
}

static void test_refusals(void **state)
{
	struct net_options options = user_options();
	char text[64], words[64];
	uint16_t port;
	int fd = host_socket(SOCK_STREAM, &port);

	(void)state;
	assert_int_equal(listen(fd, 1), 0);
	snprintf(text, sizeof(text), "tcp:127.0.0.1:%u-:22", port);
	snprintf(words, sizeof(words), "port %u of the host is taken", port);
	options.hostfwd[0] = "udp::0-:53";
	options.hostfwd_count = 1;
	expect_refusal(&options, "hostfwd=udp::0-:53: must be tcp|udp:");
	options.hostfwd[0] = text;
	expect_refusal(&options, words);
	options.hostfwd[0] = "tcp:192.0.2.1:2222-:22";
	expect_refusal(&options, "no such address");
	options.helper = "/nonexistent/vitrine-slirp";
	options.hostfwd_count = 0;
	expect_refusal(&options, "can't start /nonexistent/vitrine-slirp: No such file");
	options.helper = "/bin/false"; /* as without libslirp0 */
	expect_refusal(&options, "is the package libslirp0 installed?");
	close(fd);
}

static void test_hostfwd_syntax(void **state)
{
	static const char *const good[] = {"tcp::2222-:22", "udp:127.0.0.1:1-10.0.2.15:65535"};
	static const char *const bad[] = {"",
					  "tcp",
					  "tcp:",
					  "tcp:-",
					  "tcp::-:",
					  "tcp::1",
					  "tcp::1-",
					  "tcp::1-:",
					  "tcp::1-2",
					  "tcp:1-:2",
					  "sctp::1-:2",
					  "tcp::65536-:2",
					  "tcp::1-:0",
					  "tcp::1x-:2",
					  "tcp::1-:2x",
					  "tcp::+1-:2",
					  "tcp:: 1-:2",
					  "tcp:localhost:1-:2",
					  "tcp:1.2.3.4.5:1-:2",
					  "tcp:::1-:2",
					  "tcp:1111111111111111111111111111111111:1-:2",
					  "tcp::-1-:2"};
	struct slirp_forward forward;

	(void)state;
	for (unsigned i = 0; i < sizeof(good) / sizeof(*good); i++)
		assert_int_equal(net_hostfwd_parse(good[i], &forward), 0);
	assert_true(forward.udp);
	assert_int_equal(forward.host_port, 1);
	assert_int_equal(forward.guest_port, 65535);
	assert_memory_equal(&forward.guest, "\x0a\x00\x02\x0f", 4);
	for (unsigned i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (net_hostfwd_parse(bad[i], &forward) != -EINVAL)
			fail_msg("'%s' was taken", bad[i]);
}

/* --- the helper process --- */

static pid_t find_child(void)
{
	char path[64];
	FILE *file;
	int pid = -1;

	snprintf(path, sizeof(path), "/proc/self/task/%d/children", getpid());
	file = fopen(path, "r");
	assert_non_null(file);
	if (fscanf(file, "%d", &pid) != 1)
		pid = -1;
	if (fscanf(file, "%*d") == EOF) {
		fclose(file);
		return pid;
	}
	fail_msg("more than one child");
	return -1;
}

static void link_changed(void *ctx)
{
	loop_stop(ctx);
}

static void nothing_to_do(void *ctx)
{
	(void)ctx;
}

static void test_one_helper_for_all(void **state)
{
	struct net_options options = user_options();
	struct net *first = open_user(&options), *second;
	uint8_t gateway[ETH_ALEN];

	(void)state;
	options.with = first;
	second = open_user(&options);
	assert_true(find_child() > 0);
	resolve_gateway(first, gateway);
	resolve_gateway(second, gateway);
	net_close(first);
	resolve_gateway(second, gateway);
	assert_true(find_child() > 0);
	net_close(second);
	assert_int_equal(find_child(), -1);
}

static void test_helper_dies(void **state)
{
	struct net_options options = user_options();
	struct net *net = open_user(&options);
	static struct frame frame;
	struct loop *loop;

	(void)state;
	assert_int_equal(loop_create(&loop), 0);
	assert_int_equal(net_listen(net, 0, loop, nothing_to_do, NULL, NULL), 0);
	net_on_link_change(net, link_changed, loop);
	kill(find_child(), SIGKILL);
	assert_int_equal(loop_run(loop), 0);
	assert_false(net_link_is_up(net));
	frame_make_arp_request(&frame, mac, GUEST, GATEWAY);
	assert_int_equal(frame_send(net, &frame), 1); /* lost */
	assert_int_equal(frame_receive_now(net, &frame), -EAGAIN);
	net_close(net);
	loop_destroy(loop);
}

/* When the VMM is killed the helper ends too. */
static void test_vmm_dies(void **state)
{
	struct net_options options = user_options();
	int ends[2], status;
	struct pollfd helper = {.events = POLLIN};
	pid_t vmm, pid;

	(void)state;
	assert_int_equal(pipe(ends), 0);
	vmm = fork();
	if (vmm == 0) {
		open_user(&options);
		pid = find_child();
		if (write(ends[1], &pid, sizeof(pid)) == sizeof(pid))
			pause();
		_exit(1);
	}
	assert_int_equal(read(ends[0], &pid, sizeof(pid)), sizeof(pid));
	helper.fd = (int)syscall(SYS_pidfd_open, pid, 0);
	assert_true(helper.fd >= 0);
	assert_int_equal(poll(&helper, 1, 0), 0); /* it lives */
	kill(vmm, SIGKILL);
	assert_int_equal(waitpid(vmm, &status, 0), vmm);
	assert_int_equal(poll(&helper, 1, 5000), 1); /* it has ended */
	close(helper.fd);
	close(ends[0]);
	close(ends[1]);
}

/* --- room to send --- */

struct sender {
	struct loop *loop;
	struct net *net;
	struct frame frame;
	unsigned sent, stalls;
};

static void send_more(void *ctx)
{
	struct sender *sender = ctx;

	while (sender->sent < 3000) {
		int count = frame_send(sender->net, &sender->frame);

		if (count == -EAGAIN) {
			sender->stalls++;
			return;
		}
		sender->sent++;
	}
	loop_stop(sender->loop);
}

static void test_waits_for_room(void **state)
{
	static struct sender sender;
	struct net_options options = user_options();
	uint8_t gateway[ETH_ALEN];
	static uint8_t data[1400];

	(void)state;
	sender.net = open_user(&options);
	assert_int_equal(loop_create(&sender.loop), 0);
	resolve_gateway(sender.net, gateway);
	frame_make_udp(&sender.frame, gateway, mac, GUEST, GATEWAY, 1234, 9, data, sizeof(data));
	assert_int_equal(net_listen(sender.net, 0, sender.loop, nothing_to_do, send_more, &sender),
			 0);
	kill(find_child(), SIGSTOP);
	send_more(&sender);
	assert_int_equal(sender.stalls, 1);
	kill(find_child(), SIGCONT);
	assert_int_equal(loop_run(sender.loop), 0);
	assert_int_equal(sender.sent, 3000);
	net_close(sender.net);
	loop_destroy(sender.loop);
}

/* A helper that dies with its ring full: the sender is called, and what it sends is lost. */
static void test_helper_dies_full(void **state)
{
	static struct sender sender;
	struct net_options options = user_options();
	static uint8_t data[1400];

	(void)state;
	sender.net = open_user(&options);
	assert_int_equal(loop_create(&sender.loop), 0);
	frame_make_udp(&sender.frame, frame_broadcast, mac, GUEST, GATEWAY, 1234, 9, data,
		       sizeof(data));
	assert_int_equal(net_listen(sender.net, 0, sender.loop, nothing_to_do, send_more, &sender),
			 0);
	kill(find_child(), SIGSTOP);
	send_more(&sender);
	assert_int_equal(sender.stalls, 1);
	kill(find_child(), SIGKILL);
	assert_int_equal(loop_run(sender.loop), 0);
	assert_int_equal(sender.sent, 3000);
	net_close(sender.net);
	loop_destroy(sender.loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_arp),
		cmocka_unit_test(test_dhcp),
		cmocka_unit_test(test_udp_echo),
		cmocka_unit_test(test_open_checksum),
		cmocka_unit_test(test_hostfwd),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_hostfwd_syntax),
		cmocka_unit_test(test_one_helper_for_all),
		cmocka_unit_test(test_helper_dies),
		cmocka_unit_test(test_vmm_dies),
		cmocka_unit_test(test_waits_for_room),
		cmocka_unit_test(test_helper_dies_full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

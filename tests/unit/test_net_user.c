/* SPDX-License-Identifier: MIT
 *
 * --net user, with the real helper: ARP, DHCP, UDP to a socket of the host, hostfwd, and what goes wrong.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "backend/net.h"
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
	assert_int_equal(net_get_info(net).mtu, 65520);
	assert_true(net_link_is_up(net));
	net_close(net);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_arp),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

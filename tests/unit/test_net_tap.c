/* SPDX-License-Identifier: MIT
 *
 * --net tap, in a network namespace of the test's own: frames both ways, offloads, queues, link, errors.
 * SKIPped where /dev/net/tun or a namespace is not to be had.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "backend/net.h"
#include "loop/loop.h"
#include "net_frames.h"

static const uint8_t guest_mac[] = {0x52, 0x56, 0, 0, 0, 1};
static const char *skip_reason;
static struct frame frame;

#define NEEDS_TAP()                                               \
	do {                                                      \
		if (skip_reason) {                                \
			print_message("SKIP: %s\n", skip_reason); \
			skip();                                   \
		}                                                 \
	} while (0)

static struct net_options tap_options(const char *ifname, unsigned pairs)
{
	return (struct net_options){.kind = NET_TAP, .ifname = ifname, .queue_pairs = pairs};
}

static struct net *open_tap(const struct net_options *options)
{
	char err[512] = "";
	struct net *net = NULL;

	if (net_open(options, &net, err, sizeof(err)))
		fail_msg("%s", err);
	return net;
}

/* A persistent interface, as ip tuntap add would make it. */
static void add_interface(const char *name, short flags)
{
	struct ifreq request = {.ifr_flags = (short)(IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | flags)};
	int fd = open("/dev/net/tun", O_RDWR);

	snprintf(request.ifr_name, IFNAMSIZ, "%s", name);
	assert_int_equal(ioctl(fd, TUNSETIFF, &request), 0);
	assert_int_equal(ioctl(fd, TUNSETPERSIST, 1), 0);
	close(fd);
}

static void set_flags(const char *name, bool up)
{
	struct ifreq request = {0};
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	snprintf(request.ifr_name, IFNAMSIZ, "%s", name);
	assert_int_equal(ioctl(fd, SIOCGIFFLAGS, &request), 0);
	request.ifr_flags = (short)(up ? request.ifr_flags | IFF_UP : request.ifr_flags & ~IFF_UP);
	assert_int_equal(ioctl(fd, SIOCSIFFLAGS, &request), 0);
	close(fd);
}

static void set_address(const char *name, const char *address)
{
	struct ifreq request = {0};
	struct sockaddr_in *in = (struct sockaddr_in *)&request.ifr_addr;
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	snprintf(request.ifr_name, IFNAMSIZ, "%s", name);
	in->sin_family = AF_INET;
	inet_pton(AF_INET, address, &in->sin_addr);
	assert_int_equal(ioctl(fd, SIOCSIFADDR, &request), 0);
	inet_pton(AF_INET, "255.255.255.0", &in->sin_addr);
	assert_int_equal(ioctl(fd, SIOCSIFNETMASK, &request), 0);
	close(fd);
}

static void expect_arp_reply(struct net *net)
{
	frame_make_arp_request(&frame, guest_mac, "192.0.2.2", "192.0.2.1");
	assert_int_equal(frame_send(net, &frame), 1);
	do /* the host's own chatter (IPv6) comes too */
		assert_true(frame_receive(net, &frame));
	while (frame_ethertype(&frame) != ETH_P_ARP);
	assert_memory_equal(frame_ethernet(&frame), guest_mac, 6);
	assert_int_equal(frame_payload(&frame)[7], ARPOP_REPLY);
}

static void test_frames(void **state)
{
	struct net_options options = tap_options(NULL, 1);
	struct net *net;
	struct net_info info;

	(void)state;
	NEEDS_TAP();
	net = open_tap(&options);
	info = net_get_info(net);
	assert_string_equal(info.name, "tap0");
	assert_int_equal(info.mtu, 1500);
	assert_true(info.tap_fd[0] >= 0);
	assert_int_equal(info.tap_fd[1], -1);
	assert_true(net_link_is_up(net));
	set_address("tap0", "192.0.2.1");
	expect_arp_reply(net);
	assert_int_equal(net_set_queue_pairs(net, 2), -EINVAL);
	net_close(net);
	assert_int_equal(if_nametoindex("tap0"), 0); /* it goes with the VM */
}

/* A checksum is left to the guest only if the guest said so. */
static void test_offloads(void **state)
{
	struct net_options options = tap_options(NULL, 1);
	struct net *net;
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(9)};
	int fd;

	(void)state;
	NEEDS_TAP();
	net = open_tap(&options);
	set_address("tap0", "192.0.2.1");
	expect_arp_reply(net);
	inet_pton(AF_INET, "192.0.2.2", &to.sin_addr);
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	for (int with = 0; with < 2; with++) {
		assert_int_equal(net_set_offloads(net, with ? NET_OFFLOAD_CSUM : 0), 0);
		assert_int_equal(sendto(fd, "hello", 5, 0, (struct sockaddr *)&to, sizeof(to)), 5);
		for (;;) {
			assert_true(frame_receive(net, &frame));
			if (frame_ethertype(&frame) == ETH_P_ARP &&
			    frame_payload(&frame)[7] == ARPOP_REQUEST) {
				struct ether_arp arp;

				memcpy(&arp, frame_payload(&frame), sizeof(arp));
				arp.ea_hdr.ar_op = htons(ARPOP_REPLY);
				memcpy(arp.arp_tha, arp.arp_sha, 6);
				memcpy(arp.arp_sha, guest_mac, 6);
				memcpy(arp.arp_tpa, arp.arp_spa, 4);
				inet_pton(AF_INET, "192.0.2.2", arp.arp_spa);
				frame_make(&frame, arp.arp_tha, guest_mac, ETH_P_ARP, &arp,
					   sizeof(arp));
				assert_int_equal(frame_send(net, &frame), 1);
			} else if (frame_ethertype(&frame) == ETH_P_IP &&
				   frame_payload(&frame)[9] == IPPROTO_UDP &&
				   memcmp(frame_payload(&frame) + 28, "hello", 5) == 0) {
				break;
			}
		}
		assert_int_equal(frame_header(&frame)->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM,
				 with ? VIRTIO_NET_HDR_F_NEEDS_CSUM : 0);
	}
	close(fd);
	net_close(net);
}

static void test_queues(void **state)
{
	struct net_options options = tap_options("many0", 4);
	struct net *net;

	(void)state;
	NEEDS_TAP();
	add_interface("many0", IFF_MULTI_QUEUE);
	set_flags("many0", true);
	set_address("many0", "192.0.2.1");
	net = open_tap(&options);
	assert_int_equal(net_get_info(net).queue_pairs, 4);
	expect_arp_reply(net);
	for (unsigned pairs = 4; pairs; pairs--)
		assert_int_equal(net_set_queue_pairs(net, pairs), 0);
	for (unsigned pairs = 1; pairs <= 4; pairs++)
		assert_int_equal(net_set_queue_pairs(net, pairs), 0);
	assert_int_equal(net_set_queue_pairs(net, 0), -EINVAL);
	assert_int_equal(net_set_queue_pairs(net, 5), -EINVAL);
	assert_int_equal(net_set_queue_pairs(net, 1), 0);
	expect_arp_reply(net);
	net_close(net);
	options.queue_pairs = 1; /* fewer than it could have */
	net = open_tap(&options);
	expect_arp_reply(net);
	net_close(net);
}

static void link_changed(void *ctx)
{
	loop_stop(ctx);
}

static void nothing_to_do(void *ctx)
{
	(void)ctx;
}

static void take_down(void *ctx)
{
	(void)ctx;
	set_flags("one0", false);
}

static void test_link_and_mtu(void **state)
{
	struct net_options options = tap_options("one0", 1);
	struct loop_timer *timer;
	struct loop *loop;
	struct net *net;

	(void)state;
	NEEDS_TAP();
	add_interface("one0", 0);
	options.mtu = 9000;
	net = open_tap(&options);
	assert_int_equal(net_get_info(net).mtu, 9000);
	assert_false(net_link_is_up(net));
	frame_make_arp_request(&frame, guest_mac, "192.0.2.2", "192.0.2.1");
	assert_int_equal(frame_send(net, &frame), 1); /* lost: the interface is down */
	set_flags("one0", true);
	assert_int_equal(loop_create(&loop), 0);
	assert_int_equal(net_listen(net, 0, loop, nothing_to_do, NULL, NULL), 0);
	assert_true(net_link_is_up(net));
	net_on_link_change(net, link_changed, loop);
	assert_int_equal(loop_timer_create(loop, take_down, NULL, &timer), 0);
	loop_timer_arm(timer, 1000000);
	assert_int_equal(loop_run(loop), 0);
	assert_false(net_link_is_up(net));
	loop_timer_destroy(timer);
	net_close(net);
	loop_destroy(loop);
}

static void expect_refusal(const char *ifname, unsigned pairs, const char *words)
{
	struct net_options options = tap_options(ifname, pairs);
	char err[512] = "";
	struct net *net = NULL;

	assert_true(net_open(&options, &net, err, sizeof(err)) < 0);
	assert_null(net);
	if (!strstr(err, words) || strchr(err, '\n'))
		fail_msg("'%s' does not say '%s'", err, words);
}

static void test_refusals(void **state)
{
	struct net_options options = tap_options("single0", 1);
	struct net *net;

	(void)state;
	NEEDS_TAP();
	expect_refusal("missing0", 1, "no such interface; as root: ip tuntap add dev missing0");
	expect_refusal("missing0", 2, "mode tap user NAME multi_queue");
	expect_refusal("a-name-of-more-than-15", 1, "up to 15 characters");
	expect_refusal("lo", 1, "is not a tap interface");
	add_interface("single0", 0);
	expect_refusal("single0", 2, "queues=2 needs an interface made with multi_queue");
	net = open_tap(&options);
	expect_refusal("single0", 1, "another program has it");
	net_close(net);
}

static int enter_namespace(void **state)
{
	(void)state;
	if (access("/dev/net/tun", R_OK | W_OK))
		skip_reason = "/dev/net/tun can't be used";
	else if (unshare(CLONE_NEWNET) && unshare(CLONE_NEWUSER | CLONE_NEWNET))
		skip_reason = "no network namespace may be made";
	else if (close(open("/dev/net/tun", O_RDWR)))
		skip_reason = "/dev/net/tun can't be opened";
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_frames),	 cmocka_unit_test(test_offloads),
		cmocka_unit_test(test_queues),	 cmocka_unit_test(test_link_and_mtu),
		cmocka_unit_test(test_refusals),
	};

	return cmocka_run_group_tests(tests, enter_namespace, NULL);
}

/* SPDX-License-Identifier: MIT
 *
 * The command line's --net: what is taken, what is refused and how, and addresses that stay the same.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "cmd/net_options.h"

static struct net_card_options parse(const char *text)
{
	struct net_card_options options;
	char err[512] = "";

	if (net_card_options_parse(text, &options, err, sizeof(err)))
		fail_msg("%s", err);
	return options;
}

static void test_user(void **state)
{
	struct net_card_options options = parse(
		"user,hostfwd=tcp::2222-:22,hostfwd=udp::5353-:53,mac=52:56:00:aB:cD:ef,id=wan");

	(void)state;
	assert_false(options.none);
	assert_int_equal(options.backend.kind, NET_USER);
	assert_int_equal(options.model, NET_MODEL_VIRTIO);
	assert_int_equal(options.transport, NET_TRANSPORT_DEFAULT);
	assert_int_equal(options.backend.hostfwd_count, 2);
	assert_string_equal(options.backend.hostfwd[0], "tcp::2222-:22");
	assert_string_equal(options.backend.hostfwd[1], "udp::5353-:53");
	assert_memory_equal(options.backend.mac, "\x52\x56\x00\xab\xcd\xef", 6);
	assert_true(options.has_mac);
	assert_string_equal(options.id, "wan");
	assert_int_equal(options.backend.mtu, 0); /* its own */
	net_card_options_free(&options);
	options = parse("user,model=e1000");
	assert_int_equal(options.backend.mtu, 1500);
	net_card_options_free(&options);
}

static void test_others(void **state)
{
	struct net_card_options options = parse(
		"tap,ifname=tap3,queues=4,vhost=on,transport=pci,ring=packed,mtu=9000");

	(void)state;
	assert_int_equal(options.backend.kind, NET_TAP);
	assert_string_equal(options.backend.ifname, "tap3");
	assert_int_equal(options.backend.queue_pairs, 4);
	assert_int_equal(options.backend.vhost, NET_VHOST_ON);
	assert_int_equal(options.transport, NET_TRANSPORT_PCI);
	assert_true(options.packed_ring);
	assert_int_equal(options.backend.mtu, 9000);
	net_card_options_free(&options);
	options = parse("tap,pcap=trace,lose=8");
	assert_string_equal(options.backend.pcap, "trace");
	assert_int_equal(options.backend.lose, 8);
	assert_int_equal(options.backend.vhost, NET_VHOST_OFF);
	net_card_options_free(&options);
	options = parse("tap");
	assert_null(options.backend.ifname);
	assert_int_equal(options.backend.queue_pairs, 1);
	assert_int_equal(options.backend.vhost, NET_VHOST_AUTO);
	net_card_options_free(&options);
	options = parse("switch:lan,model=ne2k");
	assert_int_equal(options.backend.kind, NET_SWITCH);
	assert_string_equal(options.backend.switch_name, "lan");
	assert_int_equal(options.model, NET_MODEL_NE2K);
	net_card_options_free(&options);
	options = parse("switch:lan,transport=mmio,ring=split");
	assert_int_equal(options.transport, NET_TRANSPORT_MMIO);
	assert_false(options.packed_ring);
	net_card_options_free(&options);
	options = parse("none");
	assert_true(options.none);
	net_card_options_free(&options);
}

static void test_refusals(void **state)
{
	static const struct {
		const char *text, *words;
	} table[] = {
		{"", "must begin with user, tap, switch:NAME or none"},
		{"bridge", "must begin with user"},
		{"user=1", "must begin with user"},
		{"switch", "must begin with user"},
		{"none,model=e1000", "none stands alone"},
		{"user,",
		 "'' is not one of model= transport= ring= mac= mtu= id= pcap= lose= hostfwd="},
		{"user,ifname=tap0", "'ifname' is not one of"},
		{"tap,hostfwd=tcp::1-:1", "id= pcap= lose= ifname= queues= vhost="},
		{"user,model", "model needs a value: model="},
		{"user,model=", "model needs a value: model="},
		{"user,model=rtl8139", "model must be virtio, e1000 or ne2k"},
		{"user,transport=isa", "transport must be pci or mmio"},
		{"user,ring=round", "ring must be split or packed"},
		{"tap,vhost=maybe", "vhost must be on, off or auto"},
		{"tap,queues=0", "queues must be a number from 1 to 8"},
		{"tap,queues=9", "queues must be"},
		{"tap,queues=1x", "queues must be"},
		{"tap,queues=-1", "queues must be"},
		{"user,mtu=67", "mtu must be a number from 68 to 65520"},
		{"user,mtu=65521", "mtu must be"},
		{"user,lose=1", "lose must be a number from 2"},
		{"user,lose=x", "lose must be"},
		{"user,pcap=", "pcap needs a value: pcap="},
		{"tap,vhost=on,pcap=f", "don't see what vhost=on passes by"},
		{"user,mac=52:56:00:12:34", "mac must be six bytes"},
		{"user,mac=52:56:00:12:34:5", "mac must be six bytes"},
		{"user,mac=52:56:00:12:34:567", "mac must be six bytes"},
		{"user,mac=52-56-00-12-34-56", "mac must be six bytes"},
		{"user,mac=52:56:00:12:34:g0", "mac must be six bytes"},
		{"user,mac=52:56:00:12:34: 5", "mac must be six bytes"},
		{"user,mac=00:00:00:00:00:00", "mac must be one card's"},
		{"user,mac=53:56:00:12:34:56", "mac must be one card's"},
		{"user,model=e1000,ring=packed", "ring= is for model=virtio only"},
		{"tap,queues=2,model=ne2k", "queues= is for model=virtio only"},
		{"user,hostfwd=1,hostfwd=1,hostfwd=1,hostfwd=1,hostfwd=1,hostfwd=1,hostfwd=1,"
		 "hostfwd=1,hostfwd=1,hostfwd=1,hostfwd=1,hostfwd=1,hostfwd=1,hostfwd=1,hostfwd=1,"
		 "hostfwd=1,hostfwd=1",
		 "a card has up to 16 hostfwd"},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(table) / sizeof(*table); i++) {
		struct net_card_options options;
		char err[1024] = "";

		if (net_card_options_parse(table[i].text, &options, err, sizeof(err)) != -EINVAL)
			fail_msg("'%s' was taken", table[i].text);
		if (!strstr(err, table[i].words) || strchr(err, '\n'))
			fail_msg("'%s': '%s' does not say '%s'", table[i].text, err,
				 table[i].words);
	}
}

static void test_mac(void **state)
{
	char *const one[] = {"vitrine", "run", "--net", "switch:lan", "a.img", NULL};
	char *const two[] = {"vitrine", "run", "--net", "switch:lan", "b.img", NULL};
	char *const glued[] = {"vitrine", "run", "--net", "switch:lana.img", NULL};
	struct net_card_options a = parse("user"), b = parse("user"), given;

	(void)state;
	net_card_choose_mac(&a, one, 0);
	net_card_choose_mac(&b, one, 0);
	assert_memory_equal(a.backend.mac, b.backend.mac, 6);
	assert_int_equal(a.backend.mac[0] & 3, 2); /* local, of one card */
	net_card_choose_mac(&b, one, 1);
	assert_memory_not_equal(a.backend.mac, b.backend.mac, 6);
	net_card_choose_mac(&b, two, 0);
	assert_memory_not_equal(a.backend.mac, b.backend.mac, 6);
	net_card_choose_mac(&b, glued, 0);
	assert_memory_not_equal(a.backend.mac, b.backend.mac, 6);
	given = parse("user,mac=02:00:00:00:00:01");
	net_card_choose_mac(&given, one, 0);
	assert_memory_equal(given.backend.mac, "\x02\0\0\0\0\x01", 6);
	net_card_options_free(&a);
	net_card_options_free(&b);
	net_card_options_free(&given);
}

/* Both --net user cards share a helper; a failure leaves nothing open. */
static void test_open(void **state)
{
	struct net_card_options options[] = {parse("user,mac=02:00:00:00:00:01"),
					     parse("user,mac=02:00:00:00:00:02,mtu=1400"),
					     parse("user,hostfwd=tcp:192.0.2.1:1-:1")};
	struct net *net[3];
	char err[512] = "";

	(void)state;
	if (net_cards_open(options, 2, net, err, sizeof(err)))
		fail_msg("%s", err);
	assert_int_equal(net_get_info(net[1]).mtu, 1400);
	assert_int_equal(net_get_info(net[0]).mac[5], 1);
	net_close(net[0]);
	net_close(net[1]);
	assert_true(net_cards_open(options, 3, net, err, sizeof(err)) < 0);
	assert_non_null(strstr(err, "hostfwd=tcp:192.0.2.1:1-:1"));
	for (unsigned i = 0; i < 3; i++)
		net_card_options_free(&options[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_user),	 cmocka_unit_test(test_others),
		cmocka_unit_test(test_refusals), cmocka_unit_test(test_mac),
		cmocka_unit_test(test_open),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

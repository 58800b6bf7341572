/* SPDX-License-Identifier: MIT
 *
 * Arguments, and what is sent.
 */
#include "guest/prompt/net_commands.h"

#include <stddef.h>

#include "guest/drivers/attach.h"
#include "guest/lib/number.h"
#include "guest/lib/print.h"
#include "guest/lib/words.h"
#include "guest/net/ping.h"
#include "guest/time/clock.h"

#define NAME_MAX 16
#define BENCH_FRAMES 1000
#define BENCH_BYTES NET_FRAME_MAX
#define UDP_HEADERS 42 /* Ethernet, IPv4, UDP */
#define PORT_DISCARD 9
#define DRAIN_EACH 32 /* frames, after which what came in meanwhile is taken */

void net_command_list(const char *argument)
{
	char detail[192];

	(void)argument;
	drivers_attach();
	if (!net_first())
		print("  no network interfaces\n");
	for (const struct net_device *nic = net_first(); nic; nic = nic->next) {
		const uint8_t *mac = nic->mac;

		nic->describe(nic, detail, sizeof(detail));
		print("  %-5s %-10s %02x:%02x:%02x:%02x:%02x:%02x, mtu %u, %lu sent, %lu received; "
		      "%s\n",
		      nic->name, nic->driver, mac[0], mac[1], mac[2], mac[3], mac[4], mac[5],
		      nic->mtu, nic->sent, nic->received, detail);
	}
}

bool net_test(struct net_device *nic, uint32_t gateway, uint32_t address)
{
	static const uint16_t payload[] = {0, 1, 18, 56, 63, 64, 255, 500, 1000, 1471, 1472};
	struct ping_peer peer = {.nic = nic, .ours = address, .theirs = gateway};

	if (!ping_resolve(&peer)) {
		print("  %s: nobody answers to ARP for %u.%u.%u.%u\n", nic->name, gateway >> 24,
		      gateway >> 16 & 255, gateway >> 8 & 255, gateway & 255);
		return false;
	}
	for (unsigned i = 0; i < 8 * sizeof(payload) / sizeof(payload[0]); i++) {
		const unsigned bytes = payload[i % (sizeof(payload) / sizeof(payload[0]))];

		if (!ping_echo(&peer, i, bytes)) {
			print("  %s: echo %u with %u bytes didn't come back\n", nic->name, i,
			      bytes);
			return false;
		}
	}
	return true;
}

/* The next word as an address. false, with a line about it: it is none. */
static bool read_address(const char **argument, uint32_t otherwise, uint32_t *address)
{
	char word[NAME_MAX];
	const char *at = word;

	*address = otherwise;
	if (!words_next(argument, word, sizeof(word)))
		return true;
	if (number_parse_ipv4(&at, address) && !*at)
		return true;
	print("  %s: not an IPv4 address\n", word);
	return false;
}

static struct net_device *find(const char **argument)
{
	struct net_device *nic;
	char name[NAME_MAX];

	drivers_attach();
	words_next(argument, name, sizeof(name));
	nic = net_find(name);
	if (!nic)
		print("  %s: no such interface; \"nics\" lists them\n", name[0] ? name : "nic");
	return nic;
}

void net_command_test(const char *argument)
{
	uint32_t gateway, address;
	struct net_device *nic;

	if (!read_address(&argument, NET_GATEWAY_DEFAULT, &gateway) ||
	    !read_address(&argument, NET_ADDRESS_DEFAULT, &address))
		return;
	nic = find(&argument);
	if (nic)
		print("  nettest %s: %s\n", nic->name,
		      net_test(nic, gateway, address) ? "passed" : "FAILED");
}

/* What is received meanwhile is taken and forgotten. */
static bool send_all(const struct ping_peer *peer, uint64_t frames, unsigned bytes)
{
	static uint8_t frame[NET_FRAME_MAX];

	for (uint64_t i = 0; i < frames; i++) {
		if (!ping_send_udp(peer, PORT_DISCARD, bytes - UDP_HEADERS))
			return false;
		if (i % DRAIN_EACH)
			continue;
		peer->nic->all_sent(peer->nic);
		while (peer->nic->receive(peer->nic, frame))
			peer->nic->received++;
	}
	return net_drain(peer->nic);
}

void net_command_bench(const char *argument)
{
	struct ping_peer peer = {.nic = find(&argument), .ours = NET_ADDRESS_DEFAULT};
	uint64_t frames, bytes, ns;

	if (!peer.nic)
		return;
	if (!words_number(&argument, BENCH_FRAMES, &frames) || !frames ||
	    !words_number(&argument, BENCH_BYTES, &bytes) || bytes < NET_FRAME_MIN ||
	    bytes > NET_FRAME_MAX) {
		print("  netbench NAME [FRAMES [BYTES [GATEWAY]]], BYTES from %u to %u\n",
		      NET_FRAME_MIN, NET_FRAME_MAX);
		return;
	}
	if (!read_address(&argument, NET_GATEWAY_DEFAULT, &peer.theirs))
		return;
	if (!ping_resolve(&peer)) {
		print("  netbench %s: the gateway doesn't answer\n", peer.nic->name);
		return;
	}
	ns = clock_ns();
	if (!send_all(&peer, frames, bytes)) {
		print("  netbench %s: FAILED, it stopped sending\n", peer.nic->name);
		return;
	}
	ns = clock_ns() - ns + 1;
	print("  netbench %s: %lu frames of %lu bytes: %lu frames/s, %lu kbit/s, %lu ns each\n",
	      peer.nic->name, frames, bytes, frames * 1000000000 / ns,
	      frames * bytes * 8000000 / ns, ns / frames);
}

/* SPDX-License-Identifier: MIT
 *
 * /proc/net: interfaces, routes, neighbours and sockets in Linux's formats, for ifconfig, route, arp and
 * netstat.
 */
#include <lwip/etharp.h>
#include <lwip/priv/tcp_priv.h>
#include <lwip/raw.h>
#include <lwip/udp.h>

#include "guest/fs/procfs/tables.h"
#include "guest/net/card.h"
#include "guest/net/configure.h"
#include "guest/net/inet_socket.h"
#include "guest/net/interface.h"
#include "guest/net/stack.h"

#define ROUTE_UP 1
#define ROUTE_GATEWAY 2

static void show_interface(struct text *text, struct netif *netif)
{
	static const struct card none;
	const struct card *card = card_of(netif) ? card_of(netif) : &none;
	const uint64_t received = card->nic ? card->nic->received : 0;
	const uint64_t sent = card->nic ? card->nic->sent : 0;
	char name[INTERFACE_NAME_BYTES];

	interface_name(netif, name);
	text_print(text, "%6s: %lu %lu %lu %lu 0 0 0 0 %lu %lu %lu %lu 0 0 0 0\n", name,
		   card->received_bytes, received, 0ul, card->dropped, card->sent_bytes, sent, 0ul,
		   card->unsendable);
}

static void list_dev(struct text *text)
{
	struct netif *netif;

	text_print(text,
		   "Inter-|   Receive                                                |  Transmit\n"
		   " face |bytes    packets errs drop fifo frame compressed multicast|bytes    "
		   "packets errs drop fifo colls carrier compressed\n");
	NETIF_FOREACH(netif)
	show_interface(text, netif);
}

static void show_one_route(struct text *text, const struct netif *netif, uint32_t to,
			   uint32_t gateway, uint32_t mask)
{
	char name[INTERFACE_NAME_BYTES];

	interface_name(netif, name);
	text_print(text, "%s\t%08x\t%08x\t%04x\t0\t0\t0\t%08x\t0\t0\t0\n", name, to, gateway,
		   (gateway ? ROUTE_GATEWAY : 0) | ROUTE_UP, mask);
}

static void list_route(struct text *text)
{
	struct netif *netif;

	text_print(text, "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\t"
			 "Window\tIRTT\n");
	if (netif_default && netif_is_up(netif_default) && netif_ip4_gw(netif_default)->addr)
		show_one_route(text, netif_default, 0, netif_ip4_gw(netif_default)->addr, 0);
	NETIF_FOREACH(netif)
	if (!interface_is_loopback(netif) && netif_is_up(netif) && netif_ip4_addr(netif)->addr)
		show_one_route(text, netif,
			       netif_ip4_addr(netif)->addr & netif_ip4_netmask(netif)->addr, 0,
			       netif_ip4_netmask(netif)->addr);
}

static void list_arp(struct text *text)
{
	struct eth_addr *mac;
	struct netif *netif;
	ip4_addr_t *ip;

	text_print(text, "IP address       HW type     Flags       HW address            Mask     "
			 "Device\n");
	for (size_t i = 0; i < ARP_TABLE_SIZE; i++) {
		char name[INTERFACE_NAME_BYTES];
		const size_t start = text->length;

		if (!etharp_get_entry(i, &ip, &netif, &mac))
			continue;
		interface_name(netif, name);
		text_print(text, "%u.%u.%u.%u", ip4_addr1(ip), ip4_addr2(ip), ip4_addr3(ip),
			   ip4_addr4(ip));
		text_pad(text, start, 17);
		text_print(
			text,
			"0x1         0x2         %02x:%02x:%02x:%02x:%02x:%02x     *        %s\n",
			mac->addr[0], mac->addr[1], mac->addr[2], mac->addr[3], mac->addr[4],
			mac->addr[5], name);
	}
}

/* --- sockets. Linux's state numbers, by lwIP's. */
static unsigned state_number(enum tcp_state state)
{
	static const uint8_t linux_state[] = {
		[CLOSED] = 7,	   [LISTEN] = 10,    [SYN_SENT] = 2,   [SYN_RCVD] = 3,
		[ESTABLISHED] = 1, [FIN_WAIT_1] = 4, [FIN_WAIT_2] = 5, [CLOSE_WAIT] = 8,
		[CLOSING] = 11,	   [LAST_ACK] = 9,   [TIME_WAIT] = 6};

	return linux_state[state];
}

static void show_socket(struct text *text, unsigned number, const struct end *local,
			const struct end *peer, unsigned state)
{
	text_print(text,
		   "%4u: %08x:%04x %08x:%04x %02x 00000000:00000000 00:00000000 00000000     0"
		   "        0 0 1 0 0\n",
		   number, local->ip.addr, local->port, peer->ip.addr, peer->port, state);
}

static void head_sockets(struct text *text)
{
	text_print(text,
		   "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   "
		   "uid  timeout inode\n");
}

static void list_tcp(struct text *text)
{
	static struct tcp_pcb **const lists[] = {&tcp_active_pcbs, &tcp_tw_pcbs};
	unsigned number = 0;

	head_sockets(text);
	for (const struct tcp_pcb_listen *pcb = tcp_listen_pcbs.listen_pcbs; pcb; pcb = pcb->next)
		show_socket(text, number++, &(struct end){pcb->local_ip, pcb->local_port},
			    &(struct end){.port = 0}, state_number(LISTEN));
	for (unsigned i = 0; i < 2; i++)
		for (const struct tcp_pcb *pcb = *lists[i]; pcb; pcb = pcb->next)
			show_socket(text, number++, &(struct end){pcb->local_ip, pcb->local_port},
				    &(struct end){pcb->remote_ip, pcb->remote_port},
				    state_number(pcb->state));
}

static void list_udp(struct text *text)
{
	unsigned number = 0;

	head_sockets(text);
	for (const struct udp_pcb *pcb = udp_pcbs; pcb; pcb = pcb->next)
		show_socket(text, number++, &(struct end){pcb->local_ip, pcb->local_port},
			    &(struct end){pcb->remote_ip, pcb->remote_port},
			    pcb->flags & UDP_FLAGS_CONNECTED ? 1 : 7);
}

/* lwIP's list of raw sockets is its own. */
/* Each of the above, with the lock. */
static int show_locked(void (*list)(struct text *text), struct text *text)
{
	const int error = net_init();

	if (error)
		return error;
	net_lock();
	list(text);
	net_unlock();
	return 0;
}

static int show_arp(const struct proc_subject *subject, struct text *text)
{
	(void)subject;
	return show_locked(list_arp, text);
}

static int show_dev(const struct proc_subject *subject, struct text *text)
{
	(void)subject;
	return show_locked(list_dev, text);
}

static int show_pnp(const struct proc_subject *subject, struct text *text)
{
	(void)subject;
	return show_locked(configure_show, text);
}

static int show_raw(const struct proc_subject *subject, struct text *text)
{
	(void)subject;
	return show_locked(head_sockets, text);
}

static int show_route(const struct proc_subject *subject, struct text *text)
{
	(void)subject;
	return show_locked(list_route, text);
}

static int show_tcp(const struct proc_subject *subject, struct text *text)
{
	(void)subject;
	return show_locked(list_tcp, text);
}

static int show_udp(const struct proc_subject *subject, struct text *text)
{
	(void)subject;
	return show_locked(list_udp, text);
}

const struct proc_entry proc_net_table[] = {
	{.name = "arp", .permissions = 0444, .show = show_arp},
	{.name = "dev", .permissions = 0444, .show = show_dev},
	{.name = "pnp", .permissions = 0444, .show = show_pnp},
	{.name = "raw", .permissions = 0444, .show = show_raw},
	{.name = "route", .permissions = 0444, .show = show_route},
	{.name = "tcp", .permissions = 0444, .show = show_tcp},
	{.name = "udp", .permissions = 0444, .show = show_udp},
	{.name = NULL},
};

/* SPDX-License-Identifier: MIT
 *
 * See configure.h.
 */
#include "guest/net/configure.h"

#include <lwip/dhcp.h>
#include <lwip/dns.h>
#include <lwip/prot/dhcp.h>

#include "guest/board/machine.h"
#include "guest/fs/text.h"
#include "guest/lib/print.h"
#include "guest/lib/string.h"
#include "guest/net/card.h"
#include "guest/net/stack.h"
#include "guest/sched/wait.h"
#include "guest/time/clock.h"

#define PATIENCE_NS 5000000000ull
#define SERVERS_MAX 3
#define FIELDS 4 /* address, boot server, gateway, netmask */

static ip4_addr_t servers[SERVERS_MAX];
static uint64_t asked_at_ns; /* 0: not at boot */
static bool is_by_dhcp;
static struct waitq answered = WAITQ_EMPTY(answered);

/* Called by lwIP's DHCP for each name server of the answer. */
void dns_setserver(u8_t index, const ip_addr_t *server)
{
	if (index < SERVERS_MAX)
		servers[index] = *server;
}

static void changed(struct netif *netif)
{
	if (!ip4_addr_isany_val(*netif_ip4_addr(netif)))
		waitq_wake(&answered);
}

static void set_default(struct netif *netif)
{
	if (!netif_default)
		netif_set_default(netif);
}

static void ask(struct netif *netif)
{
	set_default(netif);
	asked_at_ns = clock_ns();
	is_by_dhcp = dhcp_start(netif) == ERR_OK;
}

/* ADDRESS:SERVER:GATEWAY:NETMASK; false: it can't be read. */
static bool read_fields(char *words, ip4_addr_t *fields)
{
	char *start = words;
	unsigned i = 0;

	for (char *at = words; i < FIELDS; at++) {
		const char end = *at;

		if (end && end != ':')
			continue;
		*at = 0;
		if (*start && !ip4addr_aton(start, &fields[i]))
			return false;
		i++;
		if (!end)
			break;
		start = at + 1;
	}
	return !ip4_addr_isany_val(fields[0]);
}

void configure_start(void)
{
	struct card *card = card_first();
	ip4_addr_t fields[FIELDS] = {{0}};
	char words[96] = "dhcp";

	if (!card)
		return;
	netif_set_status_callback(&card->netif, changed);
	machine_option("ip", words, sizeof(words));
	if (!strcmp(words, "off") || !strcmp(words, "none"))
		return;
	card_set_up(&card->netif, true);
	if (!strcmp(words, "dhcp")) {
		ask(&card->netif);
	} else if (read_fields(words, fields)) {
		netif_set_addr(&card->netif, &fields[0], &fields[3], &fields[2]);
		set_default(&card->netif);
	} else {
		print("ip=%s: not dhcp, off or ADDRESS::GATEWAY:NETMASK\n", words);
	}
}

void configure_leave(struct netif *netif)
{
	if (!netif_dhcp_data(netif))
		return;
	dhcp_stop(netif);
	dhcp_cleanup(netif);
	is_by_dhcp = false;
	waitq_wake(&answered);
}

bool configure_is_asking(void)
{
	for (struct card *card = card_first(); card; card = card->next) {
		const struct dhcp *dhcp = netif_dhcp_data(&card->netif);

		if (dhcp && (dhcp->request_timeout || dhcp->state != DHCP_STATE_BOUND))
			return true;
	}
	return false;
}

static bool is_configured(void)
{
	const struct card *card = card_first();

	return !card || !is_by_dhcp || !ip4_addr_isany_val(*netif_ip4_addr(&card->netif));
}

void configure_await(void)
{
	const uint64_t until_ns = asked_at_ns + PATIENCE_NS;

	if (!is_configured() && clock_ns() < until_ns)
		wait_until_deadline(&answered, is_configured(), until_ns);
}

void configure_show(struct text *text)
{
	text_print(text, "#PROTO: %s\n", is_by_dhcp ? "DHCP" : "MANUAL");
	for (unsigned i = 0; i < SERVERS_MAX; i++)
		if (!ip4_addr_isany_val(servers[i]))
			text_print(text, "nameserver %u.%u.%u.%u\n", ip4_addr1(&servers[i]),
				   ip4_addr2(&servers[i]), ip4_addr3(&servers[i]),
				   ip4_addr4(&servers[i]));
}

/* SPDX-License-Identifier: MIT
 *
 * A long segment is lwIP's own: its PCB's MSS is a multiple of the real one, which only the card gets to know.
 */
#include "guest/net/offload.h"

#include <lwip/inet_chksum.h>
#include <lwip/ip4_frag.h>
#include <lwip/prot/ethernet.h>
#include <lwip/prot/ip4.h>
#include <lwip/prot/tcp.h>
#include <lwip/tcp.h>

#include "guest/net/card.h"

#define HEADERS_BYTES 40   /* of IPv4 and TCP without options */
#define SEGMENT_MAX 65408u /* so that a pbuf with all headers takes 64 KiB */

err_t net_send_long(struct pbuf *p, struct netif *netif, const ip4_addr_t *to);

static bool cuts_segments(struct netif *netif)
{
	const struct card *card = netif ? card_of(netif) : NULL;

	return card && card->nic->offloads & NET_OFFLOAD_SEGMENT;
}

/* Only if the real MSS is what follows from the card's MTU, so that it can be found again from there. */
void offload_connection(struct tcp_pcb *pcb)
{
	struct netif *netif = ip4_route_src(&pcb->local_ip, &pcb->remote_ip);
	unsigned real;

	if (!cuts_segments(netif))
		return;
	real = netif->mtu - HEADERS_BYTES;
	if (pcb->mss < real)
		return;
	pcb->mss = (u16_t)(SEGMENT_MAX / real * real);
	if (pcb->cwnd < 2u * pcb->mss)
		pcb->cwnd = 2u * pcb->mss; /* or it would never send its first */
}

bool offload_reduce(struct tcp_pcb *pcb)
{
	struct netif *netif = ip4_route_src(&pcb->local_ip, &pcb->remote_ip);
	const unsigned real = netif && netif->mtu ? netif->mtu - HEADERS_BYTES : TCP_MSS / 16;

	if (pcb->mss <= real)
		return false;
	pcb->mss = (u16_t)real;
	return true;
}

/* lwIP's way to ip4_frag() (in ip4.c): what is longer than the MTU. */
err_t net_send_long(struct pbuf *p, struct netif *netif, const ip4_addr_t *to)
{
	const struct ip_hdr *ip = p->payload;

	if (IPH_PROTO(ip) == IP_PROTO_TCP && cuts_segments(netif))
		return netif->output(netif, p, to);
	return ip4_frag(p, netif, to);
}

/* The sum of what TCP's checksum covers beyond its segment; the card adds that. */
static uint16_t pseudo_header_sum(const struct ip_hdr *ip, uint16_t bytes)
{
	const uint32_t from = ip->src.addr, to = ip->dest.addr;
	uint32_t sum = (from & 0xffff) + (from >> 16) + (to & 0xffff) + (to >> 16) +
		       lwip_htons(IP_PROTO_TCP) + lwip_htons(bytes);

	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)((sum & 0xffff) + (sum >> 16));
}

void offload_prepare(const struct netif *netif, struct pbuf *frame, struct net_packet *packet)
{
	const struct eth_hdr *ethernet = frame->payload;
	struct ip_hdr *ip = (struct ip_hdr *)(ethernet + 1);
	struct tcp_hdr *tcp;
	unsigned ip_bytes, tcp_bytes, total;

	if (netif->chksum_flags & NETIF_CHECKSUM_GEN_TCP ||
	    frame->len < SIZEOF_ETH_HDR + IP_HLEN + TCP_HLEN ||
	    ethernet->type != PP_HTONS(ETHTYPE_IP) || IPH_PROTO(ip) != IP_PROTO_TCP ||
	    IPH_OFFSET(ip) & PP_HTONS(IP_MF | IP_OFFMASK))
		return;
	ip_bytes = IPH_HL_BYTES(ip);
	tcp = (struct tcp_hdr *)((uint8_t *)ip + ip_bytes);
	tcp_bytes = TCPH_HDRLEN_BYTES(tcp);
	total = lwip_ntohs(IPH_LEN(ip));
	tcp->chksum = pseudo_header_sum(ip, (uint16_t)(total - ip_bytes));
	packet->checksum_start = (uint16_t)(SIZEOF_ETH_HDR + ip_bytes);
	packet->checksum_offset = offsetof(struct tcp_hdr, chksum);
	if (total <= netif->mtu)
		return;
	packet->header_bytes = (uint16_t)(SIZEOF_ETH_HDR + ip_bytes + tcp_bytes);
	packet->segment_bytes = (uint16_t)(netif->mtu - ip_bytes - tcp_bytes);
}

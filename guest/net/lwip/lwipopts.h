/* SPDX-License-Identifier: MIT
 *
 * What of lwIP is in the kernel, and how large it may grow. There is one caller at a time (net_lock), so
 * lwIP itself knows no threads.
 */
#ifndef LWIP_LWIPOPTS_H
#define LWIP_LWIPOPTS_H

#include "guest/net/memory.h"

#define NO_SYS 1
#define SYS_LIGHTWEIGHT_PROT 0
#define LWIP_NETCONN 0
#define LWIP_SOCKET 0
#define LWIP_TIMERS_CUSTOM 1 /* clockwork.c: an idle machine sleeps */

/* --- memory: the kernel's own, up to a limit (memory.c) */
#define MEM_LIBC_MALLOC 1
#define MEMP_MEM_MALLOC 1
#define MEM_ALIGNMENT 8
#define mem_clib_malloc net_malloc
#define mem_clib_calloc net_calloc
#define mem_clib_free net_free
#define LWIP_SUPPORT_CUSTOM_PBUF 1
#define PBUF_LINK_ENCAPSULATION_HLEN 16 /* struct virtio_net_hdr, which the driver puts in front */

/* --- protocols */
#define LWIP_IPV6 0
#define LWIP_ARP 1
#define ARP_TABLE_SIZE 16
#define ETHARP_TRUST_IP_MAC 0
#define ETHARP_SUPPORT_STATIC_ENTRIES 0
#define IP_FORWARD 0
#define IP_DEFAULT_TTL 64
#define IP_REASSEMBLY 1
#define IP_REASS_MAX_PBUFS 64
#define IP_FRAG 1
#define LWIP_RAW 1
#define LWIP_MULTICAST_PING 0
#define LWIP_BROADCAST_PING 0
#define LWIP_IGMP 1
#define LWIP_MULTICAST_TX_OPTIONS 1
#define LWIP_UDP 1
#define LWIP_DHCP 1
#define LWIP_DHCP_GET_NTP_SRV 0
#define DHCP_DOES_ARP_CHECK 0
#define LWIP_DNS \
	1 /* DHCP passes name servers on (dns_setserver()); asking them is the programs' business */
#define DNS_MAX_SERVERS 3
#define IP_SOF_BROADCAST 1
#define IP_SOF_BROADCAST_RECV 0
#define SO_REUSE 1
#define SO_REUSE_RXTOALL 1
#define LWIP_NETBUF_RECVINFO 1

/* --- interfaces */
#define LWIP_HAVE_LOOPIF 1
#define LWIP_NETIF_LOOPBACK 1
#define LWIP_LOOPBACK_MAX_PBUFS 256
#define LWIP_NETIF_LOOPBACK_MULTITHREADING 0
#define LWIP_NETIF_STATUS_CALLBACK 1
#define LWIP_CHECKSUM_CTRL_PER_NETIF 1
#define LWIP_HOOK_FILENAME "guest/net/card.h"
#define LWIP_HOOK_IP4_ROUTE_SRC card_route_unplugged

/* --- TCP: the largest segment is loopback's; a card's MTU, and the peer, make it smaller */
#define LWIP_TCP 1
#define TCP_MSS 65495
#define LWIP_WND_SCALE 1
#define TCP_RCV_SCALE 4
#define TCP_WND (512 * 1024)
#define TCP_SND_BUF (256 * 1024)
#define TCP_SND_QUEUELEN 512
#define TCP_SNDLOWAT (TCP_SND_BUF / 3)
#define TCP_SNDQUEUELOWAT (TCP_SND_QUEUELEN / 2)
#define TCP_WND_UPDATE_THRESHOLD (TCP_WND_MAX(pcb) / 4) /* a peer without scaling knows 64 KiB */
#define TCP_LISTEN_BACKLOG 1
#define TCP_DEFAULT_LISTEN_BACKLOG 128
#define LWIP_TCP_KEEPALIVE 1
#define TCP_QUEUE_OOSEQ 1
#define TCP_OOSEQ_MAX_BYTES (256 * 1024)
#define TCP_OOSEQ_MAX_PBUFS 256
#define MEMP_NUM_TCP_PCB 1024
#define MEMP_NUM_TCP_SEG 1024

#define LWIP_STATS 0
#define MIB2_STATS 0
#define LWIP_NOASSERT 1
#define LWIP_DISABLE_TCP_SANITY_CHECKS 1

#endif

/* SPDX-License-Identifier: MIT
 *
 * Datagrams: UDP, raw IP, and the sockets for echoes that need no privilege (SOCK_DGRAM with IPPROTO_ICMP),
 * whose port is the echo's identifier.
 */
#include <lwip/icmp.h>
#include <lwip/igmp.h>
#include <lwip/inet_chksum.h>
#include <lwip/prot/icmp.h>
#include <lwip/prot/ip4.h>
#include <lwip/prot/udp.h>
#include <lwip/raw.h>
#include <lwip/udp.h>

#include "guest/mm/slab.h"
#include "guest/net/configure.h"
#include "guest/net/inet_socket.h"
#include "guest/net/stack.h"

#define UDP_MAX 65507
#define RAW_MAX 65515
#define HEADER_AS_SENT 0x45 /* version 4, no options */

static bool is_udp(const struct inet *inet)
{
	return inet->protocol == IPPROTO_UDP && inet->type == SOCK_DGRAM;
}

static bool is_echo(const struct inet *inet)
{
	return inet->protocol == IPPROTO_ICMP && inet->type == SOCK_DGRAM;
}

static void keep_or_drop(struct inet *inet, struct pbuf *data, const struct end *from)
{
	if (inet->no_more_in || inet->arrived_bytes + data->tot_len > INET_QUEUE_MAX ||
	    !inet_append(inet, data, from))
		pbuf_free(data);
}

static void received_udp(void *context, struct udp_pcb *pcb, struct pbuf *data,
			 const ip_addr_t *from, u16_t port)
{
	(void)pcb;
	keep_or_drop(context, data, &(struct end){*from, port});
}

/* Everybody who listens for the protocol gets a copy; lwIP goes on with the packet. */
static u8_t received_raw(void *context, struct raw_pcb *pcb, struct pbuf *packet,
			 const ip_addr_t *from)
{
	struct inet *inet = context;
	struct icmp_echo_hdr echo;
	struct pbuf *copy;
	u16_t header = 0;

	(void)pcb;
	if (is_echo(inet)) {
		header = IPH_HL_BYTES((const struct ip_hdr *)packet->payload);
		if (pbuf_copy_partial(packet, &echo, sizeof(echo), header) < sizeof(echo) ||
		    echo.type != ICMP_ER || echo.id != lwip_htons(inet->local.port))
			return 0;
	}
	copy = pbuf_clone(PBUF_RAW, PBUF_RAM, packet);
	if (copy) {
		pbuf_remove_header(copy, header);
		keep_or_drop(inet, copy, &(struct end){.ip = *from});
	}
	return 0;
}

/* --- refusals: ICMP says that nobody has the port, and quotes our header. */
static void refuse(const struct ip_hdr *ip, const struct udp_hdr *udp)
{
	for (struct udp_pcb *pcb = udp_pcbs; pcb; pcb = pcb->next) {
		struct inet *inet = pcb->recv_arg;

		if (pcb->recv != received_udp || !(pcb->flags & UDP_FLAGS_CONNECTED) ||
		    pcb->local_port != lwip_ntohs(udp->src) ||
		    pcb->remote_port != lwip_ntohs(udp->dest) ||
		    pcb->remote_ip.addr != ip->dest.addr)
			continue;
		inet->error = -ECONNREFUSED;
		waitq_wake(&inet->changed);
	}
}

static u8_t received_icmp(void *unused, struct raw_pcb *pcb, struct pbuf *packet,
			  const ip_addr_t *from)
{
	const u16_t header = IPH_HL_BYTES((const struct ip_hdr *)packet->payload);
	struct {
		struct icmp_echo_hdr icmp;
		struct ip_hdr ip;
		struct udp_hdr udp;
	} quote;

	(void)unused, (void)pcb, (void)from;
	if (pbuf_copy_partial(packet, &quote, sizeof(quote), header) == sizeof(quote) &&
	    quote.icmp.type == ICMP_DUR && quote.icmp.code == ICMP_DUR_PORT &&
	    quote.ip._v_hl == HEADER_AS_SENT && IPH_PROTO(&quote.ip) == IP_PROTO_UDP)
		refuse(&quote.ip, &quote.udp);
	return 0;
}

/* From the first connect() on. */
static void hear_refusals(void)
{
	static struct raw_pcb *hearing;

	if (hearing)
		return;
	hearing = raw_new(IP_PROTO_ICMP);
	if (hearing)
		raw_recv(hearing, received_icmp, NULL);
}

int inet_datagram_new(struct inet *inet)
{
	static uint16_t last_echo = 0;

	if (is_udp(inet)) {
		inet->udp = udp_new();
		if (inet->udp)
			udp_recv(inet->udp, received_udp, inet);
	} else {
		inet->raw = raw_new((u8_t)inet->protocol);
		if (inet->raw)
			raw_recv(inet->raw, received_raw, inet);
		if (inet->raw && inet->protocol == IPPROTO_RAW)
			raw_set_flags(inet->raw, RAW_FLAGS_HDRINCL);
		inet->has_header = inet->protocol == IPPROTO_RAW;
		inet->local.port = is_echo(inet) ? ++last_echo : 0;
	}
	return inet->any ? 0 : -ENOBUFS;
}

void inet_datagram_close(struct inet *inet)
{
	inet_leave_groups(inet);
	if (!inet->any)
		return;
	if (is_udp(inet))
		udp_remove(inet->udp);
	else
		raw_remove(inet->raw);
	inet->any = NULL;
}

int inet_datagram_bind(struct inet *inet, const struct end *end)
{
	struct netif *netif = ip4_route(&end->ip);
	int error;

	if (!inet_is_own(&end->ip) && !ip4_addr_ismulticast(&end->ip) &&
	    !(netif && ip4_addr_isbroadcast(&end->ip, netif)))
		return -EADDRNOTAVAIL;
	if (!is_udp(inet)) {
		if (end->port && is_echo(inet))
			inet->local.port = end->port;
		inet->local.ip = end->ip;
		return inet_error(raw_bind(inet->raw, &end->ip));
	}
	if (inet->local.port)
		return -EINVAL;
	error = inet_error(udp_bind(inet->udp, &end->ip, end->port));
	if (!error)
		inet->local = (struct end){end->ip, inet->udp->local_port};
	return error;
}

static void disconnect(struct inet *inet)
{
	if (is_udp(inet))
		udp_disconnect(inet->udp);
	else
		raw_disconnect(inet->raw);
	inet->was_connected = false;
}

int inet_datagram_connect(struct inet *inet, const struct end *end)
{
	struct netif *netif;
	err_t error;

	if (!end) {
		disconnect(inet);
		return 0;
	}
	netif = ip4_route(&end->ip);
	if (!netif)
		return -ENETUNREACH;
	if (ip4_addr_isbroadcast(&end->ip, netif) && !inet->has_broadcast)
		return -EACCES;
	error = is_udp(inet) ? udp_connect(inet->udp, &end->ip, end->port)
			     : raw_connect(inet->raw, &end->ip);
	if (error)
		return inet_error(error);
	hear_refusals();
	inet->was_connected = true;
	inet->peer = *end;
	if (ip4_addr_isany_val(inet->local.ip))
		inet->local.ip = *netif_ip4_addr(netif);
	if (is_udp(inet))
		inet->local.port = inet->udp->local_port;
	return 0;
}

/* --- sending */
static void address_echo(const struct inet *inet, struct pbuf *data)
{
	struct icmp_echo_hdr *echo = data->payload;

	echo->id = lwip_htons(inet->local.port);
	echo->chksum = 0;
	echo->chksum = inet_chksum(data->payload, data->len);
}

static int send_to(struct inet *inet, struct pbuf *data, const struct end *to)
{
	err_t error;

	if (is_udp(inet)) {
		error = udp_sendto(inet->udp, data, &to->ip, to->port);
		inet->local.port = inet->udp->local_port;
	} else {
		error = raw_sendto(inet->raw, data, &to->ip);
	}
	return error == ERR_VAL ? -EACCES : inet_error(error); /* broadcast, without SO_BROADCAST */
}

static int check(struct inet *inet, const struct iobuf *data, const struct end *to)
{
	if (inet->error)
		return inet_take_error(inet);
	if (inet->no_more_out)
		return -EPIPE;
	if (!to && !inet->was_connected)
		return -EDESTADDRREQ;
	if (is_udp(inet) && to && !to->port)
		return -EINVAL;
	if (is_echo(inet) && data->left < sizeof(struct icmp_echo_hdr))
		return -EINVAL;
	return data->left > (is_udp(inet) ? UDP_MAX : RAW_MAX) ? -EMSGSIZE : 0;
}

static struct pbuf *allocate(struct inet *inet, size_t bytes)
{
	struct pbuf *data;

	net_lock();
	data = pbuf_alloc(inet->has_header ? PBUF_LINK : PBUF_TRANSPORT, (u16_t)bytes, PBUF_RAM);
	net_unlock();
	return data;
}

int64_t inet_datagram_send(struct inet *inet, struct iobuf *data, const struct end *to,
			   unsigned flags)
{
	const size_t bytes = data->left;
	const struct end *end = to ? to : &inet->peer;
	struct pbuf *packet;
	int error = check(inet, data, to);

	(void)flags;
	if (error)
		return error;
	packet = allocate(inet, bytes);
	if (!packet)
		return -ENOBUFS;
	if (bytes && iobuf_take(data, packet->payload, bytes) != (int64_t)bytes)
		error = -EFAULT;
	net_lock();
	if (!error && is_echo(inet))
		address_echo(inet, packet);
	if (!error)
		error = send_to(inet, packet, end);
	if (error == -ENETUNREACH) { /* perhaps only not yet */
		net_unlock();
		configure_await();
		net_lock();
		error = send_to(inet, packet, end);
	}
	pbuf_free(packet);
	net_unlock();
	return error ? error : (int64_t)bytes;
}

/* --- receiving */
static int64_t receive_one(struct inet *inet, struct iobuf *to, struct receive *receive,
			   unsigned flags)
{
	struct arrival *arrival;
	int64_t result;
	uint16_t bytes;

	if (inet->error)
		return inet_take_error(inet);
	if (list_is_empty(&inet->arrivals))
		return inet->no_more_in ? 0 : -EAGAIN;
	arrival = container_of(inet->arrivals.next, struct arrival, link);
	bytes = arrival->data->tot_len;
	inet_write_name(&arrival->from, &receive->from);
	result = inet_copy_out(arrival->data, to);
	if (result >= 0 && result < bytes) {
		receive->flags |= MSG_TRUNC;
		if (flags & MSG_TRUNC)
			result = bytes;
	}
	if (flags & MSG_PEEK)
		return result;
	net_lock();
	list_remove(&arrival->link);
	inet->arrived_bytes -= bytes;
	pbuf_free(arrival->data);
	kfree(arrival);
	net_unlock();
	return result;
}

int64_t inet_datagram_receive(struct inet *inet, struct iobuf *to, struct receive *receive,
			      unsigned flags)
{
	int64_t result;

	for (;;) {
		mutex_lock(&inet->reading);
		result = receive_one(inet, to, receive, flags);
		mutex_unlock(&inet->reading);
		if (result != -EAGAIN || flags & MSG_DONTWAIT)
			return result;
		result = inet_wait(
			inet, !list_is_empty(&inet->arrivals) || inet->no_more_in || inet->error,
			inet->receive_wait_ns);
		if (result)
			return result;
	}
}

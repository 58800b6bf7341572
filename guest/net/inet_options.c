/* SPDX-License-Identifier: MIT
 *
 * setsockopt() and getsockopt(). Numbers are Linux's.
 */
#include <lwip/ip.h>
#include <lwip/raw.h>
#include <lwip/tcp.h>
#include <lwip/udp.h>

#include "guest/mm/user.h"
#include "guest/net/inet_socket.h"
#include "guest/net/interface.h"
#include "guest/net/stack.h"

enum ip_option {
	IP_TOS = 1,
	IP_TTL = 2,
	IP_HDRINCL = 3,
	IP_RETOPTS = 7,
	IP_PKTINFO = 8,
	IP_MTU_DISCOVER = 10,
	IP_RECVERR = 11,
	IP_RECVTTL = 12,
	IP_MULTICAST_IF = 32,
	IP_MULTICAST_TTL = 33,
	IP_MULTICAST_LOOP = 34,
	IP_ADD_MEMBERSHIP = 35,
	IP_DROP_MEMBERSHIP = 36
};
enum tcp_option {
	TCP_NODELAY = 1,
	TCP_MAXSEG = 2,
	TCP_CORK = 3,
	TCP_KEEPIDLE = 4,
	TCP_KEEPINTVL = 5,
	TCP_KEEPCNT = 6,
	TCP_DEFER_ACCEPT = 9,
	TCP_INFO = 11,
	TCP_QUICKACK = 12,
	TCP_USER_TIMEOUT = 18
};
#define MS_PER_S 1000
#define NS_PER_S 1000000000ull
#define NS_PER_US 1000ull

struct time_value { /* struct timeval */
	int64_t seconds, microseconds;
};

static void set_flag(struct inet *inet, u8_t flag, bool on)
{
	if (inet->any && on)
		ip_set_option(inet->any, flag);
	else if (inet->any)
		ip_reset_option(inet->any, flag);
}

void inet_apply_options(struct inet *inet)
{
	set_flag(inet, SOF_REUSEADDR, inet->reuses_address);
}

/* --- setting */
static int set_time(uint64_t *limit_ns, uint64_t gva, uint32_t length)
{
	struct time_value time;

	if (length < sizeof(time))
		return -EINVAL;
	if (user_read(&time, gva, sizeof(time)))
		return -EFAULT;
	if (time.microseconds < 0 || time.microseconds >= 1000000)
		return -EDOM;
	*limit_ns = time.seconds < 0 ? 0
				     : (uint64_t)time.seconds * NS_PER_S +
					       (uint64_t)time.microseconds * NS_PER_US;
	return 0;
}

static int bind_to_device(struct inet *inet, uint64_t gva, uint32_t length)
{
	char name[16] = "";
	struct netif *netif = NULL;

	if (user_read(name, gva, length < sizeof(name) - 1 ? length : sizeof(name) - 1))
		return -EFAULT;
	if (name[0]) {
		netif = interface_find(name);
		if (!netif)
			return -ENODEV;
	}
	if (inet->any)
		inet->any->netif_idx = netif ? netif_get_index(netif) : NETIF_NO_INDEX;
	return 0;
}

static int set_socket_option(struct inet *inet, int option, int32_t value)
{
	switch (option) {
	case SO_REUSEADDR:
	case SO_REUSEPORT:
		inet->reuses_address = value;
		set_flag(inet, SOF_REUSEADDR, value);
		return 0;
	case SO_BROADCAST:
		inet->has_broadcast = value;
		set_flag(inet, SOF_BROADCAST, value);
		return 0;
	case SO_KEEPALIVE: set_flag(inet, SOF_KEEPALIVE, value); return 0;
	case SO_SNDBUF:
	case SO_RCVBUF: return 0; /* they have a fixed size */
	default: return -ENOPROTOOPT;
	}
}

static void set_multicast_ttl(struct inet *inet, u8_t value)
{
	if (inet->protocol == IPPROTO_UDP)
		udp_set_multicast_ttl(inet->udp, value);
	else
		raw_set_multicast_ttl(inet->raw, value);
}

static int set_ip_option(struct inet *inet, int option, int32_t value)
{
	if (!inet->any)
		return 0;
	switch (option) {
	case IP_TOS: inet->any->tos = (u8_t)value; return 0;
	case IP_TTL:
		if (value == -1)
			value = 64;
		if (value < 1 || value > 255)
			return -EINVAL;
		inet->any->ttl = (u8_t)value;
		return 0;
	case IP_HDRINCL:
		if (inet->type != SOCK_RAW)
			return -ENOPROTOOPT;
		inet->has_header = value;
		if (value)
			raw_set_flags(inet->raw, RAW_FLAGS_HDRINCL);
		else
			raw_clear_flags(inet->raw, RAW_FLAGS_HDRINCL);
		return 0;
	case IP_MULTICAST_TTL:
		if (inet_is_stream(inet) || value < -1 || value > 255)
			return -EINVAL;
		set_multicast_ttl(inet, value == -1 ? 1 : (u8_t)value);
		return 0;
	case IP_MULTICAST_LOOP:
		if (inet->protocol == IPPROTO_UDP && inet->type == SOCK_DGRAM) {
			if (value)
				udp_set_flags(inet->udp, UDP_FLAGS_MULTICAST_LOOP);
			else
				udp_clear_flags(inet->udp, UDP_FLAGS_MULTICAST_LOOP);
		}
		return 0;
	case IP_MULTICAST_IF:
		if (inet->protocol == IPPROTO_UDP && inet->type == SOCK_DGRAM)
			inet->udp->mcast_ip4.addr = (uint32_t)value;
		return 0;
	case IP_RETOPTS:
	case IP_PKTINFO:
	case IP_MTU_DISCOVER:
	case IP_RECVERR:
	case IP_RECVTTL: return 0; /* control messages that never come */
	default: return -ENOPROTOOPT;
	}
}

static int set_tcp_option(struct inet *inet, int option, int32_t value)
{
	struct tcp_pcb *pcb = inet->tcp;

	if (!inet_is_stream(inet))
		return -ENOPROTOOPT;
	if (!pcb || inet->is_listening)
		return 0;
	switch (option) {
	case TCP_NODELAY:
		if (value)
			tcp_nagle_disable(pcb);
		else
			tcp_nagle_enable(pcb);
		if (value)
			tcp_output(pcb);
		return 0;
	case TCP_KEEPIDLE: pcb->keep_idle = (u32_t)value * MS_PER_S; return value > 0 ? 0 : -EINVAL;
	case TCP_KEEPINTVL:
		pcb->keep_intvl = (u32_t)value * MS_PER_S;
		return value > 0 ? 0 : -EINVAL;
	case TCP_KEEPCNT: pcb->keep_cnt = (u32_t)value; return value > 0 ? 0 : -EINVAL;
	case TCP_MAXSEG:
	case TCP_CORK:
	case TCP_DEFER_ACCEPT:
	case TCP_QUICKACK:
	case TCP_USER_TIMEOUT: return 0; /* hints */
	default: return -ENOPROTOOPT;
	}
}

/* The value, of which a byte is enough at IP's level. */
static int read_value(int level, uint64_t gva, uint32_t length, int32_t *value)
{
	uint8_t byte;

	if (length >= sizeof(*value))
		return user_read(value, gva, sizeof(*value));
	if (level != IPPROTO_IP || !length)
		return -EINVAL;
	if (user_read(&byte, gva, 1))
		return -EFAULT;
	*value = byte;
	return 0;
}

static int set_linger(struct inet *inet, uint64_t gva, uint32_t length)
{
	int32_t linger[2]; /* struct linger: on, seconds */

	if (length < sizeof(linger))
		return -EINVAL;
	if (user_read(linger, gva, sizeof(linger)))
		return -EFAULT;
	inet->lingers = linger[0];
	inet->linger_s = (uint32_t)linger[1];
	return 0;
}

/* struct in_addr, struct ip_mreq or struct ip_mreqn: the interface to send multicasts from. */
static int read_interface(uint64_t gva, uint32_t length, int32_t *value)
{
	if (length < sizeof(*value))
		return -EINVAL;
	return user_read(value, gva + (length >= 8 ? 4 : 0), sizeof(*value));
}

static int set_locked(struct inet *inet, int level, int option, uint64_t gva, uint32_t length)
{
	int32_t value;
	int error;

	if (level == SOL_SOCKET && option == SO_RCVTIMEO)
		return set_time(&inet->receive_wait_ns, gva, length);
	if (level == SOL_SOCKET && option == SO_SNDTIMEO)
		return set_time(&inet->send_wait_ns, gva, length);
	if (level == SOL_SOCKET && option == SO_LINGER)
		return set_linger(inet, gva, length);
	if (level == SOL_SOCKET && option == SO_BINDTODEVICE)
		return bind_to_device(inet, gva, length);
	if (level == IPPROTO_IP && (option == IP_ADD_MEMBERSHIP || option == IP_DROP_MEMBERSHIP))
		return inet_join_or_leave(inet, gva, length, option == IP_ADD_MEMBERSHIP);
	error = level == IPPROTO_IP && option == IP_MULTICAST_IF
			? read_interface(gva, length, &value)
			: read_value(level, gva, length, &value);
	if (error)
		return error;
	return level == SOL_SOCKET    ? set_socket_option(inet, option, value)
	       : level == IPPROTO_IP  ? set_ip_option(inet, option, value)
	       : level == IPPROTO_TCP ? set_tcp_option(inet, option, value)
				      : -ENOPROTOOPT;
}

int inet_set_option(struct file *file, int level, int option, uint64_t value_gva, uint32_t length)
{
	int error;

	net_lock();
	error = set_locked(file->private, level, option, value_gva, length);
	net_unlock();
	return error;
}

/* --- asking */
static int get_socket_option(struct inet *inet, int option, int32_t *value)
{
	switch (option) {
	case SO_TYPE: *value = (int32_t)inet->type; return 0;
	case SO_DOMAIN: *value = AF_INET; return 0;
	case SO_PROTOCOL: *value = inet->protocol; return 0;
	case SO_ACCEPTCONN: *value = inet->is_listening; return 0;
	case SO_ERROR: *value = -inet_take_error(inet); return 0;
	case SO_SNDBUF: *value = inet_is_stream(inet) ? TCP_SND_BUF : INET_QUEUE_MAX; return 0;
	case SO_RCVBUF: *value = inet_is_stream(inet) ? TCP_WND : INET_QUEUE_MAX; return 0;
	case SO_REUSEADDR:
	case SO_REUSEPORT: *value = inet->reuses_address; return 0;
	case SO_BROADCAST: *value = inet->has_broadcast; return 0;
	case SO_KEEPALIVE:
		*value = inet->any && ip_get_option(inet->any, SOF_KEEPALIVE) != 0;
		return 0;
	default: return -ENOPROTOOPT;
	}
}

static int get_other_option(struct inet *inet, int level, int option, int32_t *value)
{
	struct tcp_pcb *pcb = inet_is_stream(inet) && !inet->is_listening ? inet->tcp : NULL;

	*value = 0;
	if (level == IPPROTO_IP && option == IP_TTL)
		*value = inet->any ? inet->any->ttl : 64;
	else if (level == IPPROTO_IP && option == IP_TOS)
		*value = inet->any ? inet->any->tos : 0;
	else if (level != IPPROTO_TCP || !inet_is_stream(inet))
		return -ENOPROTOOPT;
	else if (option == TCP_NODELAY)
		*value = pcb && tcp_nagle_disabled(pcb);
	else if (option == TCP_MAXSEG)
		*value = pcb ? tcp_mss(pcb) : 536;
	else if (option == TCP_KEEPIDLE)
		*value = pcb ? (int32_t)pcb->keep_idle / MS_PER_S : 7200;
	else if (option == TCP_KEEPINTVL)
		*value = pcb ? (int32_t)pcb->keep_intvl / MS_PER_S : 75;
	else if (option == TCP_KEEPCNT)
		*value = pcb ? (int32_t)pcb->keep_cnt : 9;
	else
		return -ENOPROTOOPT;
	return 0;
}

int inet_get_option(struct file *file, int level, int option, uint64_t value_gva,
		    uint64_t length_gva)
{
	struct inet *inet = file->private;
	int32_t value, linger[2] = {inet->lingers, (int32_t)inet->linger_s};
	int error;

	if (level == SOL_SOCKET && (option == SO_RCVTIMEO || option == SO_SNDTIMEO)) {
		const uint64_t ns = option == SO_RCVTIMEO ? inet->receive_wait_ns
							  : inet->send_wait_ns;
		const struct time_value time = {(int64_t)(ns / NS_PER_S),
						(int64_t)(ns % NS_PER_S / NS_PER_US)};

		return socket_give_option(value_gva, length_gva, &time, sizeof(time));
	}
	if (level == SOL_SOCKET && option == SO_LINGER)
		return socket_give_option(value_gva, length_gva, linger, sizeof(linger));
	net_lock();
	error = level == SOL_SOCKET ? get_socket_option(inet, option, &value)
				    : get_other_option(inet, level, option, &value);
	net_unlock();
	return error ? error : socket_give_option(value_gva, length_gva, &value, sizeof(value));
}

/* SPDX-License-Identifier: MIT
 *
 * A socket of the Internet, inside. net_lock guards all of it, but what says otherwise; looks without it are
 * followed by one with it.
 */
#ifndef GUEST_NET_INET_SOCKET_H
#define GUEST_NET_INET_SOCKET_H

#include <lwip/err.h>
#include <lwip/ip4_addr.h>
#include <lwip/pbuf.h>

#include "guest/fs/socket_family.h"
#include "guest/fs/vfs.h"
#include "guest/time/clock.h"

struct ip_pcb;
struct raw_pcb;
struct tcp_pcb;
struct udp_pcb;

enum { IPPROTO_IP = 0, IPPROTO_ICMP = 1, IPPROTO_TCP = 6, IPPROTO_UDP = 17, IPPROTO_RAW = 255 };

struct sockaddr_in {
	uint16_t family;
	uint16_t port; /* big-endian, as the address */
	uint32_t address;
	uint8_t zero[8];
};

struct end {
	ip4_addr_t ip;
	uint16_t port;
};

/* What came and nobody has read yet: a datagram, or a part of a stream. */
struct arrival {
	struct list link;
	struct pbuf *data;
	struct end from;
};

struct inet {
	enum socket_type type;
	int protocol;
	union { /* lwIP's. NULL: a connection that has ended */
		struct ip_pcb *any;
		struct tcp_pcb *tcp;
		struct udp_pcb *udp;
		struct raw_pcb *raw;
	};
	struct waitq changed; /* anything that somebody may wait for */
	struct mutex
		reading; /* taken before net_lock: readers copy one after the other; not held in waits */
	struct list arrivals; /* appended to with net_lock; taken from with both */
	size_t arrived_bytes;
	unsigned room; /* bytes that TCP would take */
	int error;     /* -errno that the next call shall say, 0: none */
	bool is_listening, is_connecting, was_connected;
	bool no_more_in, no_more_out; /* shut down, or as peer_has_ended says */
	bool peer_has_ended;	      /* its FIN has come */
	bool is_broken;		      /* reset, or given up */
	bool has_broadcast, has_header, reuses_address, lingers;
	struct list backlog, in_backlog; /* connections that wait for accept() */
	unsigned backlog_count;
	uint32_t linger_s;
	uint64_t receive_wait_ns, send_wait_ns; /* 0: for good */
	struct end local, peer;
	struct list groups; /* multicast: inet_options.c */
};

#define INET_QUEUE_MAX 212992 /* bytes of datagrams that wait at a socket */

/* A new one without a PCB; NULL: no memory. */
struct inet *inet_allocate(unsigned type, int protocol);
int inet_open(struct inet *inet, unsigned flags, struct file **file);

static inline bool inet_is_stream(const struct inet *inet)
{
	return inet->type == SOCK_STREAM;
}

/* -errno of lwIP's. */
int inet_error(err_t error);
/* Takes inet->error: what it was. */
int inet_take_error(struct inet *inet);

/* A name of a program as an end; 0, -EINVAL, -EAFNOSUPPORT. */
int inet_read_name(const struct socket_name *name, struct end *end);
void inet_write_name(const struct end *end, struct socket_name *name);
/* Whether that address is one of this machine's interfaces, or none in particular. */
bool inet_is_own(const ip4_addr_t *ip);

/* Appends to what is to be read; data is the socket's then. false: no memory, it is still the caller's. */
bool inet_append(struct inet *inet, struct pbuf *data, const struct end *from);
/* Copies data from offset on; less than all only if to is full or -EFAULT. */
int64_t inet_copy_out(const struct pbuf *data, struct iobuf *to);
/* Waits for condition with the time limit: 0, -EAGAIN, -ERESTART. */
#define inet_wait(inet, condition, limit_ns)                                                     \
	({                                                                                       \
		const uint64_t inet_until = (limit_ns) ? clock_ns() + (limit_ns) : WAIT_FOREVER; \
		int inet_result = wait_until_deadline(&(inet)->changed, condition, inet_until);  \
		inet_result == -ETIMEDOUT ? -EAGAIN : inet_result;                               \
	})

/* --- inet_connect.c, inet_stream.c: TCP */
int inet_stream_new(struct inet *inet);
int inet_stream_bind(struct inet *inet, const struct end *end);
int inet_stream_listen(struct inet *inet, unsigned backlog);
int inet_stream_connect(struct inet *inet, const struct end *end, bool waits);
int inet_stream_accept(struct inet *inet, bool waits, unsigned flags, struct file **file);
int inet_stream_shutdown(struct inet *inet, bool in, bool out);
void inet_stream_close(struct inet *inet);
void inet_stream_serve(struct inet *inet);  /* its PCB's callbacks from here on */
void inet_stream_let_go(struct inet *inet); /* of its PCB, if both sides have ended it */
int64_t inet_stream_send(struct inet *inet, struct iobuf *data, unsigned flags);
int64_t inet_stream_receive(struct inet *inet, struct iobuf *data, struct receive *receive,
			    unsigned flags);

/* --- inet_datagram.c: UDP, ICMP, raw IP */
int inet_datagram_new(struct inet *inet);
int inet_datagram_bind(struct inet *inet, const struct end *end);
int inet_datagram_connect(struct inet *inet, const struct end *end); /* NULL: no peer any more */
void inet_datagram_close(struct inet *inet);
int64_t inet_datagram_send(struct inet *inet, struct iobuf *data, const struct end *to,
			   unsigned flags);
int64_t inet_datagram_receive(struct inet *inet, struct iobuf *data, struct receive *receive,
			      unsigned flags);

/* --- inet_options.c */
int inet_set_option(struct file *file, int level, int option, uint64_t value_gva, uint32_t length);
int inet_get_option(struct file *file, int level, int option, uint64_t value_gva,
		    uint64_t length_gva);
/* --- inet_groups.c */
/* A struct ip_mreq or ip_mreqn of the program. */
int inet_join_or_leave(struct inet *inet, uint64_t gva, uint32_t length, bool join);
/* Ends its membership of multicast groups. */
void inet_leave_groups(struct inet *inet);
/* What was asked for of the PCB before. */
void inet_apply_options(struct inet *inet);

/* --- inet_ioctl.c: interfaces and routes */
int64_t inet_ioctl(struct file *file, unsigned command, uint64_t argument);

#endif

/* SPDX-License-Identifier: MIT
 *
 * What the files of virtio-vsock share: vsock.c (queues and packets), vsock_conn.c (connections),
 * vsock_host.c (the host's listening socket).
 *
 *     HANDSHAKE ──"CONNECT P"──► REQUESTED ──RESPONSE──► OPEN ──both ends shut──► CLOSING ──RST──► gone
 *                                      guest's REQUEST ──►
 *     any ──RST, error──► DEAD (its RST waits for a buffer) ──► gone
 *
 * All of it belongs to the loop's thread. A reset by the guest comes from a vCPU's: it leaves a note.
 */
#ifndef VITRINE_VIRTIO_VSOCK_INTERNAL_H
#define VITRINE_VIRTIO_VSOCK_INTERNAL_H

#include <stdatomic.h>

#include "virtio/vsock.h"

#define VSOCK_CONN_MAX 256
#define VSOCK_BUFFER_BYTES 65536u /* what we take of a guest before the host's program reads it */
#define VSOCK_PACKET_MAX 65536u
#define VSOCK_ORPHAN_MAX 64
#define VSOCK_LINE_BYTES 32
#define VSOCK_CHAIN_MAX 32

/* §5.10.6 */
struct vsock_header {
	uint64_t src_cid;
	uint64_t dst_cid;
	uint32_t src_port;
	uint32_t dst_port;
	uint32_t len_bytes;
	uint16_t type;
	uint16_t op;
	uint32_t flags;
	uint32_t buf_alloc;
	uint32_t fwd_cnt;
} __attribute__((packed));
_Static_assert(sizeof(struct vsock_header) == 44, "virtio-vsock header");

enum { VSOCK_TYPE_STREAM = 1 };

enum {
	VSOCK_OP_INVALID,
	VSOCK_OP_REQUEST,
	VSOCK_OP_RESPONSE,
	VSOCK_OP_RST,
	VSOCK_OP_SHUTDOWN,
	VSOCK_OP_RW,
	VSOCK_OP_CREDIT_UPDATE,
	VSOCK_OP_CREDIT_REQUEST
};

enum { VSOCK_SHUT_RECEIVE = 1, VSOCK_SHUT_SEND = 2, VSOCK_SHUT_BOTH = 3 };

enum vsock_state {
	VSOCK_HANDSHAKE, /* the host's program has not said yet where to */
	VSOCK_REQUESTED, /* the guest has not answered yet */
	VSOCK_OPEN,
	VSOCK_CLOSING, /* the host's end is gone and the guest knows */
	VSOCK_DEAD     /* a RST is all that is left */
};

struct vsock;

struct vsock_conn {
	struct vsock *vsock;
	enum vsock_state state;
	int fd; /* -1 in CLOSING and DEAD */
	uint32_t host_port;
	uint32_t guest_port;
	unsigned pending;   /* packets to send: bits 1 << VSOCK_OP_* */
	bool readable;	    /* the socket may have bytes, or an end, for the guest */
	bool hung_up;	    /* the host's program closed it */
	uint8_t guest_shut; /* VSOCK_SHUT_*: what the guest won't do any more */
	uint8_t host_shut;  /* … and the host's program */

	/* credit for bytes to the guest, §5.10.6.3; all of them wrap */
	uint32_t peer_buf_alloc;
	uint32_t peer_fwd_cnt;
	uint32_t sent_bytes;
	bool asked_for_credit;

	/* bytes to the host: what its program has not read yet */
	uint32_t fwd_cnt;
	uint32_t told_fwd_cnt;
	uint8_t *buffer; /* VSOCK_BUFFER_BYTES; NULL while it is empty */
	uint32_t buffer_head;
	uint32_t buffer_bytes;
};

/* Somebody the guest talks to and who isn't there: gets a RST. */
struct vsock_orphan {
	uint32_t host_port;
	uint32_t guest_port;
};

struct vsock {
	struct virtio_device vdev;
	const struct virtio_vsock_options *options;
	struct loop *loop;
	int reset_fd;
	atomic_bool reset_wanted;

	struct vsock_conn *conn[VSOCK_CONN_MAX];
	unsigned conn_count;
	unsigned turn; /* whose packet is next */
	uint32_t next_port;

	struct vsock_orphan orphan[VSOCK_ORPHAN_MAX];
	unsigned orphan_head;
	unsigned orphan_count;
	bool transmit_waits; /* for room in orphan[] */
};

/* Packets for the guest wait: they go out as it offers buffers. */
void vsock_kick_receive(struct vsock *vsock);

/* --- connections */

/* Takes fd over, also where it fails (NULL: too many). */
struct vsock_conn *vsock_conn_add(struct vsock *vsock, int fd, enum vsock_state state);
void vsock_conn_remove(struct vsock_conn *conn);
struct vsock_conn *vsock_conn_find(const struct vsock *vsock, uint32_t host_port,
				   uint32_t guest_port);
/* Ends it with a RST to the guest; without one where the guest does not know it. */
void vsock_conn_kill(struct vsock_conn *conn);

/* A guest's packet that belongs to it, with its checked header; payload bytes are in chain behind the header. */
void vsock_conn_take(struct vsock_conn *conn, const struct vsock_header *header,
		     const struct virtq_chain *chain);

/* The next packet for the guest: fills in *header and puts payload of up to room bytes at to. False: there is none.
 * *ended: the connection is over when this packet is sent. */
bool vsock_conn_give(struct vsock_conn *conn, struct vsock_header *header, const struct iovec *to,
		     unsigned to_count, uint32_t room, bool *ended);
bool vsock_conn_has_packet(const struct vsock_conn *conn);

/* --- the host's side */

int vsock_host_listen(struct vsock *vsock);
void vsock_host_close(struct vsock *vsock);
/* In HANDSHAKE: reads the line; false: there is nothing to read any more now. */
void vsock_host_handshake(struct vsock_conn *conn);
/* Connects to PATH_PORT: a descriptor or -errno. */
int vsock_host_connect(const struct vsock *vsock, uint32_t port);

#endif

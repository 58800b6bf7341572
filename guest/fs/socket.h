/* SPDX-License-Identifier: MIT
 *
 * Unix sockets (POSIX 2.10): streams, datagrams, sequenced packets; names in the file system and abstract
 * ones; descriptors and credentials along with data.
 *
 * Messages are queued at the receiver, under its lock. Of the locks of two sockets never both are held.
 * socket_lock, a spinlock inside of those, guards who is whose peer and what has which address.
 */
#ifndef GUEST_FS_SOCKET_H
#define GUEST_FS_SOCKET_H

#include <stdbool.h>
#include <stdint.h>

#include "guest/fs/socket_family.h"

#define SOCKET_QUEUE_MAX 212992 /* bytes at a receiver */

struct message {
	struct list link;
	struct socket_credentials from;
	struct socket_name *name; /* of a datagram's sender, if it has one */
	unsigned file_count;
	struct file **files;
	size_t bytes, taken; /* taken: of a stream */
	uint8_t data[];
};

struct socket {
	uint32_t refs;
	enum socket_type type;
	struct mutex lock;
	struct list messages;
	size_t queued;	     /* bytes of them, with what it takes to keep them */
	struct list backlog; /* connected sockets that wait for accept(), by in_backlog */
	struct list in_backlog;
	unsigned backlog_count, backlog_max;
	bool is_listening, was_connected;
	bool dead;		      /* closed; only peers still have it */
	bool no_more_in, no_more_out; /* shutdown(), or the peer's */
	bool wants_credentials;	      /* SO_PASSCRED */
	struct waitq changed; /* something to read or to accept, room at the peer, the end */
	struct waitq room;    /* here; senders wait for it */
	struct socket *peer;  /* referenced */
	struct socket *next_abstract;
	struct socket_name name;
	struct path bound; /* that its name is bound to; dentry NULL: none */
	struct socket_credentials owner, peer_owner;
};

extern struct spinlock socket_lock;

struct socket *socket_create(enum socket_type type);
static inline struct socket *socket_get(struct socket *socket)
{
	__atomic_fetch_add(&socket->refs, 1, __ATOMIC_RELAXED);
	return socket;
}
void socket_put(struct socket *socket);
/* A file for it, which takes the reference, also if it fails. */
int socket_open(struct socket *socket, unsigned flags, struct file **file);
/* socket() for AF_UNIX: checks type and protocol. */
int socket_unix_create(unsigned type, int protocol, unsigned flags, struct file **file);
/* The peer, referenced; NULL: none. */
struct socket *socket_peer(struct socket *socket);
/* Makes two connected. false: a is already. */
bool socket_join(struct socket *a, struct socket *b);

/* --- connections (socket_connect.c) */
extern const struct socket_operations socket_unix_operations;

/* --- names (socket_name.c) */
/* As a program gives it: 0, -EINVAL, -EAFNOSUPPORT. Cuts a path at its NUL, which counts. */
int socket_name_check(struct socket_name *name);
int socket_bind(struct socket *socket, const struct socket_name *name);
/* Gives the name up, at the end. */
void socket_unbind(struct socket *socket);
/* Who has that name, referenced. */
int socket_find(const struct socket_name *name, struct socket **found);

/* --- data (socket_data.c) */
/* Bytes or -errno. */
int64_t socket_send(struct socket *socket, struct iobuf *data, struct send *send, unsigned flags);

int64_t socket_receive(struct socket *socket, struct iobuf *data, struct receive *receive,
		       unsigned flags);
void message_free(struct message *message);
/* Drops all messages in the list. */
void message_free_all(struct list *messages);

#endif

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

#include "guest/fs/iobuf.h"
#include "guest/fs/vfs.h"

/* Linux's numbers. */
enum socket_type { SOCK_STREAM = 1, SOCK_DGRAM = 2, SOCK_SEQPACKET = 5 };
enum socket_flag { SOCK_NONBLOCK = O_NONBLOCK, SOCK_CLOEXEC = O_CLOEXEC };
enum message_flag {
	MSG_OOB = 1,
	MSG_PEEK = 2,
	MSG_CTRUNC = 8,
	MSG_TRUNC = 0x20,
	MSG_DONTWAIT = 0x40,
	MSG_EOR = 0x80,
	MSG_WAITALL = 0x100,
	MSG_NOSIGNAL = 0x4000,
	MSG_CMSG_CLOEXEC = 0x40000000
};
#define AF_UNIX 1
#define SOCKET_QUEUE_MAX 212992 /* bytes at a receiver */
#define SOCKET_PATH_MAX 108

struct socket_address { /* struct sockaddr_un */
	uint16_t family;
	char path[SOCKET_PATH_MAX + 1]; /* and a NUL, which isn't in length */
};
struct socket_name {
	struct socket_address address;
	uint32_t length; /* with the family; 0: it has none */
};

struct socket_credentials { /* struct ucred */
	int32_t pid;
	uint32_t uid, gid;
};

#define MESSAGE_FILES_MAX 64

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
/* The socket of a file, or NULL. */
struct socket *socket_of(const struct file *file);
/* The peer, referenced; NULL: none. */
struct socket *socket_peer(struct socket *socket);
/* Makes two connected. false: a is already. */
bool socket_join(struct socket *a, struct socket *b);

/* --- names (socket_name.c) */
int socket_bind(struct socket *socket, const struct socket_name *name);
/* Gives the name up, at the end. */
void socket_unbind(struct socket *socket);
/* Who has that name, referenced. */
int socket_find(const struct socket_name *name, struct socket **found);

/* --- data (socket_data.c) */
struct send {
	const struct socket_name *to; /* NULL: the peer */
	struct file **files;	      /* whose references it takes if it succeeds in part */
	unsigned file_count;
	struct socket_credentials from;
};
/* Bytes or -errno. */
int64_t socket_send(struct socket *socket, struct iobuf *data, struct send *send, unsigned flags);

struct receive {
	struct socket_name from; /* of a datagram */
	struct socket_credentials credentials;
	struct file **files; /* to be put or installed and kfree()d; NULL: none */
	unsigned file_count;
	unsigned flags; /* MSG_TRUNC */
};
int64_t socket_receive(struct socket *socket, struct iobuf *data, struct receive *receive,
		       unsigned flags);
void message_free(struct message *message);
/* Drops all messages in the list. */
void message_free_all(struct list *messages);

#endif

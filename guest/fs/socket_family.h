/* SPDX-License-Identifier: MIT
 *
 * What every family of sockets can do: the system calls know a socket only by the operations of its file.
 */
#ifndef GUEST_FS_SOCKET_FAMILY_H
#define GUEST_FS_SOCKET_FAMILY_H

#include <stdbool.h>
#include <stdint.h>

#include "guest/fs/iobuf.h"
#include "guest/fs/vfs.h"

/* Linux's numbers. */
enum socket_family { AF_UNSPEC = 0, AF_UNIX = 1, AF_INET = 2 };
enum socket_type { SOCK_STREAM = 1, SOCK_DGRAM = 2, SOCK_RAW = 3, SOCK_SEQPACKET = 5 };
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
	MSG_MORE = 0x8000,
	MSG_CMSG_CLOEXEC = 0x40000000
};
#define SOL_SOCKET 1
enum socket_option {
	SO_REUSEADDR = 2,
	SO_TYPE = 3,
	SO_ERROR = 4,
	SO_BROADCAST = 6,
	SO_SNDBUF = 7,
	SO_RCVBUF = 8,
	SO_KEEPALIVE = 9,
	SO_LINGER = 13,
	SO_REUSEPORT = 15,
	SO_PASSCRED = 16,
	SO_PEERCRED = 17,
	SO_RCVTIMEO = 20,
	SO_SNDTIMEO = 21,
	SO_BINDTODEVICE = 25,
	SO_ACCEPTCONN = 30,
	SO_PROTOCOL = 38,
	SO_DOMAIN = 39
};

#define SOCKET_PATH_MAX 108
struct socket_address { /* struct sockaddr of any family: struct sockaddr_un is the largest */
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
struct send {
	const struct socket_name *to; /* NULL: the peer */
	struct file **files;	      /* whose references it takes if it succeeds in part */
	unsigned file_count;
	struct socket_credentials from;
};

struct receive {
	struct socket_name from; /* of a datagram */
	struct socket_credentials credentials;
	bool has_credentials; /* they were asked for */
	struct file **files;  /* to be put or installed and kfree()d; NULL: none */
	unsigned file_count;
	unsigned flags; /* MSG_TRUNC */
};

/* All return 0 or -errno, or bytes. */
struct socket_operations {
	enum socket_family family;
	int (*bind)(struct file *file, const struct socket_name *name);
	int (*listen)(struct file *file, unsigned backlog);
	/* name may be of AF_UNSPEC: no peer any more. */
	int (*connect)(struct file *file, const struct socket_name *name);
	/* flags are of the new file. name: the peer's. */
	int (*accept)(struct file *file, unsigned flags, struct file **accepted,
		      struct socket_name *name);
	int (*shutdown)(struct file *file, bool in, bool out);
	int (*name)(struct file *file, bool of_peer, struct socket_name *name);
	int (*set_option)(struct file *file, int level, int option, uint64_t value_gva,
			  uint32_t length);
	int (*get_option)(struct file *file, int level, int option, uint64_t value_gva,
			  uint64_t length_gva);
	/* flags: MSG_…; MSG_DONTWAIT is set for a file that never waits. */
	int64_t (*send)(struct file *file, struct iobuf *data, struct send *send, unsigned flags);
	int64_t (*receive)(struct file *file, struct iobuf *data, struct receive *receive,
			   unsigned flags);
};

/* A value for getsockopt(), cut to what *length_gva says. */
int socket_give_option(uint64_t value_gva, uint64_t length_gva, const void *value, uint32_t bytes);

/* read() and write() of any socket's file. */
int64_t socket_file_read(struct file *file, struct iobuf *to, uint64_t *position);
int64_t socket_file_write(struct file *file, struct iobuf *from, uint64_t *position);

/* A file over operations that have socket operations; private is the family's. On failure private is still
 * the caller's. */
int socket_file_create(const struct file_operations *operations, void *private, unsigned flags,
		       struct file **file);

#endif

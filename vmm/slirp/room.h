/* SPDX-License-Identifier: MIT
 *
 * Memory for frames on their way through vitrine-slirp, shared by all cards: what is received sits in
 * it while libslirp looks at it, what is to be sent while a batch for sendmmsg() gathers.
 */
#ifndef VITRINE_SLIRP_ROOM_H
#define VITRINE_SLIRP_ROOM_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/uio.h>

#define ROOM_RECEIVE_MAX 16	   /* frames of one recvmmsg() */
#define ROOM_STRIDE_BYTES 0x11000  /* a frame of 64 KiB with its headers */
#define ROOM_SEND_MAX 64	   /* frames of one sendmmsg() */
#define ROOM_SEND_BYTES (32 << 10) /* their bytes: larger frames go without waiting for others */

struct room {
	uint8_t *receive;
	uint8_t *send;
	bool used; /* since room_shrink() */
	struct iovec receive_iov[ROOM_RECEIVE_MAX];
	struct mmsghdr receive_message[ROOM_RECEIVE_MAX];
	struct iovec send_iov[ROOM_SEND_MAX];
	struct mmsghdr send_message[ROOM_SEND_MAX];
	unsigned send_count;
	unsigned send_bytes;
};

int room_create(struct room **out);

/* Nothing is going on: its pages go back to the host. */
void room_shrink(struct room *room);

#endif

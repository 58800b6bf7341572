/* SPDX-License-Identifier: MIT
 *
 * See room.h. Frames are received at a stride of 68 KiB: small ones touch one page each, and the
 * kernel gives memory only for what was touched.
 */
#include "slirp/room.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#define RECEIVE_BYTES ((size_t)ROOM_RECEIVE_MAX * ROOM_STRIDE_BYTES)

static void point_at_buffers(struct room *room)
{
	for (unsigned i = 0; i < ROOM_RECEIVE_MAX; i++) {
		room->receive_iov[i] = (struct iovec){room->receive + i * ROOM_STRIDE_BYTES,
						      ROOM_STRIDE_BYTES};
		room->receive_message[i].msg_hdr.msg_iov = &room->receive_iov[i];
		room->receive_message[i].msg_hdr.msg_iovlen = 1;
	}
	for (unsigned i = 0; i < ROOM_SEND_MAX; i++) {
		room->send_message[i].msg_hdr.msg_iov = &room->send_iov[i];
		room->send_message[i].msg_hdr.msg_iovlen = 1;
	}
}

int room_create(struct room **out)
{
	struct room *room = calloc(1, sizeof(*room));

	if (!room)
		return -ENOMEM;
	room->receive = mmap(NULL, RECEIVE_BYTES + ROOM_SEND_BYTES, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (room->receive == MAP_FAILED) {
		free(room);
		return -ENOMEM;
	}
	room->send = room->receive + RECEIVE_BYTES;
	point_at_buffers(room);
	*out = room;
	return 0;
}

void room_shrink(struct room *room)
{
	if (room->used)
		madvise(room->receive, RECEIVE_BYTES + ROOM_SEND_BYTES, MADV_DONTNEED);
	room->used = false;
}

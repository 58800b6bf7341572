/* SPDX-License-Identifier: MIT
 *
 * See net_socket.h.
 */
#include "backend/net_socket.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "backend/net_header.h"

#define HEADER_BYTES sizeof(struct virtio_net_hdr_v1)
#define ETHERNET_HEADER_BYTES 14
#define UNWANTED_BATCHES_MAX 8 /* a hostile sender may not keep the thread here */

/* Moves a frame into the room of an earlier one that was dropped. false: it does not fit there. */
static bool move_frame(struct net_frame *to, const struct net_frame *from, size_t len_bytes)
{
	const struct iovec *source = from->iov;
	struct iovec *target = to->iov;
	size_t source_at = 0, target_at = 0;

	while (len_bytes) {
		if (target_at == target->iov_len) {
			target_at = 0;
			if (++target == to->iov + to->iov_count)
				return false;
			continue;
		}
		if (source_at == source->iov_len) {
			source++;
			source_at = 0;
			continue;
		}
		size_t part = source->iov_len - source_at;

		if (part > target->iov_len - target_at)
			part = target->iov_len - target_at;
		if (part > len_bytes)
			part = len_bytes;
		memcpy((uint8_t *)target->iov_base + target_at,
		       (uint8_t *)source->iov_base + source_at, part);
		source_at += part;
		target_at += part;
		len_bytes -= part;
	}
	return true;
}

size_t net_frame_bytes(const struct net_frame *frame)
{
	size_t bytes = 0;

	for (unsigned i = 0; i < frame->iov_count; i++)
		bytes += frame->iov[i].iov_len;
	return bytes;
}

bool net_frame_peek(const struct net_frame *frame, void *bytes, size_t len_bytes)
{
	struct iovec iov = {bytes, len_bytes};
	struct net_frame copy = {.iov = &iov, .iov_count = 1};

	return len_bytes <= net_frame_bytes(frame) && move_frame(&copy, frame, len_bytes);
}

bool net_frame_fill(struct net_frame *frame, const void *header, const void *bytes,
		    size_t len_bytes)
{
	struct iovec iov[] = {{(void *)(uintptr_t)header, HEADER_BYTES},
			      {(void *)(uintptr_t)bytes, len_bytes}};
	const struct net_frame source = {.iov = iov, .iov_count = 2};

	frame->len_bytes = HEADER_BYTES + len_bytes;
	return move_frame(frame, &source, frame->len_bytes);
}

static bool header_is_sound(const struct net_frame *frame, size_t len_bytes, unsigned offloads)
{
	struct virtio_net_hdr_v1 header = {0};

	return net_frame_peek(frame, &header, sizeof(header)) &&
	       net_header_is_sound(&header, len_bytes - sizeof(header)) &&
	       !(net_header_offloads(&header) & ~offloads);
}

static bool is_wanted(const struct net_frame *frame, const struct mmsghdr *message,
		      unsigned offloads)
{
	return message->msg_len >= HEADER_BYTES + ETHERNET_HEADER_BYTES &&
	       !(message->msg_hdr.msg_flags & MSG_TRUNC) &&
	       header_is_sound(frame, message->msg_len, offloads);
}

/* Closes the gaps that dropped frames leave. Returns how many are left. */
static int keep_wanted(struct net_frame *frame, const struct mmsghdr *message, int count,
		       unsigned offloads)
{
	int kept = 0;

	for (int i = 0; i < count; i++) {
		if (!is_wanted(&frame[i], &message[i], offloads))
			continue;
		if (kept != i && !move_frame(&frame[kept], &frame[i], message[i].msg_len))
			continue;
		frame[kept++].len_bytes = message[i].msg_len;
	}
	return kept;
}

int net_socket_receive(int fd, struct net_frame *frame, unsigned count, unsigned offloads)
{
	struct mmsghdr message[NET_BATCH_MAX];

	if (count > NET_BATCH_MAX)
		count = NET_BATCH_MAX;
	for (unsigned attempt = 0; attempt < UNWANTED_BATCHES_MAX; attempt++) {
		int received, kept;

		for (unsigned i = 0; i < count; i++)
			message[i].msg_hdr = (struct msghdr){.msg_iov = frame[i].iov,
							     .msg_iovlen = frame[i].iov_count};
		received = recvmmsg(fd, message, count, MSG_DONTWAIT, NULL);
		while (received > 0 && !message[received - 1].msg_len)
			received--; /* SOCK_SEQPACKET's end of file */
		if (received <= 0)
			break;
		kept = keep_wanted(frame, message, received, offloads);
		if (kept)
			return kept;
	}
	return -EAGAIN;
}

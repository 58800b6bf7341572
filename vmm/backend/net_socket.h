/* SPDX-License-Identifier: MIT
 *
 * Batches of frames through message sockets, one message per frame.
 */
#ifndef VITRINE_BACKEND_NET_SOCKET_H
#define VITRINE_BACKEND_NET_SOCKET_H

#include <stdbool.h>
#include <stddef.h>

#include "backend/net.h"

/* net_receive_batch() on a socket, from a sender that is not trusted: frames with unsound headers, and those
 * that need other offloads than these, are dropped. */
int net_socket_receive(int fd, struct net_frame *frame, unsigned count, unsigned offloads);

/* What a frame to be sent has, header included. */
size_t net_frame_bytes(const struct net_frame *frame);

/* A frame's first len_bytes into bytes. false: it is shorter than that. */
bool net_frame_peek(const struct net_frame *frame, void *bytes, size_t len_bytes);

/* A header and a frame into a frame's room; sets len_bytes. false: it does not fit. */
bool net_frame_fill(struct net_frame *frame, const void *header, const void *bytes,
		    size_t len_bytes);

#endif

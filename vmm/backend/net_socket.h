/* SPDX-License-Identifier: MIT
 *
 * Batches of frames through message sockets, one message per frame.
 */
#ifndef VITRINE_BACKEND_NET_SOCKET_H
#define VITRINE_BACKEND_NET_SOCKET_H

#include "backend/net.h"

/* net_receive_batch() on a socket. check_headers: frames with unsound headers are dropped. */
int net_socket_receive(int fd, struct net_frame *frame, unsigned count, bool check_headers);

/* net_send_batch() on a connected socket. */
int net_socket_send(int fd, const struct net_frame *frame, unsigned count);

#endif

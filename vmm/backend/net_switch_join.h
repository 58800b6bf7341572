/* SPDX-License-Identifier: MIT
 *
 * How a VM joins --net switch:NAME. A switch is a folder of sockets, one per port, and nobody's process:
 *
 *   $XDG_RUNTIME_DIR/vitrine (or /tmp/vitrine-UID)/switch-NAME/   mode 0700, locked while somebody joins
 *       4711.0   a listening SOCK_SEQPACKET socket; 4711 is the VMM's process
 *       4790.0
 *
 * Who joins makes its own socket and connects to all that are there, so that each two ports have one
 * connection, whoever came first. A socket that nobody listens on any more is removed by the next who comes.
 */
#ifndef VITRINE_BACKEND_NET_SWITCH_JOIN_H
#define VITRINE_BACKEND_NET_SWITCH_JOIN_H

#include <stddef.h>

#define SWITCH_PEERS_MAX 63
#define SWITCH_NAME_MAX 32

struct switch_seat {
	int folder_fd;
	int listen_fd;
	char socket_name[32]; /* in the folder */
	char folder[256];
	int peer_fd[SWITCH_PEERS_MAX];
	unsigned peer_count;
};

/* 0, or -errno with a line in err. Descriptors are the caller's then. */
int switch_join(const char *name, struct switch_seat *seat, char *err, size_t err_size);

/* Removes the socket, and the folder if it was the last; closes folder_fd and listen_fd. */
void switch_leave(struct switch_seat *seat);

/* As much room for frames under way as /proc/sys/net/core/wmem_max allows. */
void switch_set_room(int fd);

#endif

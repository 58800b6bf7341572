/* SPDX-License-Identifier: MIT
 *
 * What is between a card and its back end when somebody wants to see it or to disturb it: pcap=FILE writes
 * down all frames, lose=N lets every N-th IP packet from the guest get lost.
 *
 * The file is in libpcap's format (draft-ietf-opsawg-pcap), Ethernet, times in ns. A lost packet is in it: it
 * was written down before it was lost.
 */
#ifndef VITRINE_BACKEND_NET_WIRE_H
#define VITRINE_BACKEND_NET_WIRE_H

#include <stdbool.h>
#include <stddef.h>

struct net_frame;
struct net_wire;

/* *out is NULL if neither is asked for (path NULL, lose 0). 0 or -errno, with a line in err. */
int net_wire_open(const char *path, unsigned lose, struct net_wire **out, char *err,
		  size_t err_size);
void net_wire_close(struct net_wire *wire); /* NULL is fine */

/* Whether the frame that the guest sends next is to be lost. Any thread. */
bool net_wire_loses(struct net_wire *wire, const struct net_frame *frame);

/* One frame has passed, or was lost; len_bytes without the header before it. Any thread. */
void net_wire_note(struct net_wire *wire, const struct net_frame *frame, size_t len_bytes);

#endif

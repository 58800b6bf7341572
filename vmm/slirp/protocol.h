/* SPDX-License-Identifier: MIT
 *
 * What the VMM and vitrine-slirp, its helper for --net user, say to each other.
 *
 * SLIRP_CONTROL_FD of the helper is a SOCK_SEQPACKET socket. A slirp_request that adds a card carries
 * descriptors (SCM_RIGHTS) and is answered with a slirp_reply before any frame flows; one that removes a
 * card is not answered. End of file ends the helper.
 *
 * Frames go through a pair of rings (frame_ring.h): to the helper behind their struct virtio_net_hdr_v1,
 * to the VMM without one, for libslirp's frames are whole.
 */
#ifndef VITRINE_SLIRP_PROTOCOL_H
#define VITRINE_SLIRP_PROTOCOL_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#define SLIRP_CONTROL_FD 3
#define SLIRP_FORWARDS_MAX 16

/* What comes with a request that adds a card. */
enum { SLIRP_FD_RINGS, SLIRP_FD_HELPER_BELL, SLIRP_FD_VMM_BELL, SLIRP_FDS };

/* Which of the two rings. */
enum { SLIRP_RING_TO_HELPER, SLIRP_RING_TO_VMM };

/* A port of the host that leads into the guest. Addresses in network order, ports in the host's. */
struct slirp_forward {
	bool udp;
	uint16_t host_port;
	uint16_t guest_port;
	struct in_addr host;  /* 0.0.0.0: every address of the host */
	struct in_addr guest; /* 0.0.0.0: the first that DHCP gives out */
};

enum { SLIRP_ADD, SLIRP_REMOVE };

struct slirp_request {
	uint32_t what;
	uint32_t card; /* the VMM's number for it */
	uint32_t mtu;
	uint32_t forward_count;
	struct slirp_forward forward[SLIRP_FORWARDS_MAX];
};

struct slirp_reply {
	int32_t error;	 /* 0 or an errno */
	int32_t forward; /* the one at fault; -1: something else */
};

#endif

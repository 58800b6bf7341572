/* SPDX-License-Identifier: MIT
 *
 * What the VMM and vitrine-slirp, its helper for --net user, say to each other.
 *
 * SLIRP_CONTROL_FD of the helper is a SOCK_SEQPACKET socket. Each slirp_request on it carries one
 * descriptor (SCM_RIGHTS), the helper's end of a card's own SOCK_SEQPACKET pair, and is answered with a
 * slirp_reply before any frame flows. A message on a card's socket is one frame behind its struct
 * virtio_net_hdr_v1. End of file on a card's socket removes the card; on the control socket it ends the
 * helper.
 */
#ifndef VITRINE_SLIRP_PROTOCOL_H
#define VITRINE_SLIRP_PROTOCOL_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#define SLIRP_CONTROL_FD 3
#define SLIRP_FORWARDS_MAX 16

/* A port of the host that leads into the guest. Addresses in network order, ports in the host's. */
struct slirp_forward {
	bool udp;
	uint16_t host_port;
	uint16_t guest_port;
	struct in_addr host;  /* 0.0.0.0: every address of the host */
	struct in_addr guest; /* 0.0.0.0: the first that DHCP gives out */
};

struct slirp_request {
	uint32_t mtu;
	uint32_t forward_count;
	struct slirp_forward forward[SLIRP_FORWARDS_MAX];
};

struct slirp_reply {
	int32_t error;	 /* 0 or an errno */
	int32_t forward; /* the one at fault; -1: something else */
};

#endif

/* SPDX-License-Identifier: MIT
 *
 * virtio-net as it lies in memory (virtio 1.2 §5.1).
 */
#ifndef VITRINE_ABI_VIRTIO_NET_H
#define VITRINE_ABI_VIRTIO_NET_H

#include <stddef.h>
#include <stdint.h>

#define VIRTIO_ID_NET 1

/* §5.1.3; HOST: what the device takes, GUEST: what the driver takes */
#define VIRTIO_NET_F_CSUM 0
#define VIRTIO_NET_F_GUEST_CSUM 1
#define VIRTIO_NET_F_CTRL_GUEST_OFFLOADS 2
#define VIRTIO_NET_F_MTU 3
#define VIRTIO_NET_F_MAC 5
#define VIRTIO_NET_F_GUEST_TSO4 7
#define VIRTIO_NET_F_GUEST_TSO6 8
#define VIRTIO_NET_F_GUEST_ECN 9
#define VIRTIO_NET_F_GUEST_UFO 10
#define VIRTIO_NET_F_HOST_TSO4 11
#define VIRTIO_NET_F_HOST_TSO6 12
#define VIRTIO_NET_F_HOST_ECN 13
#define VIRTIO_NET_F_HOST_UFO 14
#define VIRTIO_NET_F_MRG_RXBUF 15
#define VIRTIO_NET_F_STATUS 16
#define VIRTIO_NET_F_CTRL_VQ 17
#define VIRTIO_NET_F_CTRL_RX 18
#define VIRTIO_NET_F_MQ 22
#define VIRTIO_NET_F_CTRL_MAC_ADDR 23

/* §5.1.4 */
struct virtio_net_config {
	uint8_t mac[6];
	uint16_t status; /* VIRTIO_NET_S_* */
	uint16_t max_virtqueue_pairs;
	uint16_t mtu;
};

#define VIRTIO_NET_S_LINK_UP 1

/* §5.1.6: in front of every frame */
struct virtio_net_header {
	uint8_t flags;	  /* VIRTIO_NET_HDR_F_* */
	uint8_t gso_type; /* VIRTIO_NET_GSO_* */
	uint16_t hdr_len;
	uint16_t gso_size;
	uint16_t csum_start;
	uint16_t csum_offset;
	uint16_t num_buffers;
};

#define VIRTIO_NET_HDR_F_NEEDS_CSUM 1
#define VIRTIO_NET_HDR_F_DATA_VALID 2
#define VIRTIO_NET_GSO_NONE 0
#define VIRTIO_NET_GSO_TCPV4 1
#define VIRTIO_NET_GSO_UDP 3
#define VIRTIO_NET_GSO_TCPV6 4
#define VIRTIO_NET_GSO_ECN 0x80

/* §5.1.6.5: the control queue */
struct virtio_net_control {
	uint8_t class;
	uint8_t command;
};

enum virtio_net_class {
	VIRTIO_NET_CTRL_RX = 0,
	VIRTIO_NET_CTRL_MAC = 1,
	VIRTIO_NET_CTRL_MQ = 4,
	VIRTIO_NET_CTRL_GUEST_OFFLOADS = 5
};

enum { VIRTIO_NET_CTRL_RX_PROMISC = 0, VIRTIO_NET_CTRL_RX_ALLMULTI = 1 };
enum { VIRTIO_NET_CTRL_MAC_TABLE_SET = 0, VIRTIO_NET_CTRL_MAC_ADDR_SET = 1 };
enum { VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET = 0 };
enum { VIRTIO_NET_CTRL_GUEST_OFFLOADS_SET = 0 };
enum { VIRTIO_NET_OK = 0, VIRTIO_NET_ERR = 1 };

_Static_assert(sizeof(struct virtio_net_config) == 12, "configuration");
_Static_assert(sizeof(struct virtio_net_header) == 12, "frame header");
_Static_assert(offsetof(struct virtio_net_header, num_buffers) == 10, "frame header");

#endif

/* SPDX-License-Identifier: MIT
 *
 * Network interfaces, whoever drives them: Ethernet frames without their checksum, in and out.
 */
#ifndef GUEST_DRIVERS_NET_H
#define GUEST_DRIVERS_NET_H

#include <stdbool.h>
#include <stdint.h>

struct page;

#define NET_HEADER_BYTES 14
#define NET_FRAME_MIN 60 /* shorter ones are padded by the driver where the device doesn't */
#define NET_FRAME_MAX 1514

#define NET_PIECES_MAX 17 /* 64 KiB in pages, and one more */
#define NET_HEADROOM 64	  /* bytes before each received piece that are the receiver's */

/* A received frame in place. Each piece is at the front of a block of its own, whose reference goes with it. */
struct net_frame {
	struct {
		uint8_t *at; /* with NET_HEADROOM bytes before it */
		uint32_t bytes;
		struct page *block;
	} piece[NET_PIECES_MAX];
	unsigned count;
	bool is_checked; /* TCP's or UDP's checksum is right, or was never on a wire */
};

/* A frame to send, in place. */
struct net_packet {
	struct net_piece {
		const void *at; /* in the direct map; before the first is room for NET_ROOM_BYTES */
		uint32_t bytes;
	} piece[NET_PIECES_MAX];
	unsigned count;
	uint16_t checksum_start,
		checksum_offset;	      /* the device sums from start on; 0: nothing to do */
	uint16_t segment_bytes, header_bytes; /* TCP, to be cut into segments; 0: isn't */
	void *token;			      /* for sent_packet() */
};
#define NET_ROOM_BYTES 16

enum net_offload {
	NET_OFFLOAD_CHECKSUM = 1, /* packets may leave TCP's checksum to the device */
	NET_OFFLOAD_SEGMENT = 2	  /* and be longer than the MTU */
};

struct net_device {
	char name[8];	    /* "eth0" */
	const char *driver; /* "virtio-net", "e1000", "ne2000" */
	uint8_t mac[6];
	uint16_t mtu;
	uint64_t sent, received; /* frames */

	/* Takes a copy of a frame of at most NET_FRAME_MAX bytes. false: no room at the moment. */
	bool (*send)(struct net_device *nic, const void *frame, unsigned bytes);
	/* Starts what was sent, and says whether all of it has left. */
	bool (*all_sent)(struct net_device *nic);
	/* A frame into at least NET_FRAME_MAX bytes; returns its length, 0: there is none. */
	unsigned (*receive)(struct net_device *nic, void *frame);
	/* Sleeps until a frame may be there, at most until the next tick. NULL: can only be polled. */
	void (*wait)(struct net_device *nic);
	/* Whether arrived() is called, from an interrupt, when a frame comes; turning it on says whether one is
	 * there already. After an arrived() it may be off. Always false: can only be polled. */
	bool (*listen)(struct net_device *nic, bool on);
	void (*arrived)(struct net_device *nic); /* whoever listens sets it */
	/* false: the cable is unplugged. NULL: nobody knows. */
	bool (*has_link)(const struct net_device *nic);

	/* Without copies; NULL: can't. */
	unsigned offloads; /* enum net_offload */
	/* The next frame. false: there is none. */
	bool (*take)(struct net_device *nic, struct net_frame *frame);
	/* false: no room. Else sent_packet() is called, from here or from all_sent(), once the device is done. */
	bool (*send_packet)(struct net_device *nic, const struct net_packet *packet);
	void (*sent_packet)(void *token); /* the sender's */

	/* One line on what was negotiated and how often it was used. */
	void (*describe)(const struct net_device *nic, char *text, unsigned size);

	void *context; /* the driver's */
	struct net_device *next;
};

/* Joins the list and gets its name; for drivers. It lives for good. */
void net_add(struct net_device *nic);

/* The list's start. */
struct net_device *net_first(void);

/* By name; "" is the first one. NULL: there is none. */
struct net_device *net_find(const char *name);

/* Sends, waiting for room. false: there is none for seconds. */
bool net_send(struct net_device *nic, const void *frame, unsigned bytes);

/* Waits until all has left. false: it doesn't. */
bool net_drain(struct net_device *nic);

/* The next frame, or 0 after limit_ns. */
unsigned net_receive(struct net_device *nic, void *frame, uint64_t limit_ns);

#endif

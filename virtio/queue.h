/* SPDX-License-Identifier: MIT
 *
 * A virtqueue, device side: split (virtio 1.2 §2.7) and packed (§2.8) behind one interface.
 *
 * Knows guest RAM and nothing else: no KVM, no transport, no device, no thread. The caller serialises
 * all calls for one queue. Every field a guest wrote is copied once, then checked, then used.
 *
 *     driver                         device
 *     descriptors → avail → kick     virtq_pop() … virtq_push() → virtq_publish() → interrupt
 *
 * A queue that finds nonsense breaks: virtq_pop() returns the error then and ever after, until
 * virtq_stop(); the transport turns that into DEVICE_NEEDS_RESET (§2.1.2).
 */
#ifndef VITRINE_VIRTIO_QUEUE_H
#define VITRINE_VIRTIO_QUEUE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "kvm/gmem.h"
#include "observe/counters.h"

#define VIRTQ_SIZE_MAX 1024

/* Why a queue broke; virtq_fault_text() has the words. */
enum virtq_fault {
	VIRTQ_OK,
	VIRTQ_AVAIL_JUMP,	/* avail idx is more than the queue's size ahead */
	VIRTQ_BAD_HEAD,		/* head index beyond the table */
	VIRTQ_BAD_NEXT,		/* next index beyond the table */
	VIRTQ_CHAIN_LOOP,	/* more descriptors than the table has */
	VIRTQ_CHAIN_TOO_LONG,	/* more than the device said it takes */
	VIRTQ_OUTSIDE_RAM,	/* a buffer is not wholly in RAM */
	VIRTQ_ZERO_LENGTH,	/* a buffer of no bytes */
	VIRTQ_LENGTH_OVERFLOW,	/* a chain's buffers add up to 4 GiB or more (§2.7.5.2) */
	VIRTQ_READ_AFTER_WRITE, /* device-readable buffer behind a device-writable one (§2.7.4.2) */
	VIRTQ_BAD_INDIRECT, /* indirect table: size, nesting, NEXT beside it, or not negotiated */
	VIRTQ_REUSED_HEAD,  /* a chain that is still in flight was made available again */
	VIRTQ_RING_OUTSIDE_RAM /* ring memory went away: cannot happen after virtq_start() */
};

/* Where the driver put the queue; written by the transport, checked by virtq_start(). */
struct virtq_config {
	uint16_t size; /* split: power of two (§2.7); packed: any (§2.8.10.1); 1…VIRTQ_SIZE_MAX */
	uint64_t desc_gpa;
	uint64_t driver_gpa; /* avail ring, or driver event suppression */
	uint64_t device_gpa; /* used ring, or device event suppression */
};

/* One request: device-readable buffers first, then device-writable ones, as host addresses into guest
 * RAM. The guest may change their bytes at any time, not the addresses. */
struct virtq_chain {
	uint16_t id;	/* what goes back to the driver: head index, or buffer id */
	uint16_t slots; /* packed: descriptors it takes in the ring */
	uint16_t out_count;
	uint16_t in_count;
	uint32_t out_bytes;
	uint32_t in_bytes;
	uint64_t sequence;   /* the queue's own: order of popping */
	uint64_t popped_tsc; /* for the latency histogram */
	unsigned iov_max;    /* set by the caller before virtq_pop(): room in iov */
	struct iovec *iov;   /* the caller's; out_count + in_count are filled in */
};

/* A snapshot of what a queue needs to go on elsewhere (a vhost back end, a saved VM). */
struct virtq_position {
	uint16_t avail; /* next to pop; packed: bit 15 is the wrap counter (§4.1.5.1.3) */
	uint16_t used;
};

struct virtq;

/* mem is borrowed. size_max is what the transport shows as the largest. 0, -ENOMEM, -EINVAL (size_max is 0
 * or beyond VIRTQ_SIZE_MAX). */
int virtq_create(const struct gmem *mem, uint16_t size_max, struct virtq **out);
void virtq_destroy(struct virtq *q); /* NULL is fine */

/* Begins with an empty ring at config, with the negotiated features (the bits of abi/virtio_ring.h).
 * chain_max: buffers that one chain may have. 0, -EINVAL: size or alignment
 * (§2.7, §2.8), -EFAULT: not in RAM, -ENOMEM. A live queue is stopped first. */
int virtq_start(struct virtq *q, const struct virtq_config *config, uint64_t features,
		uint16_t chain_max);

/* Forgets the ring, chains in flight included: the caller has drained them. Counters stay. */
void virtq_stop(struct virtq *q);
bool virtq_is_live(const struct virtq *q);

/* Takes the next available chain. 1: *chain is filled in; 0: there is none; -EPROTO: the queue is broken,
 * virtq_fault() says why. A chain must be pushed exactly once, in any order (with IN_ORDER
 * negotiated the queue holds back what is early, §2.7.9, §2.8.8). */
int virtq_pop(struct virtq *q, struct virtq_chain *chain);

/* Gives the last popped chain back, as if never popped: only directly after its virtq_pop(). */
void virtq_unpop(struct virtq *q, const struct virtq_chain *chain);

/* Marks a chain as used with written_bytes put into its device-writable buffers (from their beginning on,
 * §2.7.8.2). The driver does not see it before virtq_publish(). */
void virtq_push(struct virtq *q, const struct virtq_chain *chain, uint32_t written_bytes);

/* Lets the driver see all that was pushed. True: it wants an interrupt now. */
bool virtq_publish(struct virtq *q);

/* Kicks: while the device works on a queue it needs none. virtq_enable_kicks() returns true if more became
 * available meanwhile: pop again instead of sleeping. A live queue begins with kicks enabled. */
void virtq_disable_kicks(struct virtq *q);
bool virtq_enable_kicks(struct virtq *q);

/* Whether at least one chain is available, without taking it. A broken queue: true, so that it is popped. */
bool virtq_has_work(struct virtq *q);

uint16_t virtq_size_max(const struct virtq *q);
enum virtq_fault virtq_fault(const struct virtq *q);
const char *virtq_fault_text(enum virtq_fault fault);
/* Always on; written by the queue's own thread (kicks: by who takes them), read by others as a snapshot that may be
 * torn. Bytes: of all device-readable buffers, and those written. The name is empty. */
struct queue_counters *virtq_counters(struct virtq *q);

/* Where to go on: exact when nothing is in flight and all is published. */
struct virtq_position virtq_position(const struct virtq *q);

/* Goes on from a position that somebody else left off at, with kicks enabled. After virtq_start(), nothing
 * in flight. A back end that hands back only avail (VHOST_GET_VRING_BASE) has drained: used is the
 * same. 0, -EINVAL: not live, chains in flight, or an index beyond a packed ring. */
int virtq_set_position(struct virtq *q, struct virtq_position position);

/* Bytes from or to a chain's buffers, from byte offset of the device-readable (device-writable) part on.
 * Returns how many there were, at most len_bytes. */
uint32_t virtq_chain_read(const struct virtq_chain *chain, uint32_t offset, void *dst,
			  uint32_t len_bytes);
uint32_t virtq_chain_write(const struct virtq_chain *chain, uint32_t offset, const void *src,
			   uint32_t len_bytes);

#endif

/* SPDX-License-Identifier: MIT
 *
 * Frames from one process to another through shared memory: one sender, one receiver, no system call
 * while both are awake.
 *
 *          tail                head
 *     ......|len frame|len frame|................|        positions count bytes and never go back;
 *           ^ the receiver's    ^ the sender's   ^ end    a record does not cross the end
 *
 * Bells are eventfds, rung only for who said that it sleeps, or that it waits for room. Each process may
 * trust nothing that it reads here: positions and lengths are checked, and a ring that makes no sense is
 * broken for good.
 */
#ifndef VITRINE_SLIRP_FRAME_RING_H
#define VITRINE_SLIRP_FRAME_RING_H

#include <stdbool.h>
#include <stdint.h>

#define FRAME_RING_BYTES (256u << 10)	  /* a power of two */
#define FRAME_RING_RECORD_MAX (80u << 10) /* a frame of 64 KiB, its headers and its length */
#define FRAME_RING_PAIR_BYTES (2 * (FRAME_RING_BYTES + 4096)) /* both directions, in one file */

struct frame_ring_shared;

/* One process's view of one direction. */
struct frame_ring {
	struct frame_ring_shared *shared;
	uint32_t own;	/* sender: head, what was committed; receiver: tail, what was taken */
	uint32_t other; /* the other's position, as last read */
	uint32_t size;	/* receiver: of the record that was looked at last */
	bool broken;
	int bell_fd; /* wakes the other; borrowed */
};

/* A file for both directions (memfd), filled with empty rings. A descriptor or -errno. */
int frame_ring_create_pair(void);

/* Maps the file; rings[0] is the direction 0. *mapping is for frame_ring_unmap(). 0 or -errno. */
int frame_ring_map(int fd, int bell_fd, struct frame_ring rings[2], void **mapping);
void frame_ring_unmap(void *mapping);

/* --- the sender --- */

/* Room for a frame, or NULL: none now. Written to before frame_ring_commit(). */
uint8_t *frame_ring_reserve(struct frame_ring *ring, uint32_t len_bytes);
void frame_ring_commit(struct frame_ring *ring, uint32_t len_bytes);

/* Shows the receiver what was committed. */
void frame_ring_publish(struct frame_ring *ring);

/* Asks for the bell when there is room again. false: there is some already. */
bool frame_ring_wait_for_room(struct frame_ring *ring);

/* --- the receiver --- */

/* The next frame, in place, or NULL: none, or ring->broken. */
uint8_t *frame_ring_peek(struct frame_ring *ring, uint32_t *len_bytes);
void frame_ring_drop(struct frame_ring *ring); /* the one that was peeked at */

/* Gives the sender back the room of what was dropped. */
void frame_ring_release(struct frame_ring *ring);

/* Asks for the bell at the next frame. false: there is one already. */
bool frame_ring_sleep(struct frame_ring *ring);

#endif

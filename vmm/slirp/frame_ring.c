/* SPDX-License-Identifier: MIT
 *
 * See frame_ring.h.
 */
#include "slirp/frame_ring.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#define LEN_BYTES 8	/* of a record's length field: frames begin aligned */
#define SKIP UINT32_MAX /* for a length: the next record is at the ring's start */
#define RESTART_AFTER \
	(32u << 10) /* an empty ring is used from its start again: fewer pages are touched */

/* What the sender writes and what the receiver writes are in cache lines of their own. */
struct frame_ring_shared {
	_Alignas(64) _Atomic uint32_t head;
	_Atomic uint32_t sender_waits;
	_Alignas(64) _Atomic uint32_t tail;
	_Atomic uint32_t receiver_sleeps;
	_Alignas(4096) uint8_t data[FRAME_RING_BYTES];
};

_Static_assert(sizeof(struct frame_ring_shared) * 2 == FRAME_RING_PAIR_BYTES, "both fit the file");

static void ring_bell(const struct frame_ring *ring)
{
	eventfd_write(ring->bell_fd, 1);
}

int frame_ring_create_pair(void)
{
	int fd = memfd_create("vitrine-net", MFD_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (ftruncate(fd, FRAME_RING_PAIR_BYTES)) {
		int error = -errno;

		close(fd);
		return error;
	}
	return fd;
}

int frame_ring_map(int fd, int bell_fd, struct frame_ring rings[2], void **mapping)
{
	struct frame_ring_shared *shared = mmap(NULL, FRAME_RING_PAIR_BYTES, PROT_READ | PROT_WRITE,
						MAP_SHARED, fd, 0);

	if (shared == MAP_FAILED)
		return -errno;
	for (unsigned i = 0; i < 2; i++)
		rings[i] = (struct frame_ring){.shared = &shared[i], .bell_fd = bell_fd};
	*mapping = shared;
	return 0;
}

void frame_ring_unmap(void *mapping)
{
	if (mapping)
		munmap(mapping, FRAME_RING_PAIR_BYTES);
}

static uint32_t record_bytes(uint32_t len_bytes)
{
	return LEN_BYTES + ((len_bytes + LEN_BYTES - 1) & ~(uint32_t)(LEN_BYTES - 1));
}

static uint8_t *at(const struct frame_ring *ring, uint32_t position)
{
	return ring->shared->data + position % FRAME_RING_BYTES;
}

static void put_len(const struct frame_ring *ring, uint32_t len)
{
	memcpy(at(ring, ring->own), &len, sizeof(len));
}

/* --- the sender --- */

/* Bytes that may be written, after a look at the receiver's position if that seems too little. */
static uint32_t room(struct frame_ring *ring, uint32_t wanted_bytes)
{
	if (FRAME_RING_BYTES - (ring->own - ring->other) < wanted_bytes) {
		/* acquire: what the receiver has read is read before it is written again */
		ring->other = atomic_load_explicit(&ring->shared->tail, memory_order_acquire);
		if (ring->own - ring->other > FRAME_RING_BYTES)
			ring->broken = true;
	}
	return ring->broken ? 0 : FRAME_RING_BYTES - (ring->own - ring->other);
}

/* Puts a record at the start of the ring: it would cross the end, or all is read and the start is
 * warmer. false: no room for that. */
static bool skip_to_start(struct frame_ring *ring, uint32_t wanted_bytes)
{
	uint32_t left = FRAME_RING_BYTES - ring->own % FRAME_RING_BYTES;

	if (room(ring, left + wanted_bytes) < left + wanted_bytes)
		return false;
	put_len(ring, SKIP);
	ring->own += left;
	return true;
}

uint8_t *frame_ring_reserve(struct frame_ring *ring, uint32_t len_bytes)
{
	uint32_t wanted = record_bytes(len_bytes), offset = ring->own % FRAME_RING_BYTES;

	if (len_bytes > FRAME_RING_RECORD_MAX - LEN_BYTES)
		return NULL;
	if (offset + wanted > FRAME_RING_BYTES) {
		if (!skip_to_start(ring, wanted))
			return NULL;
	} else if (offset >= RESTART_AFTER &&
		   atomic_load_explicit(&ring->shared->tail, memory_order_acquire) == ring->own) {
		ring->other = ring->own;
		skip_to_start(ring, wanted);
	}
	return room(ring, wanted) < wanted ? NULL : at(ring, ring->own) + LEN_BYTES;
}

void frame_ring_commit(struct frame_ring *ring, uint32_t len_bytes)
{
	put_len(ring, len_bytes);
	ring->own += record_bytes(len_bytes);
}

void frame_ring_publish(struct frame_ring *ring)
{
	if (atomic_load_explicit(&ring->shared->head, memory_order_relaxed) == ring->own)
		return;
	/* release: frames are there before the position that covers them */
	atomic_store_explicit(&ring->shared->head, ring->own, memory_order_release);
	/* Pairs with the fence in frame_ring_sleep(): one of both sees the other's store. */
	atomic_thread_fence(memory_order_seq_cst);
	if (atomic_load_explicit(&ring->shared->receiver_sleeps, memory_order_relaxed) &&
	    atomic_exchange(&ring->shared->receiver_sleeps, 0))
		ring_bell(ring);
}

bool frame_ring_wait_for_room(struct frame_ring *ring)
{
	atomic_store_explicit(&ring->shared->sender_waits, 1, memory_order_relaxed);
	/* Pairs with the fence in frame_ring_release(). */
	atomic_thread_fence(memory_order_seq_cst);
	if (ring->broken || room(ring, FRAME_RING_BYTES) < FRAME_RING_RECORD_MAX * 2)
		return true;
	atomic_store_explicit(&ring->shared->sender_waits, 0, memory_order_relaxed);
	return false;
}

/* --- the receiver --- */

static uint32_t filled(struct frame_ring *ring)
{
	uint32_t bytes = ring->other - ring->own;

	if (bytes)
		return bytes;
	/* acquire: pairs with the release in frame_ring_publish() */
	ring->other = atomic_load_explicit(&ring->shared->head, memory_order_acquire);
	return ring->other - ring->own;
}

uint8_t *frame_ring_peek(struct frame_ring *ring, uint32_t *len_bytes)
{
	for (unsigned skips = 0; !ring->broken && skips < 2; skips++) {
		uint32_t bytes = filled(ring),
			 left = FRAME_RING_BYTES - ring->own % FRAME_RING_BYTES;
		uint32_t len;

		if (!bytes)
			return NULL;
		memcpy(&len, at(ring, ring->own), sizeof(len));
		if (len <= FRAME_RING_RECORD_MAX && bytes <= FRAME_RING_BYTES &&
		    record_bytes(len) <= bytes && record_bytes(len) <= left) {
			ring->size = record_bytes(len);
			*len_bytes = len;
			return at(ring, ring->own) + LEN_BYTES;
		}
		if (len != SKIP || left > bytes)
			break;
		ring->own += left;
	}
	ring->broken = true;
	return NULL;
}

void frame_ring_drop(struct frame_ring *ring)
{
	ring->own += ring->size;
}

void frame_ring_release(struct frame_ring *ring)
{
	if (atomic_load_explicit(&ring->shared->tail, memory_order_relaxed) == ring->own)
		return;
	/* release: read before the sender may write there again */
	atomic_store_explicit(&ring->shared->tail, ring->own, memory_order_release);
	atomic_thread_fence(memory_order_seq_cst);
	if (!atomic_load_explicit(&ring->shared->sender_waits, memory_order_relaxed))
		return;
	if (filled(ring) < FRAME_RING_BYTES / 2 && atomic_exchange(&ring->shared->sender_waits, 0))
		ring_bell(ring);
}

bool frame_ring_sleep(struct frame_ring *ring)
{
	atomic_store_explicit(&ring->shared->receiver_sleeps, 1, memory_order_relaxed);
	/* Pairs with the fence in frame_ring_publish(). */
	atomic_thread_fence(memory_order_seq_cst);
	if (ring->broken || !filled(ring))
		return true;
	atomic_store_explicit(&ring->shared->receiver_sleeps, 0, memory_order_relaxed);
	return false;
}

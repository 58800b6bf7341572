/* SPDX-License-Identifier: MIT
 *
 * seek=hdd: how long a disk with an arm and platters takes for a request. The model knows no clock but its own,
 * which stands still between requests, so that the same requests in the same order always take the same time.
 *
 * 7,200 turns a minute; tracks of 1 MiB one after another from the outside in; the image is the whole disk. A seek
 * over d of n tracks takes 0.8 ms + 14.2 ms * sqrt((d - 1) / (n - 2)): 0.8 ms to the next track, 9.0 ms over a third
 * of the disk (the mean of random seeks), 15 ms over all of it. Then the platter turns until the sector comes by,
 * and on while the data pass under the head.
 */
#ifndef VITRINE_BACKEND_BLOCK_HDD_H
#define VITRINE_BACKEND_BLOCK_HDD_H

#include <stdint.h>

#define BLOCK_HDD_TURN_NS 8333333u
#define BLOCK_HDD_TRACK_BYTES (1u << 20)

struct block_hdd {
	uint64_t track_count;
	uint64_t track;	   /* where the head is */
	uint64_t clock_ns; /* the angle of the platter, in turns of BLOCK_HDD_TURN_NS */
};

void block_hdd_init(struct block_hdd *hdd, uint64_t size_bytes);

/* Serves the request: nanoseconds from the end of the last one to the end of this one. */
uint64_t block_hdd_serve_ns(struct block_hdd *hdd, uint64_t offset_bytes, uint64_t len_bytes);

#endif
